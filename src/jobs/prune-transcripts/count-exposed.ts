/** Counts what Claude's own clean-up would delete although this configuration keeps it. Looks only. */

import type { CleanupLimits } from '../../claude-dir/shield-margins.ts';
import type { Units } from '../../claude-dir/unit.ts';
import type { Exposure } from '../exposed.ts';
import type { KeptSessions } from './kept.ts';
import { canBeShielded } from './shield.ts';

export interface ExposureOptions {
  /** As they are on disk. */
  readonly units: Units;
  readonly kept: KeptSessions;
  /** Undefined where Claude deletes nothing in the life of a program. */
  readonly limits: CleanupLimits | undefined;
  /** Before that, Claude deletes nothing. Unix epoch ms. */
  readonly nextCleanupMs: number;
  readonly nowMs: number;
  /** Whom the shield is to be held over. */
  isCovered(row: number): boolean;
  /** Last change of the transcript alone, by which Claude goes, Unix epoch ms; undefined where it cannot be told. */
  transcriptMtimeMs(row: number): number | undefined;
}

/** A prune looks once a day: what it would remove within a day after Claude, Claude deletes. */
const PRUNE_INTERVAL_MS = 86_400_000;

export function exposureOf(options: ExposureOptions): Exposure {
  const exposed = new Exposed(options);
  const { kept, limits, units, nowMs, isCovered } = options;
  if (limits === undefined) return exposed.end();
  for (let row = 0; row < kept.length; row += 1) {
    const lostFromMs = kept.untilMs(row) + PRUNE_INTERVAL_MS;
    const newestMs = units.newestMtimeMs(row);
    const hasToLook = kept.isWanted(row) || isCovered(row);
    const fileMs = hasToLook ? (options.transcriptMtimeMs(row) ?? newestMs) : newestMs;
    const deletedMs = fileMs + limits.periodMs;
    if (deletedMs >= lostFromMs) continue;
    if (!isCovered(row)) exposed.add(row, fileMs);
    else if (!canBeShielded(units, row)) exposed.add(row, fileMs, 'unshieldable');
    // The shield is held once a day too: what Claude may delete before that, it does not keep.
    else if (deletedMs <= nowMs + PRUNE_INTERVAL_MS) exposed.add(row, fileMs, 'notYetShielded');
    else exposed.addShielded(deletedMs);
  }
  return exposed.end();
}

class Exposed {
  readonly #options: ExposureOptions;
  readonly #byReason: Record<string, number> = {};
  #sessions = 0;
  #wanted = 0;
  readonly #covered = { unshieldable: 0, notYetShielded: 0 };
  #shielded = 0;
  #oldest: { readonly row: number; readonly writtenAtMs: number } | undefined;
  #shieldedFromMs = Number.POSITIVE_INFINITY;

  constructor(options: ExposureOptions) {
    this.#options = options;
  }

  add(row: number, writtenAtMs: number, why?: 'unshieldable' | 'notYetShielded'): void {
    const { kept } = this.#options;
    if (why !== undefined) this.#covered[why] += 1;
    const reason = kept.reason(row);
    this.#byReason[reason] = (this.#byReason[reason] ?? 0) + 1;
    this.#sessions += 1;
    if (kept.isWanted(row)) this.#wanted += 1;
    if (this.#oldest === undefined || writtenAtMs < this.#oldest.writtenAtMs) this.#oldest = { row, writtenAtMs };
  }

  addShielded(deletedMs: number): void {
    this.#shielded += 1;
    this.#shieldedFromMs = Math.min(this.#shieldedFromMs, deletedMs);
  }

  end(): Exposure {
    const { units, limits, nextCleanupMs, nowMs } = this.#options;
    const oldest = this.#oldest;
    return {
      ...(limits === undefined ? {} : { periodDays: limits.periodMs / PRUNE_INTERVAL_MS }),
      sessions: this.#sessions,
      wanted: this.#wanted,
      byReason: this.#byReason,
      ...this.#covered,
      ...(oldest === undefined
        ? {}
        : {
            oldest: { sessionId: units.sessionId(oldest.row), writtenAtMs: oldest.writtenAtMs },
            fromMs: Math.max(oldest.writtenAtMs + (limits?.periodMs ?? 0), nextCleanupMs, nowMs),
          }),
      shielded: this.#shielded,
      ...(this.#shielded === 0 ? {} : { shieldedUntilMs: this.#shieldedFromMs }),
    };
  }
}
