/** What every fault harness is, and what it reports. */

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

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

export function makeWorkDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'sweeper-faults-'));
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
