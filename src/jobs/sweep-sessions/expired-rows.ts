/** Which of the rows that are over their age may go in one sweep: all of them, or the oldest so many. */

import type { UncheckedFields } from '../../resume-map/resume-map.ts';

export class ExpiredRows {
  readonly #usedAtMs: number[] = [];
  #left = Number.POSITIVE_INFINITY;
  #untilMs = Number.POSITIVE_INFINITY;

  get count(): number {
    return this.#usedAtMs.length;
  }

  add(row: UncheckedFields): void {
    this.#usedAtMs.push(usedAtMs(row));
  }

  /** Lets no more than so many go, the oldest first. */
  allow(rows: number): void {
    this.#left = rows;
    const oldest = Float64Array.from(this.#usedAtMs).sort();
    this.#untilMs = rows === 0 ? Number.NEGATIVE_INFINITY : (oldest[rows - 1] ?? Number.POSITIVE_INFINITY);
  }

  /** Those of the rows that may go, of as many as are left. */
  take<T extends UncheckedFields>(rows: readonly T[]): readonly T[] {
    const taken = rows.filter((row) => usedAtMs(row) <= this.#untilMs).slice(0, this.#left);
    this.#left -= taken.length;
    return taken;
  }
}

/** The younger of its times, as in the judgement of its age. */
function usedAtMs({ lastUsedAtMs, createdAtMs }: UncheckedFields): number {
  return Math.max(...[lastUsedAtMs, createdAtMs].filter((timeMs) => typeof timeMs === 'number'));
}
