/** What of that which stays somebody has asked for by name, and until when this configuration keeps each. Pure, as the plan is. */

import type { Units } from '../../claude-dir/unit.ts';
import type { PrunePolicy } from './age-rules.ts';
import { isKeptByAge, type KeepReason, type Plan } from './plan.ts';

/** Somebody or something has named the very session. */
const NAMED_REASONS: ReadonlySet<string> = new Set<KeepReason>(['live', 'running', 'pinned', 'tagged', 'named']);
/** Their times tell nothing. */
const TIMELESS_REASONS: ReadonlySet<string> = new Set<KeepReason>(['future-mtime', 'senseless-mtime']);

export class KeptSessions {
  readonly #units: Units;
  readonly #plan: Plan;
  readonly #policy: PrunePolicy;

  /** @param units as old as they are in truth */
  constructor(units: Units, plan: Plan, policy: PrunePolicy) {
    this.#units = units;
    this.#plan = plan;
    this.#policy = policy;
  }

  get length(): number {
    return this.#plan.length;
  }

  reason(row: number): string {
    return this.#plan.reason(row);
  }

  isRemoval(row: number): boolean {
    return this.#plan.isRemoval(row);
  }

  /** Named, or of a project or a class that is told to keep for ever. */
  isWanted(row: number): boolean {
    const reason = this.#plan.reason(row);
    if (NAMED_REASONS.has(reason)) return true;
    return (
      isKeptByAge(reason) && this.#plan.maxAgeMs(row) === Number.POSITIVE_INFINITY && !this.#plan.isSparedByClaude(row)
    );
  }

  /** It is there, and is no left-over that is only waiting for its age. */
  isConversation(row: number): boolean {
    return !this.#plan.isRemoval(row) && (this.#units.hasTranscript(row) || this.isWanted(row));
  }

  /**
   * Until when it stays if nobody uses it any more, Unix epoch ms; for what nobody is to keep, a time long past. What is in doubt stays,
   * but was not asked for: it counts as if it were not.
   */
  untilMs(row: number): number {
    const reason = this.#plan.reason(row);
    if (!this.isConversation(row) || TIMELESS_REASONS.has(reason)) return Number.NEGATIVE_INFINITY;
    if (this.isWanted(row) || reason === 'keep-last') return Number.POSITIVE_INFINITY;
    if (this.#plan.isSparedByClaude(row)) return Number.NEGATIVE_INFINITY;
    return this.#units.newestMtimeMs(row) + Math.max(this.#plan.maxAgeMs(row), this.#policy.minAgeMs);
  }
}
