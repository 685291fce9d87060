/** What every fault harness is, and what they share: places to work in, the program as a process, seeded chance. */

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The built program; the harnesses are compiled to `dist-test/test/faults`. */
export const PROGRAM = fileURLToPath(new URL('../../../dist/main.js', import.meta.url));

export interface HarnessOptions {
  /** The form that CI runs: fewer cases of every kind, the same checks. */
  readonly isShort: boolean;
  readonly seed: number;
  /** An empty directory of the harness' own. */
  readonly directory: string;
}

export interface HarnessResult {
  readonly cases: number;
  /** One sentence a broken promise; empty is what we are after. */
  readonly failures: readonly string[];
  /** What the deliberately broken control reported; it must have failed, or the harness proves nothing. */
  readonly control: string;
  readonly isControlCaught: boolean;
  /** Figures beside the verdict, e.g. the longest wait. */
  readonly figures?: string;
}

export interface Harness {
  readonly name: string;
  /** What must be there to run it (root, a Debian package); the reason where it is missing. */
  missing?(): string | undefined;
  run(options: HarnessOptions): Promise<HarnessResult>;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The environment of the program under test: nothing of ours leaks in. */
export const CLEAN_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: process.env.PATH ?? '',
  HOME: '/nonexistent',
  LANG: 'C.UTF-8',
};

export function start(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  return spawn(command, [...args], { env: CLEAN_ENVIRONMENT, stdio: ['ignore', 'pipe', 'pipe'], ...options });
}

export async function exitOf(child: ChildProcess): Promise<Exit> {
  let [stdout, stderr] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}

export async function run(command: string, args: readonly string[], options: SpawnOptions = {}): Promise<Exit> {
  return exitOf(start(command, args, options));
}

export async function runSweeper(args: readonly string[], options: SpawnOptions = {}): Promise<Exit> {
  return run(process.execPath, [PROGRAM, ...args], options);
}

export function makeWorkDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'sweeper-faults-'));
}

/** A fresh directory below another one. */
export function freshDirectory(parent: string, name: string): string {
  const path = join(parent, name);
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  return path;
}

/** Works through the items with as many hands as the machine has cores. */
export async function inParallel<T>(
  items: readonly T[],
  hands: number,
  work: (item: T, hand: number) => Promise<void>,
) {
  let next = 0;
  const hand = async (number: number) => {
    while (next < items.length) {
      const item = items[next] as T;
      next += 1;
      await work(item, number);
    }
  };
  await Promise.all(Array.from({ length: hands }, (_, number) => hand(number)));
}

/** Of a long list, a few that are spread over it; all of it where it is short. */
export function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  return Array.from({ length: count }, (_, index) => items[Math.floor((index * items.length) / count)] as T);
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
