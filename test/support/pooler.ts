/** Debian's PgBouncer before a schema of the tests' server, in transaction mode: each transaction may get another connection. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './wait.ts';

const PGBOUNCER = '/usr/sbin/pgbouncer';
/** It goes down with whoever holds the other end of its input, also where that is killed. */
const UNTIL_INPUT_ENDS = '"$@" </dev/null & pooler=$!; cat >/dev/null; kill -KILL $pooler; wait $pooler';
const NOBODY = 65_534;
const PORT = 6_432;

/** @returns the URL of the same schema through it */
export async function pooled(url: string, atTheEnd: (act: () => Promise<void>) => void): Promise<string> {
  if (!existsSync(PGBOUNCER)) throw new Error('no pgbouncer here: apt-get install pgbouncer');
  const { pathname, searchParams } = new URL(url);
  const directory = mkdtempSync(join(tmpdir(), 'sweeper-pooler-'));
  const settings = join(directory, 'pgbouncer.ini');
  // It knows nothing of a schema: whoever gets a connection gets it with that.
  writeFileSync(
    settings,
    `[databases]
pooled = host=${searchParams.get('host')} dbname=${pathname.slice(1)} user=postgres connect_query='SET search_path TO ${searchParams.get('search_path')}'
[pgbouncer]
pool_mode = transaction
default_pool_size = 8
max_client_conn = 300
auth_type = any
listen_addr =
listen_port = ${PORT}
unix_socket_dir = ${directory}
`,
  );
  const isRoot = process.geteuid?.() === 0;
  // It refuses to run as root.
  if (isRoot) for (const path of [directory, settings]) chownSync(path, NOBODY, NOBODY);
  chmodSync(directory, 0o755);
  const child = spawn('sh', ['-c', UNTIL_INPUT_ENDS, 'sh', PGBOUNCER, settings], {
    ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}),
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  const said: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => said.push(String(chunk)));
  const ended = once(child, 'exit');
  atTheEnd(async () => {
    child.stdin.end();
    await ended;
    rmSync(directory, { recursive: true, force: true });
  });
  await until('PgBouncer to listen', () => {
    if (said.join('').includes('FATAL')) throw new Error(said.join(''));
    return existsSync(join(directory, `.s.PGSQL.${PORT}`));
  });
  return `postgres://postgres@localhost:${PORT}/pooled?host=${directory}`;
}
