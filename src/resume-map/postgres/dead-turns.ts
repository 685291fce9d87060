/** How many turns in a row a key's session could not answer, in PostgreSQL: beside the rows, for whichever host runs the next one. */

import type { PostgresTransaction } from '../../postgres/postgres-database.ts';
import { serverNowMs } from '../../postgres/sql-text.ts';
import type { TurnRecord } from '../resume-map.ts';
import { DEAD_TURNS_TABLE, SESSIONS_TABLE } from '../schema.ts';
import type { PostgresMapConnection } from './connection.ts';

const COUNTED = `SELECT session_id AS "sessionId", turns FROM ${DEAD_TURNS_TABLE} WHERE key = $1`;
const SET = `INSERT INTO ${DEAD_TURNS_TABLE} AS dead (key, session_id, turns) VALUES ($1, $2, 1)
  ON CONFLICT (key) DO UPDATE SET session_id = excluded.session_id,
    turns = CASE WHEN dead.session_id = $3::text THEN dead.turns + 1 ELSE 1 END`;
/** Of keys that are in the map no more, too. */
const FORGET_DROPPED = `DELETE FROM ${DEAD_TURNS_TABLE} AS dead
  WHERE NOT EXISTS (SELECT 1 FROM ${SESSIONS_TABLE} AS sessions WHERE sessions.key = dead.key)`;
const FORGET = `DELETE FROM ${DEAD_TURNS_TABLE} WHERE key = $1`;
const LAST_USED = `SELECT last_used_at AS "lastUsedAtMs" FROM ${SESSIONS_TABLE} WHERE key = $1 AND session_id = $2`;
/** What a dead turn has made younger, and only that. */
const MAKE_OLD = `UPDATE ${SESSIONS_TABLE} SET last_used_at = $3 WHERE key = $1 AND session_id = $2 AND last_used_at > $3`;

export class PostgresDeadTurns {
  readonly #connection: PostgresMapConnection;

  constructor(connection: PostgresMapConnection) {
    this.#connection = connection;
  }

  async watch(key: string, sessionId: string | undefined): Promise<TurnRecord> {
    let current = sessionId;
    const [counted, used] = await this.#connection.read('read turns of', async (transaction) => {
      const [found] = await transaction.rows<{ sessionId: string; turns: number }>(COUNTED, key);
      return [found, await this.#lastUsed(transaction, key, sessionId)] as const;
    });
    let lastUsedAtMs = used;
    return {
      deadTurns: counted !== undefined && counted.sessionId === sessionId ? counted.turns : 0,
      died: async (id) => {
        await this.#connection.write('count a dead turn in', async (transaction) => {
          await transaction.change(FORGET_DROPPED);
          await transaction.change(SET, key, id, current ?? null);
          if (lastUsedAtMs !== undefined) await transaction.change(MAKE_OLD, key, id, lastUsedAtMs);
        });
        current = id;
      },
      answered: async () => {
        lastUsedAtMs = await this.#connection.write('forget dead turns of', async (transaction) => {
          await transaction.change(FORGET, key);
          return serverNowMs(transaction);
        });
      },
    };
  }

  async #lastUsed(transaction: PostgresTransaction, key: string, sessionId: string | undefined) {
    const [row] = await transaction.rows<{ lastUsedAtMs: number }>(LAST_USED, key, sessionId ?? null);
    return row?.lastUsedAtMs;
  }
}
