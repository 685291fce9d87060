/** Whether the native part that the package brings serves a Node: one binary is for all of them. */

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { run } from '../support/process.ts';
import type { NodeRelease } from './node-release.ts';
import type { Installed } from './packed.ts';

/** One task for the native part, of a directory that is not there, which it hands back with ENOENT. */
const USE = `
  const part = (await import(process.argv[1])).loadNativePart();
  const words = Uint32Array.of(0, 0, 0, 0xffffffff, 0x7fffffff, 0, 1, 0, 1, 0, 0, 0, 0);
  const [told] = await part.scan(words, Uint8Array.of(0x61, 0), new Int32Array(1));
  if (new Uint32Array(told)[0] === 0) throw new Error('it found what is not there');
`;

/** @returns one sentence where it could not be used */
export async function nativeFailures({ directory }: Installed, { executable }: NodeRelease): Promise<string[]> {
  const loader = join(directory, 'node_modules/claude-session-sweeper/dist/files/native-part.js');
  const { code, stderr } = await run(executable, ['--input-type=module', '-e', USE, pathToFileURL(loader).href]);
  return code === 0 ? [] : [`the native part: ${stderr}`];
}
