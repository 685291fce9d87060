/** What became of a plan's removals, a byte each. */

import type { OperatingError } from '../../errors.ts';
import type { KnownRun } from '../../trash/known-folders.ts';
import type { JobFault } from '../job.ts';

/** Why a unit that was to go stayed after all. */
export type LateKeepReason = 'live' | 'changed' | 'vanished' | 'unmovable' | 'recreated' | 'busy';

const LATE_REASONS: readonly LateKeepReason[] = ['live', 'changed', 'vanished', 'unmovable', 'recreated', 'busy'];
const REMOVED = LATE_REASONS.length + 1;

/** How the removing ended. */
export interface ApplyEnd {
  readonly faults: readonly JobFault[];
  /** What ended the run before it was through; what was removed until then is in the trash. */
  readonly failure: OperatingError | undefined;
  readonly stopped: boolean;
  /** The run in the trash, where all of it is done and recorded. */
  readonly trashRun?: { readonly name: string; readonly known: KnownRun } | undefined;
}

export class AppliedPlan {
  readonly #outcomes: Uint8Array;
  #end: ApplyEnd = { faults: [], failure: undefined, stopped: false };

  constructor(length: number) {
    this.#outcomes = new Uint8Array(length);
  }

  /** Of a dry run: everything would go. */
  static wholly(length: number): AppliedPlan {
    const applied = new AppliedPlan(length);
    applied.#outcomes.fill(REMOVED);
    return applied;
  }

  end(end: ApplyEnd): void {
    this.#end = end;
  }

  get faults(): readonly JobFault[] {
    return this.#end.faults;
  }

  get failure(): OperatingError | undefined {
    return this.#end.failure;
  }

  get trashRun(): ApplyEnd['trashRun'] {
    return this.#end.trashRun;
  }

  get stopped(): boolean {
    return this.#end.stopped;
  }

  removed(row: number): void {
    this.#outcomes[row] = REMOVED;
  }

  kept(row: number, reason: LateKeepReason): void {
    this.#outcomes[row] = LATE_REASONS.indexOf(reason) + 1;
  }

  isRemoved(row: number): boolean {
    return this.#outcomes[row] === REMOVED;
  }

  /** Undefined for what was removed, or was not come to. */
  lateReason(row: number): LateKeepReason | undefined {
    const outcome = this.#outcomes[row] ?? 0;
    return outcome === 0 ? undefined : LATE_REASONS[outcome - 1];
  }
}
