/** Runs a program under strace, to count its system calls or to make one of them fail or be its last. */

import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Running } from '../support/process.ts';
import { type Exit, run, start } from '../support/process.ts';

/** One thread does all of libuv's file work, and none of it by io_uring, so that calls can be counted. */
const TRACEABLE = { UV_THREADPOOL_SIZE: '1', UV_USE_IO_URING: '0' };

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
  // Stops at that call alone: several times faster than stopping at all of them.
  const trace = ['--seccomp-bpf', '-e', `trace=${injection.split(':')[0]}`];
  return run('strace', ['-f', '-qq', '-o', '/dev/null', ...trace, '-e', `inject=${injection}`, ...command], {
    env: TRACEABLE,
  });
}

/** A call as one thread made it, with the paths that it named: as a string, or by a descriptor. */
export interface SeenCall {
  readonly thread: string;
  readonly call: string;
  readonly paths: readonly string[];
}

/** The n-th call of a kind in each thread fails, or all from the n-th on. */
export interface CallFault {
  readonly call: string;
  readonly errno: string;
  readonly position: number;
  readonly isForEver: boolean;
  /** Only calls that name one of these are counted, and fail; undefined for any. */
  readonly paths: readonly string[] | undefined;
}

/** The program is our child and strace a grandchild: signals and exit codes are the program's own. */
const AS_GRANDCHILD = ['-D', '-f', '--quiet=all', '--seccomp-bpf'];
const RUN_DEADLINE_MS = 60_000;

/** @param output where `readTrace` finds the calls afterwards */
export function startTraced(calls: readonly string[], command: readonly string[], output: string): Running {
  const options = ['-y', '-s', '512', '-o', output, '-e', `trace=${calls.join(',')}`];
  return start('strace', [...AS_GRANDCHILD, ...options, ...command], { env: TRACEABLE });
}

/** The calls of a trace, in the order in which they were made. */
export function readTrace(output: string): SeenCall[] {
  const seen: SeenCall[] = [];
  for (const line of readFileSync(output, 'utf8').split('\n')) {
    const match = /^(\d+) +(\w+)\((.*)/.exec(line);
    const [, thread, call, rest] = match ?? [];
    if (thread === undefined || call === undefined || rest === undefined) continue;
    // What a call answers, such as a new descriptor, does not count: it is not known yet when the call is made to fail.
    const [named = ''] = rest.split(/\) += /);
    // A rename by descriptors names one thing by two arguments.
    const whole = call === 'renameat2' ? named.replaceAll(/<(\/[^>]*)>, "([^"]*)"/g, '<$1/$2>') : named;
    const paths = [...whole.matchAll(/"(\/[^"]*)"|\b\d+<(\/[^>]*)>/g)].map(([, text, held]) => text ?? held ?? '');
    seen.push({ thread, call, paths: call === 'readlink' ? paths.slice(0, 1) : paths });
  }
  return seen;
}

export function startFailing(fault: CallFault, command: readonly string[], output: string): Running {
  const { call, errno, position, isForEver, paths } = fault;
  const injection = `inject=${call}:error=${errno}:when=${position}${isForEver ? '+' : ''}`;
  const filter = (paths ?? []).flatMap((path) => ['-P', path]);
  const options = ['-o', output, ...filter, '-e', `trace=${call}`, '-e', injection];
  // What hangs is ended, and told by its signal.
  const limits = { timeout: RUN_DEADLINE_MS, killSignal: 'SIGKILL' } as const;
  return start('strace', [...AS_GRANDCHILD, ...options, ...command], { env: TRACEABLE, ...limits });
}

/** How many calls were made to fail, once the program has ended. */
export function countHits(output: string): number {
  return readFileSync(output, 'utf8').split('(INJECTED)').length - 1;
}
