/** Leases on conversation keys: of all processes with one map, one at a time runs a conversation, and one that has died blocks nobody for long. */

import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { type FoundLease, isHeldLease, LEASE_MS, processIdentity } from './lease-holder.ts';
import type { MapConnection } from './map-connection.ts';
import type { KeyLease } from './resume-map.ts';
import { hasTable, LEASES_TABLE } from './schema.ts';

const FIND = `SELECT holder, process, expires_at AS expiresAtMs FROM ${LEASES_TABLE} WHERE key = ?`;
const TAKE = `INSERT INTO ${LEASES_TABLE} (key, holder, process, expires_at) VALUES (@key, @holder, @process, @expiresAtMs)
  ON CONFLICT (key) DO UPDATE SET holder = excluded.holder, process = excluded.process, expires_at = excluded.expires_at`;
const RENEW = `UPDATE ${LEASES_TABLE} SET expires_at = @expiresAtMs WHERE key = @key AND holder = @holder`;
const RELEASE = `DELETE FROM ${LEASES_TABLE} WHERE key = @key AND holder = @holder`;
const FORGET_EXPIRED = `DELETE FROM ${LEASES_TABLE} WHERE expires_at < ?`;

/** A map without a table for leases, as a host's own: everybody gets one, and nobody is kept waiting. */
const NO_LEASE: KeyLease = { renew: async () => true, release: async () => undefined };

export class KeyLeases {
  readonly #connection: MapConnection;
  readonly #clock: Clock;

  constructor(connection: MapConnection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  /** @returns undefined where another has it */
  async take(key: string): Promise<KeyLease | undefined> {
    const { database } = this.#connection;
    const holder = randomUUID();
    const taken = await this.#connection.write('lease a key of', () => {
      if (!hasTable(database, LEASES_TABLE)) return 'none-needed';
      // Whoever waits looks often: only where it is free is a writer kept waiting.
      if (this.#isHeld(key)) return 'held';
      return database.transaction(() => (this.#isHeld(key) ? 'held' : this.#write(key, holder))).immediate();
    });
    if (taken === 'held') return undefined;
    return taken === 'none-needed' ? this.#kept(key, NO_LEASE) : this.#lease(key, holder);
  }

  #lease(key: string, holder: string): KeyLease {
    const bound = () => ({ key, holder, expiresAtMs: this.#clock.now() + LEASE_MS });
    return this.#kept(key, {
      renew: () => {
        const renew = () => this.#connection.statement(RENEW).run(bound()).changes > 0;
        return this.#connection.write('renew a lease of', renew, key);
      },
      release: async () => {
        const release = () => this.#connection.statement(RELEASE).run({ key, holder });
        await this.#connection.write('release a lease of', release, key);
      },
    });
  }

  /** A run may go on for longer than its map is open: what it has to write down then, and the lease, are not lost. */
  #kept(key: string, { renew, release }: KeyLease): KeyLease {
    const giveFree = this.#connection.keepOpen(key);
    const releaseAndGiveFree = async () => {
      try {
        await release();
      } finally {
        await giveFree();
      }
    };
    return { renew, release: releaseAndGiveFree };
  }

  #write(key: string, holder: string): 'taken' {
    const nowMs = this.#clock.now();
    // Of keys that nobody asks for again, too.
    this.#connection.statement(FORGET_EXPIRED).run(nowMs);
    this.#connection
      .statement(TAKE)
      .run({ key, holder, process: processIdentity(process.pid) ?? '', expiresAtMs: nowMs + LEASE_MS });
    return 'taken';
  }

  #isHeld(key: string): boolean {
    const found = this.#connection.statement(FIND).get(key) as FoundLease | undefined;
    return found !== undefined && isHeldLease(found, this.#clock.now());
  }
}
