/** Programs of a test that run as processes of their own. None outlives its test. */

import { onTestFinished } from 'vitest';
import {
  type Forked,
  forked,
  hasEnded,
  killed,
  PROGRAM,
  type Running,
  type StartOptions,
  sendSignal,
  start,
  withDescendants,
} from './process.ts';
import { until } from './wait.ts';

/** Starts a script of Node with which one can talk. */
export function forkProgram(program: URL, args: readonly string[]): Forked {
  return endedWithTest(forked(program, args));
}

/** Starts the built program and leaves it running. */
export function startProgram(args: readonly string[], options: StartOptions = {}): Running {
  return endedWithTest(start(process.execPath, [PROGRAM, ...args], options));
}

function endedWithTest<T extends Running>(running: T): T {
  onTestFinished(() => endedWithItsRuns(running));
  return running;
}

/** A daemon that is killed leaves its run at work for a batch, which would go on in a directory that the test takes away. */
async function endedWithItsRuns(running: Running): Promise<void> {
  if (running.ended() === undefined) sendSignal(running.pid, 'SIGSTOP');
  const processes = withDescendants(running.pid);
  for (const pid of processes) sendSignal(pid, 'SIGKILL');
  await killed(running);
  await until('the runs of a program to end', () => processes.every(hasEnded));
}

/**
 * Starts programs that each say `ready`, wait for a word and then say what came of it: so they begin in the same moment.
 * @returns what each of them said
 */
export async function runTogether(program: URL, argLists: readonly (readonly string[])[]): Promise<unknown[]> {
  const children = argLists.map((args) => forkProgram(program, args));
  await Promise.all(children.map((child) => child.message()));
  for (const child of children) child.send('go');
  return Promise.all(children.map((child) => child.message()));
}
