/** What became of a plan's removals, a byte each. */

import type { OperatingError } from '../../errors.ts';
import type { JobFault } from '../report.ts';

/** Why a unit that was to go stayed after all. */
export const LATE_KEEP_REASONS = ['live', 'changed', 'vanished', 'unmovable', 'recreated', 'busy', 'held'] as const;
export type LateKeepReason = (typeof LATE_KEEP_REASONS)[number];

const REMOVED = LATE_KEEP_REASONS.length + 1;

/** How the removing ended. */
export interface ApplyEnd {
  readonly faults: readonly JobFault[];
  /** What ended the run before it was through; what was removed until then is in the trash. */
  readonly failure: OperatingError | undefined;
  readonly stopped: boolean;
}

export class AppliedPlan {
  readonly #outcomes: Uint8Array;
  #end: ApplyEnd = { faults: [], failure: undefined, stopped: false };

  constructor(length: number) {
    this.#outcomes = new Uint8Array(length);
  }

  /** For a dry run: everything would go. */
  static wholly(length: number): AppliedPlan {
    const applied = new AppliedPlan(length);
    applied.#outcomes.fill(REMOVED);
    return applied;
  }

  /** For a run that a guard holds: everything stays for now. */
  static held(length: number): AppliedPlan {
    const applied = new AppliedPlan(length);
    applied.#outcomes.fill(LATE_KEEP_REASONS.indexOf('held') + 1);
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

  get stopped(): boolean {
    return this.#end.stopped;
  }

  removed(row: number): void {
    this.#outcomes[row] = REMOVED;
  }

  kept(row: number, reason: LateKeepReason): void {
    this.#outcomes[row] = LATE_KEEP_REASONS.indexOf(reason) + 1;
  }

  isRemoved(row: number): boolean {
    return this.#outcomes[row] === REMOVED;
  }

  /** Undefined for what was removed, or was not come to. */
  lateReason(row: number): LateKeepReason | undefined {
    const outcome = this.#outcomes[row] ?? 0;
    return outcome === 0 ? undefined : LATE_KEEP_REASONS[outcome - 1];
  }
}
