/** The package as it would be published, unpacked beside the packages that it needs: for tests that use it as a host does. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Npm } from '../nodes/npm.ts';
import { pack } from '../nodes/packed.ts';
import { REPOSITORY } from './process.ts';

const MODULES = join(REPOSITORY, 'node_modules');

/**
 * @param directory empty; gets a `node_modules`
 * @param others packages beside its own dependencies; no types of any other package are there
 */
export async function unpackLibrary(directory: string, others: readonly string[] = []): Promise<void> {
  const tarball = await pack(new Npm(join(directory, 'npm-cache')), directory);
  const ours = join(directory, 'node_modules/claude-session-sweeper');
  mkdirSync(ours, { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '--strip-components=1', '-C', ours]);
  const manifest = JSON.parse(readFileSync(join(ours, 'package.json'), 'utf8')) as { dependencies: object };
  for (const name of [...Object.keys(manifest.dependencies), ...others]) {
    mkdirSync(dirname(join(directory, 'node_modules', name)), { recursive: true });
    symlinkSync(join(MODULES, name), join(directory, 'node_modules', name));
  }
}
