/** Measures contestants in turn: how long whole processes take, and how much memory. */

import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../support/process.ts';
import { percentile } from '../support/samples.ts';

const PEAK_MEMORY = new URL('./programs/peak-memory.js', import.meta.url).href;

export const MB = 1e6;

/** One measurement of a contestant; what it has to make ready is not timed. */
export type Contestant = () => Promise<number>;

/** A B A B …: what else the machine does meets all of them. @returns the measurements of each, by its name */
export async function inTurn<Name extends string>(
  turns: number,
  contestants: Readonly<Record<Name, Contestant>>,
  tell: (line: string) => void = () => undefined,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(contestants) as Name[];
  const measured = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let turn = 0; turn < turns; turn += 1) {
    for (const name of names) measured[name].push(await contestants[name]());
    tell(names.map((name) => `${name} ${measured[name].at(-1)?.toPrecision(4)}`).join(', '));
  }
  return measured;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}

export interface WholeProcess {
  readonly seconds: number;
  readonly peakBytes: number;
}

/**
 * Runs a process from its start to its end, with its output to a file.
 * @param directory where the output goes
 * @throws where it does not end with 0
 */
export async function timeProcess(
  directory: string,
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  const output = join(directory, 'output');
  const fd = openSync(output, 'w');
  try {
    const startedAt = performance.now();
    const { code, signal } = await run(command, args, { stdio: ['ignore', fd, fd], env });
    const seconds = (performance.now() - startedAt) / 1_000;
    if (code === 0) return seconds;
    throw new Error(`${[command, ...args].join(' ')} ended with ${code ?? signal}: ${tailOf(output)}`);
  } finally {
    closeSync(fd);
  }
}

/** What children take of the processor, user and system together, in seconds, as far as they have ended and been waited for. */
function childrenCpuSeconds(): number {
  // Behind the name, which may hold anything: `cutime` and `cstime`, in hundredths.
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

/** Notes beside each measurement what it took of the processor: that hardly changes by what else the machine does. */
export function useOf(work: Contestant): { readonly run: Contestant; readonly cpuSeconds: readonly number[] } {
  const cpuSeconds: number[] = [];
  const run = async () => {
    const before = childrenCpuSeconds();
    const measured = await work();
    cpuSeconds.push(childrenCpuSeconds() - before);
    return measured;
  };
  return { run, cpuSeconds };
}

const TAIL_CHARACTERS = 500;

function tailOf(path: string): string {
  return readFileSync(path, 'utf8').slice(-TAIL_CHARACTERS);
}

/** As `timeProcess`, of a script of Node: what it had resident at most, too. */
export async function watchScript(directory: string, script: string, args: readonly string[]): Promise<WholeProcess> {
  const peak = join(directory, 'peak');
  rmSync(peak, { force: true });
  const seconds = await timeProcess(directory, process.execPath, ['--import', PEAK_MEMORY, script, ...args], {
    PEAK_MEMORY_FILE: peak,
  });
  return { seconds, peakBytes: Number(readFileSync(peak, 'utf8')) };
}

export function programOf(name: string): string {
  return fileURLToPath(new URL(`./programs/${name}.js`, import.meta.url));
}

export interface Spread {
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
}

export function spreadOf(values: readonly number[]): Spread {
  return { p50: percentile(values, 0.5), p99: percentile(values, 0.99), longest: percentile(values, 1) };
}
