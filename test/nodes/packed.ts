/** The package as npm packs it, installed as its users install it, on one Node. */

import { readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { freshDirectory } from '../support/place.ts';
import { REPOSITORY, run } from '../support/process.ts';
import { makeTree } from '../support/tree.ts';
import type { NodeRelease } from './node-release.ts';
import type { Npm } from './npm.ts';

export interface Installed {
  /** The host's own directory, with the `node_modules`. */
  readonly directory: string;
  readonly program: string;
  /** Of better-sqlite3. */
  readonly sqliteVersion: string;
}

/** @returns path of the packed package */
export async function pack(npm: Npm, parent: string): Promise<string> {
  const args = ['pack', '--loglevel=error', '--ignore-scripts', '--pack-destination', parent];
  const packed = (await npm.run(args, { directory: REPOSITORY })).trim();
  return join(parent, packed);
}

export interface InstallOptions {
  readonly tarball: string;
  readonly release: NodeRelease;
  readonly npm: Npm;
  /** An npm that runs none unasked, as 12 does, leaves what needs a compiler without its binary. */
  readonly runsScripts: boolean;
  /** Settings of npm. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** @throws where npm refuses to install it, by `engines` for one */
export async function install(parent: string, name: string, options: InstallOptions): Promise<Installed> {
  const directory = freshDirectory(parent, name);
  writeFileSync(join(directory, 'package.json'), '{ "private": true }\n');
  const scripts = options.runsScripts ? [] : ['--ignore-scripts'];
  const args = ['install', '--engine-strict', ...scripts, options.tarball];
  await options.npm.run(args, {
    directory,
    nodeDirectory: options.release.directory,
    environment: options.environment ?? {},
  });
  return {
    directory,
    program: join(directory, 'node_modules/claude-session-sweeper/dist/program/main.js'),
    sqliteVersion: sqliteVersionIn(directory),
  };
}

export function sqliteVersionIn(directory: string): string {
  const manifest = readFileSync(join(directory, 'node_modules/better-sqlite3/package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

/** Version 13 brings binaries for every Node with the Node-API that it needs; 12 is compiled for one. */
export function isOnNodeApi({ sqliteVersion }: Installed): boolean {
  return Number.parseInt(sqliteVersion, 10) >= 13;
}

/**
 * Calls the program by its own name, as whoever has installed it does.
 * @param home is emptied and filled with a Claude directory
 */
export async function dryRunFailures({ directory }: Installed, release: NodeRelease, home: string): Promise<string[]> {
  makeTree(join(freshDirectory(home, '.'), '.claude'), { sessions: 20, seed: 1 });
  const command = join(directory, 'node_modules/.bin/claude-session-sweeper');
  const env = { HOME: home, PATH: `${release.directory}/bin${delimiter}${process.env.PATH ?? ''}` };
  const { code, signal, stderr } = await run(command, ['--run-now', '--dry-run'], { env });
  return code === 0 ? [] : [`--run-now --dry-run of the installed package ended with ${code ?? signal}: ${stderr}`];
}
