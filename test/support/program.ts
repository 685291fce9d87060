/** Runs the built program as its user would, in a clean environment. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

export const PROGRAM = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
}

function start(args: readonly string[], options: RunOptions): ChildProcess {
  const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent', LANG: 'C.UTF-8', ...options.env };
  return spawn(process.execPath, [PROGRAM, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

export async function runProgram(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const child = start(args, options);
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout: stdout(), stderr: stderr() };
}

export interface RunningProgram {
  readonly pid: number;
  /** All that it has written to stderr so far. */
  log(): string;
  kill(signal: NodeJS.Signals): void;
  readonly finished: Promise<number | null>;
}

/** Starts the program and leaves it running; it does not outlive the test. */
export function startProgram(args: readonly string[], options: RunOptions = {}): RunningProgram {
  const child = start(args, options);
  collect(child.stdout);
  const log = collect(child.stderr);
  const finished = once(child, 'close').then(([code]) => code as number | null);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await finished;
  });
  return { pid: child.pid ?? 0, log, kill: (signal) => child.kill(signal), finished };
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  let text = '';
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return () => text;
}

const POLL_INTERVAL_MS = 25;
const UNTIL_DEADLINE_MS = 20_000;

/** Asks again and again until there is an answer; a wait with an end, not a sleep that hopes. */
export async function until<T>(what: string, ask: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + UNTIL_DEADLINE_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS));
  }
}

/** The address that a daemon's log says it listens on. */
export async function addressOf(daemon: RunningProgram): Promise<string> {
  return until('the daemon to listen', () => {
    const line = daemon
      .log()
      .split('\n')
      .find((candidate) => candidate.includes('"daemon started"'));
    if (line === undefined) return undefined;
    const { listen } = JSON.parse(line) as { listen: string };
    return `http://${listen}`;
  });
}
