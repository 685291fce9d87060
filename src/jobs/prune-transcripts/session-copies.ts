/**
 * One session may lie in a directory and in a session store. Both copies stay or both go: where the store has nothing, the SDK resumes the
 * copy in the directory without a word, however old that is.
 */

import type { SessionId } from '../../claude-dir/session-id.ts';
import { type Units, withTimes } from '../../claude-dir/unit.ts';
import type { RetainedStore } from '../../session-store/retained-store.ts';
import type { AppliedPlan } from './applied-plan.ts';
import type { ObservedPlace } from './place.ts';
import type { Plan } from './plan.ts';

/** Directories are pruned first, and then the stores. */
export class SessionCopies {
  readonly #storedAtMs = new Map<SessionId, number>();
  /** Of those in a store, the ones of which a directory keeps a copy. */
  readonly #kept = new Set<SessionId>();

  /** Notes when each session of a store was last used. @throws OperatingError */
  async addStore(store: RetainedStore): Promise<void> {
    for (const { sessionId, lastUsedAtMs: byStoreMs } of await store.sessions()) {
      const lastUsedAtMs = byStoreMs + store.clockLeadMs;
      // A time that is none says nothing of the copy in a directory.
      if (Number.isNaN(lastUsedAtMs)) continue;
      this.#storedAtMs.set(sessionId, Math.max(lastUsedAtMs, this.#storedAtMs.get(sessionId) ?? lastUsedAtMs));
    }
  }

  /** The units of a directory, as young as the youngest of their copies. */
  aged(units: Units): Units {
    if (this.#storedAtMs.size === 0) return units;
    return withTimes(units, (row) => {
      return Math.max(units.newestMtimeMs(row), this.#storedAtMs.get(units.sessionId(row)) ?? Number.NEGATIVE_INFINITY);
    });
  }

  /** Whether a directory keeps a copy of this one of a store. */
  isKept(sessionId: SessionId): boolean {
    return this.#kept.has(sessionId);
  }

  /** Notes which sessions of a directory stay, and where it is not known that they go. */
  addDirectory({ units }: Pick<ObservedPlace, 'units'>, plan: Plan, applied: AppliedPlan): void {
    if (this.#storedAtMs.size === 0) return;
    for (let row = 0; row < plan.length; row += 1) {
      if (!units.hasTranscript(row) || (plan.isRemoval(row) && applied.isRemoved(row))) continue;
      const sessionId = units.sessionId(row);
      if (this.#storedAtMs.has(sessionId)) this.#kept.add(sessionId);
    }
  }
}
