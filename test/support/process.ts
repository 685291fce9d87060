/** Processes that tests and harnesses start: the built program and others, each in a clean environment, with all that they say. */

import { type ChildProcess, fork, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from './wait.ts';

/** The repository; the harnesses run from a compiled copy that lies one folder further down in it. */
export const REPOSITORY = aboveWith('package.json', dirname(fileURLToPath(import.meta.url)));

/** The built program. */
export const PROGRAM = join(REPOSITORY, 'dist/program/main.js');

/** The environment of whatever is started: nothing of the caller's leaks in. */
export const CLEAN_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: process.env.PATH ?? '',
  HOME: '/nonexistent',
  LANG: 'C.UTF-8',
};

function aboveWith(name: string, directory: string): string {
  return existsSync(join(directory, name)) ? directory : aboveWith(name, dirname(directory));
}

export interface StartOptions extends Omit<SpawnOptions, 'env'> {
  /** Is added to the clean environment; undefined takes a variable out of it. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** How a process has ended, and all that it has said. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  /** All that it has written to stderr so far. */
  log(): string;
  /** How it has ended; undefined while it runs. */
  ended(): Exit | undefined;
  kill(signal: NodeJS.Signals): void;
  readonly exit: Promise<Exit>;
}

export function start(command: string, args: readonly string[], { env, ...options }: StartOptions = {}): Running {
  const stdio = ['ignore', 'pipe', 'pipe'] as const;
  return watched(spawn(command, [...args], { stdio: [...stdio], ...options, env: { ...CLEAN_ENVIRONMENT, ...env } }));
}

export async function run(command: string, args: readonly string[], options: StartOptions = {}): Promise<Exit> {
  return start(command, args, options).exit;
}

/** Runs the built program as its user would. */
export async function runProgram(args: readonly string[], options: StartOptions = {}): Promise<Exit> {
  return run(process.execPath, [PROGRAM, ...args], options);
}

function watched(child: ChildProcess): Running {
  const [stdout, stderr] = [collected(child.stdout), collected(child.stderr)];
  let ended: Exit | undefined;
  const exit = once(child, 'close').then(([code, signal]: (number | NodeJS.Signals | null)[]) => {
    ended = {
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
      stdout: stdout(),
      stderr: stderr(),
    };
    return ended;
  });
  const kill = (signal: NodeJS.Signals) => void child.kill(signal);
  return { child, pid: child.pid ?? 0, log: stderr, ended: () => ended, kill, exit };
}

function collected(stream: NodeJS.ReadableStream | null): () => string {
  let text = '';
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return () => text;
}

export interface Forked extends Running {
  /** The next message that it sends; rejects where it ends without one. */
  message(): Promise<unknown>;
  send(message: string): void;
}

/** Starts a script of Node with which one can talk. */
export function forked(script: URL | string, args: readonly string[]): Forked {
  const child = fork(script, args, { execArgv: [], env: { ...CLEAN_ENVIRONMENT } });
  const running = watched(child);
  const received: unknown[] = [];
  let onMessage = () => undefined as unknown;
  child.on('message', (message) => {
    received.push(message);
    onMessage();
  });
  const message = async () => {
    if (received.length === 0) {
      const arrived = new Promise((resolve) => {
        onMessage = () => resolve(undefined);
      });
      await Promise.race([arrived, running.exit]);
    }
    if (received.length > 0) return received.shift();
    const { code, signal } = await running.exit;
    throw new Error(`${[String(script), ...args].join(' ')} ended with ${code ?? signal} and said nothing`);
  };
  return { ...running, message, send: (text) => void child.send(text) };
}

/** The address that a daemon says it listens on. @throws where it ends before it says so */
export async function addressOf(daemon: Running): Promise<string> {
  return until('the daemon to listen', () => {
    const line = /^.*"daemon started".*$/m.exec(daemon.log())?.[0] ?? '';
    const listen = /"listen":"([^"]+)"/.exec(line)?.[1];
    if (listen !== undefined) return `http://${listen}`;
    if (daemon.ended() !== undefined) throw new Error(`the daemon ended with ${daemon.ended()?.code}: ${daemon.log()}`);
    return undefined;
  });
}

/** SIGKILL, where it is not dead yet. */
export async function killed({ child, exit, kill }: Running): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) kill('SIGKILL');
  await exit;
}

/** Whether a process is stopped, by SIGSTOP or a tracer. @throws where it is gone */
export function isStopped(pid: number): boolean {
  const state = stateOf(pid);
  if (state === undefined) throw new Error(`process ${pid} is gone`);
  return /[Tt]/.test(state);
}

/** Whether a process that may run is there: neither stopped nor dead. */
export function isWorking(pid: number): boolean {
  return /[^TtZX]/.test(stateOf(pid) ?? '');
}

/** Whether a process is dead, buried or not. */
export function hasEnded(pid: number): boolean {
  return /[ZX]/.test(stateOf(pid) ?? 'X');
}

/** Undefined for a process that is gone. */
function stateOf(pid: number): string | undefined {
  try {
    // 4711 (node) S 4710 …
    return /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1];
  } catch {
    return undefined;
  }
}

/** A process and all that it has started; those of one that is gone are nobody's. */
export function withDescendants(pid: number): readonly number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean);
    return [pid, ...children.map(Number).flatMap(withDescendants)];
  } catch {
    return [];
  }
}

/** Sends a signal to any process; one that is gone needs none. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}
