/** Spares the minutes in which better-sqlite3 12 is compiled: its own installer takes a binary that was compiled before. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { freshDirectory } from '../support/place.ts';
import { REPOSITORY, run } from '../support/process.ts';
import { sqliteVersionIn } from './packed.ts';

/**
 * Packs the binding of this checkout as the installer expects it from the release's page. It takes the file where version and Node
 * are the same, and else compiles.
 * @returns the setting that shows it the file; empty where this checkout has compiled none
 */
export async function packBinding(parent: string): Promise<Record<string, string>> {
  const directory = freshDirectory(parent, 'prebuilt');
  const top = join(REPOSITORY, 'node_modules/better-sqlite3');
  const binary = 'build/Release/better_sqlite3.node';
  if (!existsSync(join(top, binary))) return {};
  const { platform, arch, versions } = process;
  const name = `better-sqlite3-v${sqliteVersionIn(REPOSITORY)}-node-v${versions.modules}-${platform}-${arch}.tar.gz`;
  const packed = await run('tar', ['-czf', join(directory, name), '-C', top, binary]);
  if (packed.code !== 0) throw new Error(`pack the binding: ${packed.stderr}`);
  return { npm_config_better_sqlite3_local_prebuilds: directory };
}
