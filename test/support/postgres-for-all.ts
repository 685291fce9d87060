/** One PostgreSQL server for all test files, started when the first of them asks for it, and gone when all are through. */

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { type PostgresProcess, startPostgres } from './postgres-process.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Whoever connects to it is told the directory of the server's socket, or why there is none. */
    readonly postgresStarter: string;
  }
}

let directory = '';
let starter: Server | undefined;
let running: Promise<PostgresProcess> | undefined;

export function setup(project: TestProject): Promise<void> {
  directory = mkdtempSync(join(tmpdir(), 'sweeper-pg-'));
  chmodSync(directory, 0o755);
  const path = join(directory, 'starter');
  project.provide('postgresStarter', path);
  const listening = createServer((socket) => {
    running ??= startPostgres(join(directory, 'server'));
    running.then(
      () => socket.end(JSON.stringify({ directory: join(directory, 'server') })),
      (error: unknown) => socket.end(JSON.stringify({ fault: String(error) })),
    );
  });
  starter = listening;
  return new Promise((resolve) => listening.listen(path, resolve));
}

export async function teardown(): Promise<void> {
  starter?.close();
  try {
    await (await running)?.stop();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
