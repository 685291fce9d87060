/** What earlier runs knew, for a dry run: what it would write down is remembered for as long as it goes on, and changes no file. */

import type { KnownIds, RemovalHistory } from '../jobs/ledger-contracts.ts';

export class UnwrittenHistory implements RemovalHistory {
  readonly #written: Pick<RemovalHistory, 'knownSessions' | 'massNoticedAtMs' | 'knownIds'> | undefined;
  readonly #sessions = new Map<string, number>();
  readonly #ids = new Map<string, KnownIds>();

  /** @param written undefined where no run has ever written anything */
  constructor(written: Pick<RemovalHistory, 'knownSessions' | 'massNoticedAtMs' | 'knownIds'> | undefined) {
    this.#written = written;
  }

  knownSessions(place: string): number | undefined {
    return this.#sessions.get(place) ?? this.#written?.knownSessions(place);
  }

  recordKnownSessions(place: string, sessions: number): void {
    this.#sessions.set(place, sessions);
  }

  massNoticedAtMs(place: string, nowMs: number): number | undefined {
    return this.#written?.massNoticedAtMs(place, nowMs);
  }

  /** A dry run is no notice. */
  noteMass(): void {}

  knownIds(source: string): KnownIds | undefined {
    return this.#ids.get(source) ?? this.#written?.knownIds(source);
  }

  recordKnownIds(source: string, known: KnownIds): void {
    this.#ids.set(source, known);
  }
}
