/** The attacker as a process: compiled once, then started on the places that it is to exchange. */

import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from '../support/compile.ts';
import { start } from '../support/process.ts';

/** `link`: exchanged with a symlink to `other`; `directory`: with `other` itself. */
export interface Exchange {
  readonly kind: 'link' | 'directory';
  /** May be a glob where the kind is `link`. */
  readonly path: string;
  readonly other: string;
}

export interface Attack {
  readonly places: readonly Exchange[];
  /** The longest pause between two bursts: without any, nothing could be done in a place that is swapped all the time. */
  readonly restUsMax: number;
}

export interface Swapper {
  /** Ends it with everything where it belongs. @returns the exchanges that it made */
  stop(): Promise<number>;
}

/** @returns the program's path */
export function compileSwapper(directory: string): string {
  return compile('test/faults/programs/swapper.c', directory);
}

/** @param stage where it puts what it takes out of its place, on the same file system */
export async function startSwapper(program: string, stage: string, attack: Attack, seed: number): Promise<Swapper> {
  const args = [mkdtempSync(join(stage, 'swap-')), String(seed), String(attack.restUsMax)];
  const { child, exit, kill } = start(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const lines = attack.places.map(({ kind, path, other }) => `${kind}\t${path}\t${other}\n`);
  child.stdin?.end(lines.join(''));
  if (child.stdout !== null) await Promise.race([once(child.stdout, 'data'), exit]);
  return {
    stop: async () => {
      kill('SIGTERM');
      const { code, stdout, stderr } = await exit;
      if (code !== 0) throw new Error(`the swapper ended with ${code}: ${stderr}`);
      return Number(stdout.split('\n')[1]);
    },
  };
}
