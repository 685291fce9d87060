/** Gets releases of Node from the npm registry into temporary folders. */

import { join } from 'node:path';
import { freshDirectory } from '../support/place.ts';
import { run } from '../support/process.ts';
import type { Npm } from './npm.ts';

export interface NodeRelease {
  readonly version: string;
  /** With `bin/` and `include/`. */
  readonly directory: string;
  readonly executable: string;
}

/**
 * Takes the package of this platform, which npm's package `node` would install by a script.
 * @param range `20.19.0`, or `24` for its newest release
 */
export async function fetchNode(range: string, parent: string, npm: Npm): Promise<NodeRelease> {
  const directory = freshDirectory(parent, `node-${range}`);
  const name = `node-${process.platform}-${process.arch}@${range}`;
  const packed = (
    await npm.run(['pack', '--loglevel=error', '--pack-destination', parent, name], { directory })
  ).trim();
  const unpacked = await run('tar', ['-xzf', join(parent, packed), '-C', directory, '--strip-components=1']);
  if (unpacked.code !== 0) throw new Error(`unpack ${packed}: ${unpacked.stderr}`);
  const executable = join(directory, 'bin/node');
  const asked = await run(executable, ['-p', 'process.versions.node']);
  if (asked.code !== 0) throw new Error(`${name} does not run: ${asked.stderr}`);
  return { version: asked.stdout.trim(), directory, executable };
}
