/** Takes what goes from a Claude directory into one folder of its trash. */

import type { Unit } from '../../claude-dir/unit.ts';
import type { KnownFolder } from '../../trash/known-folders.ts';
import type { TakeIntoTrash } from '../../trash/take.ts';
import type { TakeOutcome } from '../../trash/take-outcome.ts';
import type { RemovalRecord } from '../ledger-contracts.ts';
import type { Removal, Taking } from './place.ts';

export class DirectoryTaking implements Taking {
  readonly #run: TakeIntoTrash;
  readonly #onKnown: (name: string, run: KnownFolder) => void;

  /** @param onKnown is told what the run holds, where all of it is done and recorded */
  constructor(run: TakeIntoTrash, onKnown: (name: string, run: KnownFolder) => void) {
    this.#run = run;
    this.#onKnown = onKnown;
  }

  intend(removals: readonly Removal[], nowMs: number): void {
    this.#run.intend(removals, nowMs);
  }

  prepare(removals: readonly Removal[]): void {
    this.#run.prepare(removals.map(unitOf));
  }

  takeBatch(
    removals: readonly Removal[],
    nowMs: number,
    isLast: (outcome: TakeOutcome) => boolean,
  ): readonly (TakeOutcome | undefined)[] {
    return this.#run.takeBatch(removals.map(unitOf), nowMs, isLast);
  }

  confirm(removals: readonly Removal[], nowMs: number): ReadonlyMap<Removal, TakeOutcome> {
    const others = this.#run.confirm(removals.map(unitOf), nowMs);
    return new Map(
      removals.flatMap((removal): [Removal, TakeOutcome][] => {
        const outcome = others.get(removal.unit);
        return outcome === undefined ? [] : [[removal, outcome]];
      }),
    );
  }

  findRecreated(removals: readonly Removal[]): ReadonlySet<Removal> {
    const recreated = new Set(this.#run.findRecreated(removals.map(unitOf)));
    return new Set(removals.filter(({ unit }) => recreated.has(unit)));
  }

  keep({ unit }: Removal, nowMs: number): void {
    this.#run.keep(unit.sessionId, nowMs);
  }

  flush(): void {
    this.#run.flush();
  }

  throwIfFailed(): void {
    this.#run.throwIfFailed();
  }

  record(_: Removal, nowMs: number): Pick<RemovalRecord, 'trashRun' | 'removedAtMs'> {
    return { trashRun: this.#run.name, removedAtMs: nowMs };
  }

  end(recorded: number): void {
    const known = this.#run.summary();
    // What was written anew meanwhile lies in the trash too, and is for the next run to record.
    if (known?.sessions === recorded) this.#onKnown(this.#run.name, known);
  }

  close(): void {
    this.#run.close();
  }
}

function unitOf({ unit }: Removal): Unit {
  return unit;
}
