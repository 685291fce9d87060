/** Installs the built program as a package beside a better-sqlite3 of the test's own making. */

import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from './process.ts';
import { tempDir } from './temp-dir.ts';

export interface Installation {
  /** The directory with the `node_modules`: what a host starts here can import the library. */
  readonly directory: string;
  readonly program: string;
}

/** @param makeSqlite fills the directory of better-sqlite3; without it, the package is not there at all */
export function makeInstallation(makeSqlite?: (directory: string) => void): Installation {
  const directory = tempDir();
  const modules = join(directory, 'node_modules');
  const ours = join(modules, 'claude-session-sweeper');
  mkdirSync(ours, { recursive: true });
  for (const name of ['dist', 'package.json']) cpSync(join(REPOSITORY, name), join(ours, name), { recursive: true });
  for (const name of readdirSync(join(REPOSITORY, 'node_modules'))) {
    if (name !== 'better-sqlite3') symlinkSync(join(REPOSITORY, 'node_modules', name), join(modules, name));
  }
  if (makeSqlite !== undefined) {
    mkdirSync(join(modules, 'better-sqlite3'));
    makeSqlite(join(modules, 'better-sqlite3'));
  }
  return { directory, program: join(ours, 'dist/program/main.js') };
}

/** The JavaScript of the better-sqlite3 that is installed here, without its binary. */
export function copySqliteWithoutBinary(directory: string): void {
  const original = join(REPOSITORY, 'node_modules/better-sqlite3');
  for (const name of ['package.json', 'lib']) cpSync(join(original, name), join(directory, name), { recursive: true });
}

/** A better-sqlite3 that brings down any process which loads it. */
export function makeCrashingSqlite(directory: string, options: { readonly version: string; readonly symbol?: string }) {
  mkdirSync(join(directory, 'build/Release'), { recursive: true });
  const manifest = { name: 'better-sqlite3', version: options.version, main: 'crash.js' };
  writeFileSync(join(directory, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(directory, 'crash.js'), 'process.abort();\n');
  if (options.symbol !== undefined) {
    writeFileSync(join(directory, 'build/Release/better_sqlite3.node'), `\0${options.symbol}\0`);
  }
}
