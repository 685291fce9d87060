/** What a row of the bench is, what it measures, and how it is shown. */

import { join } from 'node:path';
import { median, type Spread } from './measure.ts';
import { GrownTree } from './tree.ts';

export interface BenchOptions {
  /** Small sizes: whether each row works, not how fast it is. */
  readonly isShort: boolean;
  readonly seed: number;
  /** How often each contestant is measured. */
  readonly repeat: number;
  /** An empty directory of the row's own. */
  readonly directory: string;
  readonly trees: Trees;
  /** Tells how it goes, on stderr. */
  tell(line: string): void;
}

/** One line of the table. */
export interface Measured {
  readonly name: string;
  readonly ours: string;
  readonly beside: string;
  /** Ours by the other's. */
  readonly ratio: number;
  readonly reach: string;
  /** Undefined where nothing is to be reached. */
  readonly isReached: boolean | undefined;
}

/** A line that could not be measured, and why. */
export interface Skipped {
  readonly name: string;
  readonly skipped: string;
}

export interface Row {
  readonly name: string;
  /** The trees that it grows, or that take as much room as what it makes: there must be room for them. */
  readonly trees?: readonly TreeSize[];
  run(options: BenchOptions): Promise<readonly (Measured | Skipped)[]>;
}

/** Trees are grown once, and shared by the rows. */
export class Trees {
  readonly #directory: string;
  readonly #seed: number;
  readonly #tell: (line: string) => void;
  readonly #trees = new Map<number, GrownTree>();

  constructor(directory: string, seed: number, tell: (line: string) => void) {
    this.#directory = directory;
    this.#seed = seed;
    this.#tell = tell;
  }

  /** A tree with so many files, as it was grown. */
  async withFiles(files: number): Promise<GrownTree> {
    const known = this.#trees.get(files);
    if (known !== undefined) {
      await known.restore();
      return known;
    }
    const startedAt = performance.now();
    const tree = GrownTree.grow(join(this.#directory, `tree-${files}`), { files, seed: this.#seed });
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    this.#tell(
      `${tree.files} files of ${tree.sessions.length} sessions in ${tree.projects.size} projects, in ${seconds} s`,
    );
    this.#trees.set(files, tree);
    await tree.restore();
    return tree;
  }
}

/** The sizes of the full form, and of the short one, in files: those of many sessions have some 100,000, and some 1,000. */
export const SIZES = {
  full: { files: 220_000, manyFiles: 1_000_000, fewFiles: 100_000, manySessions: 178_000, liveIds: 50_000 },
  short: { files: 3_000, manyFiles: 6_000, fewFiles: 1_000, manySessions: 2_000, liveIds: 500 },
};

export type TreeSize = 'files' | 'manyFiles' | 'fewFiles' | 'manySessions';

export function sizesOf({ isShort }: Pick<BenchOptions, 'isShort'>): typeof SIZES.full {
  return isShort ? SIZES.short : SIZES.full;
}

/** Times of both, and how many times the other's ours may be. */
export function comparedSeconds(
  name: string,
  times: { readonly ours: readonly number[]; readonly beside: readonly number[] },
  besideWhat: string,
  ratioMax?: number,
): Measured {
  const [ours, beside] = [median(times.ours), median(times.beside)];
  return {
    name,
    ours: showSeconds(ours),
    beside: `${showSeconds(beside)} (${besideWhat})`,
    ratio: ours / beside,
    reach: ratioMax === undefined ? '-' : `≤ ${ratioMax} x`,
    isReached: ratioMax === undefined ? undefined : ours / beside <= ratioMax,
  };
}

/** Operations a second of both, and the share of the other's that ours must reach. */
export function comparedRates(
  name: string,
  rates: { readonly ours: readonly number[]; readonly beside: readonly number[] },
  besideWhat: string,
  ratioMin: number,
): Measured {
  const [ours, beside] = [median(rates.ours), median(rates.beside)];
  return {
    name,
    ours: `${Math.round(ours).toLocaleString('en')}/s`,
    beside: `${Math.round(beside).toLocaleString('en')}/s (${besideWhat})`,
    ratio: ours / beside,
    reach: `≥ ${ratioMin} x`,
    isReached: ours / beside >= ratioMin,
  };
}

export function showSeconds(seconds: number): string {
  return seconds < 1 ? `${(seconds * 1_000).toFixed(0)} ms` : `${seconds.toFixed(2)} s`;
}

export function showSpread({ p50, p99, longest }: Spread): string {
  return `p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)}, longest ${longest.toFixed(1)} ms`;
}
