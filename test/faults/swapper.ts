/** The attacker as a process: compiled once, then started on the places that it is to exchange. */

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exitOf, start } from './harness.ts';

const SOURCE = fileURLToPath(new URL('../../../test/faults/programs/swapper.c', import.meta.url));

/** `link`: exchanged with a symlink to `other`; `directory`: with `other` itself. */
export interface SwapPlace {
  readonly kind: 'link' | 'directory';
  /** May be a glob where the kind is `link`. */
  readonly path: string;
  readonly other: string;
}

export interface Attack {
  readonly places: readonly SwapPlace[];
  /** The longest pause between two bursts: without any, nothing could be done in a place that is swapped all the time. */
  readonly restUsMax: number;
}

export interface Swapper {
  /** Ends it with everything where it belongs. @returns the exchanges that it made */
  stop(): Promise<number>;
}

export function gccMissing(): string | undefined {
  return spawnSync('gcc', ['--version']).status === 0
    ? undefined
    : 'gcc is not installed (apt-get install gcc libc6-dev)';
}

/** @returns the program's path */
export function compileSwapper(directory: string): string {
  const program = join(directory, 'swapper');
  const { status, stderr } = spawnSync('gcc', ['-O2', '-Wall', '-o', program, SOURCE], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`compile the swapper: ${stderr}`);
  return program;
}

/** @param stage where it puts what it takes out of its place, on the same file system */
export async function startSwapper(program: string, stage: string, attack: Attack, seed: number): Promise<Swapper> {
  const args = [mkdtempSync(join(stage, 'swap-')), String(seed), String(attack.restUsMax)];
  const child = start(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = exitOf(child);
  const lines = attack.places.map(({ kind, path, other }) => `${kind}\t${path}\t${other}\n`);
  child.stdin?.end(lines.join(''));
  if (child.stdout !== null) await Promise.race([once(child.stdout, 'data'), ended]);
  return {
    stop: async () => {
      child.kill('SIGTERM');
      const { code, stdout, stderr } = await ended;
      if (code !== 0) throw new Error(`the swapper ended with ${code}: ${stderr}`);
      return Number(stdout.split('\n')[1]);
    },
  };
}
