/** Runs a program under strace, to count its system calls or to make one of them fail or be its last. */

import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CLEAN_ENVIRONMENT, type Exit, run } from './harness.ts';

/** One thread does all of libuv's file work, and none of it by io_uring, so that calls can be counted. */
const TRACEABLE = { ...CLEAN_ENVIRONMENT, UV_THREADPOOL_SIZE: '1', UV_USE_IO_URING: '0' };

export function straceMissing(): string | undefined {
  return spawnSync('strace', ['-V']).status === 0 ? undefined : 'strace is not installed (apt-get install strace)';
}

/** How often each call is made by the thread that makes it most: `when=N` of an injection counts by thread. */
export async function countCalls(
  calls: readonly string[],
  command: readonly string[],
  directory: string,
): Promise<ReadonlyMap<string, number>> {
  const output = join(directory, `calls-${process.hrtime.bigint()}`);
  await run('strace', ['-f', '-qq', '-o', output, '-e', `trace=${calls.join(',')}`, ...command], { env: TRACEABLE });
  const countByThread = new Map<string, number>();
  for (const line of readFileSync(output, 'utf8').split('\n')) {
    const match = /^(\d+) +(\w+)\(/.exec(line);
    if (match === null) continue;
    const key = `${match[1]} ${match[2]}`;
    countByThread.set(key, (countByThread.get(key) ?? 0) + 1);
  }
  rmSync(output, { force: true });
  const most = new Map<string, number>();
  for (const [key, count] of countByThread) {
    const call = key.split(' ')[1] ?? '';
    most.set(call, Math.max(most.get(call) ?? 0, count));
  }
  return most;
}

/** @param injection as strace takes it, e.g. `rename:error=EIO:when=2+` or `fsync:signal=KILL:when=3` */
export async function runInjected(injection: string, command: readonly string[]): Promise<Exit> {
  return run('strace', ['-f', '-qq', '-o', '/dev/null', '-e', `inject=${injection}`, ...command], { env: TRACEABLE });
}
