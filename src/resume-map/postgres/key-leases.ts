/** Leases on conversation keys in PostgreSQL: of all processes on all hosts, one at a time runs a conversation. */

import { randomUUID } from 'node:crypto';
import { NOW_MS } from '../../postgres/sql-text.ts';
import { type FoundLease, isHeldLease, LEASE_MS, processIdentity } from '../lease-holder.ts';
import type { KeyLease } from '../resume-map.ts';
import { LEASES_TABLE } from '../schema.ts';
import type { PostgresMapConnection } from './connection.ts';

const FIND = `SELECT holder, process, expires_at AS "expiresAtMs", ${NOW_MS} AS "nowMs" FROM ${LEASES_TABLE} WHERE key = $1`;
/** Nobody's, or still of the one who was found to hold it no more. */
const TAKE = `INSERT INTO ${LEASES_TABLE} AS lease (key, holder, process, expires_at) VALUES ($1, $2, $3, ${NOW_MS} + ${LEASE_MS})
  ON CONFLICT (key) DO UPDATE SET holder = excluded.holder, process = excluded.process, expires_at = excluded.expires_at
  WHERE lease.holder = $4::text`;
const RENEW = `UPDATE ${LEASES_TABLE} SET expires_at = ${NOW_MS} + ${LEASE_MS} WHERE key = $1 AND holder = $2`;
const RELEASE = `DELETE FROM ${LEASES_TABLE} WHERE key = $1 AND holder = $2`;
/** Of keys that nobody asks for again, too. */
const FORGET_EXPIRED = `DELETE FROM ${LEASES_TABLE} WHERE expires_at < ${NOW_MS} AND key <> $1`;

export class PostgresKeyLeases {
  readonly #connection: PostgresMapConnection;

  constructor(connection: PostgresMapConnection) {
    this.#connection = connection;
  }

  /** @returns undefined where another has it */
  async take(key: string): Promise<KeyLease | undefined> {
    const holder = randomUUID();
    const isTaken = await this.#connection.write('lease a key of', async (transaction) => {
      const [found] = await transaction.rows<FoundLease & { nowMs: number }>(FIND, key);
      if (found !== undefined && isHeldLease(found, found.nowMs)) return false;
      await transaction.change(FORGET_EXPIRED, key);
      const values = [key, holder, processIdentity(process.pid) ?? '', found?.holder ?? null];
      return (await transaction.change(TAKE, ...values)) > 0;
    });
    return isTaken ? this.#lease(key, holder) : undefined;
  }

  /** A run may go on for longer than its map is open: what it has to write down then, and the lease, are not lost. */
  #lease(key: string, holder: string): KeyLease {
    const giveFree = this.#connection.keepOpen(key);
    return {
      renew: () => {
        return this.#connection.write(
          'renew a lease of',
          async (one) => (await one.change(RENEW, key, holder)) > 0,
          key,
        );
      },
      release: async () => {
        try {
          await this.#connection.write(
            'release a lease of',
            (transaction) => transaction.change(RELEASE, key, holder),
            key,
          );
        } finally {
          await giveFree();
        }
      },
    };
  }
}
