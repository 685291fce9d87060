/** How many turns in a row a key's session could not answer: beside the rows, and over restarts. In a host's own database, in memory. */

import type { Clock } from '../clock.ts';
import type { MapConnection } from './map-connection.ts';
import type { TurnRecord } from './resume-map.ts';
import { DEAD_TURNS_TABLE, hasTable, SESSIONS_TABLE } from './schema.ts';

const COUNTED = `SELECT session_id AS sessionId, turns FROM ${DEAD_TURNS_TABLE} WHERE key = ?`;
const SET = `INSERT INTO ${DEAD_TURNS_TABLE} (key, session_id, turns) VALUES (@key, @sessionId, @turns)
  ON CONFLICT (key) DO UPDATE SET session_id = excluded.session_id, turns = excluded.turns`;
/** Of keys that are in the map no more, too. */
const FORGET_DROPPED = `DELETE FROM ${DEAD_TURNS_TABLE} WHERE key NOT IN (SELECT key FROM ${SESSIONS_TABLE})`;
const FORGET = `DELETE FROM ${DEAD_TURNS_TABLE} WHERE key = ?`;
const LAST_USED = `SELECT last_used_at FROM ${SESSIONS_TABLE} WHERE key = ? AND session_id = ?`;
/** What a dead turn has made younger, and only that. */
const MAKE_OLD = `UPDATE ${SESSIONS_TABLE} SET last_used_at = @lastUsedAtMs
  WHERE key = @key AND session_id = @sessionId AND last_used_at > @lastUsedAtMs`;

interface Counted {
  readonly sessionId: string;
  readonly turns: number;
}

export class DeadTurns {
  readonly #connection: MapConnection;
  readonly #clock: Clock;
  /** Where there is no table of ours. */
  readonly #inMemory = new Map<string, Counted>();

  constructor(connection: MapConnection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  async watch(key: string, sessionId: string | undefined): Promise<TurnRecord> {
    const connection = this.#connection;
    let current = sessionId;
    const [counted, usedAtMs] = await connection.read('read turns of', () => {
      return [
        this.#counted(key),
        connection
          .statement(LAST_USED)
          .pluck()
          .get(key, sessionId ?? null),
      ] as const;
    });
    let lastUsedAtMs = usedAtMs;
    const turns = () => {
      const now = this.#counted(key);
      return now !== undefined && now.sessionId === current ? now.turns : 0;
    };
    return {
      deadTurns: counted !== undefined && counted.sessionId === sessionId ? counted.turns : 0,
      died: async (id) => {
        await this.#write('count a dead turn in', () => {
          this.#set(key, { sessionId: id, turns: turns() + 1 });
          if (typeof lastUsedAtMs === 'number')
            connection.statement(MAKE_OLD).run({ key, sessionId: id, lastUsedAtMs });
        });
        current = id;
      },
      answered: async () => {
        lastUsedAtMs = this.#clock.now();
        if (this.#counted(key) !== undefined) await this.#write('forget dead turns of', () => this.#forget(key));
      },
    };
  }

  #write(action: string, change: () => void): Promise<void> {
    return this.#connection.write(action, () => this.#connection.database.transaction(change).immediate());
  }

  #counted(key: string): Counted | undefined {
    if (!this.#hasTable()) return this.#inMemory.get(key);
    return this.#connection.statement(COUNTED).get(key) as Counted | undefined;
  }

  #set(key: string, counted: Counted): void {
    if (!this.#hasTable()) {
      this.#inMemory.set(key, counted);
      return;
    }
    this.#connection.statement(FORGET_DROPPED).run();
    this.#connection.statement(SET).run({ key, ...counted });
  }

  #forget(key: string): void {
    if (this.#hasTable()) this.#connection.statement(FORGET).run(key);
    else this.#inMemory.delete(key);
  }

  #hasTable(): boolean {
    return hasTable(this.#connection.database, DEAD_TURNS_TABLE);
  }
}
