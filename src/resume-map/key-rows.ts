/** The rows of a map in SQLite by their keys, as a host asks for them: what is too old, or leads nowhere, is let go at the look-up. */

import { setTimeout as sleep } from 'node:timers/promises';
import { parseSessionId, type SessionId } from '../claude-dir/session-id.ts';
import type { Clock } from '../clock.ts';
import { checkedSessionId } from './checked-values.ts';
import { checkedKey, checkIssue, isOfIssue } from './keys.ts';
import type { MapAge } from './map-age.ts';
import type { MapConnection } from './map-connection.ts';
import type { MapCounters } from './map-counters.ts';
import type { ForgetReason, Forgotten, UncheckedResumeRow, Whereabouts } from './resume-map.ts';
import { isStale, mayBeLate, SECOND_LOOK_AFTER_MS } from './row-age.ts';
import { RESUME_MAP_TABLE, SESSIONS_TABLE } from './schema.ts';
import { deleteRowOfKey } from './walk.ts';

const GET = `SELECT session_id AS sessionId, last_used_at AS lastUsedAtMs, created_at AS createdAtMs FROM ${SESSIONS_TABLE} WHERE key = ?`;
const ID_OF_KEY = `SELECT session_id FROM ${SESSIONS_TABLE} WHERE key = ?`;
const SET = `INSERT INTO ${SESSIONS_TABLE} (key, session_id, last_used_at, created_at) VALUES (@key, @id, @nowMs, @nowMs)
  ON CONFLICT (key) DO UPDATE SET session_id = excluded.session_id, last_used_at = excluded.last_used_at`;
const TOUCH = `UPDATE ${SESSIONS_TABLE} SET last_used_at = @nowMs WHERE key = @key AND session_id = @id`;
const DROP = `DELETE FROM ${SESSIONS_TABLE} WHERE key = ?`;
/** LIKE has wildcards and ignores case. */
const KEYS_ENDING_IN = `SELECT key FROM ${SESSIONS_TABLE} WHERE substr(key, -length(@suffix)) = @suffix`;

/** What look-ups go by. */
export interface LookUpContext {
  readonly clock: Clock;
  readonly counters: MapCounters;
  readonly age: MapAge;
  /** Where the transcripts of all its sessions are; without it nobody looks. */
  readonly transcripts?: { whereIs(sessionId: SessionId): Whereabouts } | undefined;
  /** Is told after a look-up has let a conversation go. */
  readonly onForgotten?: ((forgotten: Forgotten) => void) | undefined;
}

export class KeyRows {
  readonly #connection: MapConnection;
  readonly #context: LookUpContext;

  constructor(connection: MapConnection, context: LookUpContext) {
    this.#connection = connection;
    this.#context = context;
  }

  async get(key: string, { evenIfGone = false } = {}): Promise<SessionId | null> {
    checkedKey(key);
    const transcripts = evenIfGone ? undefined : this.#context.transcripts;
    const found = await this.#connection.write('get session', () => this.#lookUp(key, transcripts));
    if (found !== 'gone') return found;
    // Claude renames a transcript between projects now and then: for an instant it is nowhere. Only a second look, while nobody can
    // write the row, ends a conversation.
    await sleep(SECOND_LOOK_AFTER_MS);
    return this.#connection.withWritersHeld(
      () => {
        const was = this.#connection.statement(ID_OF_KEY).pluck().get(key);
        const again = this.#lookUp(key, transcripts);
        if (again !== 'gone') return again;
        if (this.#context.counters.dropped(this.#connection.statement(DROP).run(key).changes) > 0)
          this.#forgotten(key, was, 'gone');
        return null;
      },
      { keepsChanges: true },
    );
  }

  /** `gone`: its transcript is nowhere on this host, and the row is old enough for that to mean something. */
  #lookUp(key: string, transcripts: LookUpContext['transcripts']): SessionId | 'gone' | null {
    const row = this.#connection.statement(GET).get(key) as
      | Pick<UncheckedResumeRow, 'sessionId' | 'lastUsedAtMs' | 'createdAtMs'>
      | undefined;
    if (row === undefined) return null;
    const { age, clock } = this.#context;
    const nowMs = clock.now();
    if (isStale(row, nowMs, age.own) && isStale(row, nowMs, age.inForce())) {
      const stale = { key, sessionId: row.sessionId, lastUsedAtMs: row.lastUsedAtMs };
      if (this.#context.counters.dropped(deleteRowOfKey(this.#connection, RESUME_MAP_TABLE, stale)) > 0)
        this.#forgotten(key, row.sessionId, 'expired');
      return null;
    }
    const id = parseSessionId(row.sessionId);
    if (id === undefined) return null;
    const place = transcripts?.whereIs(id);
    if (place === 'in-trash') return null;
    return place === 'gone' && !mayBeLate(row, nowMs) ? 'gone' : id;
  }

  async set(key: string, sessionId: string): Promise<void> {
    checkedKey(key);
    const id = checkedSessionId(sessionId);
    const set = () => this.#connection.statement(SET).run({ key, id, nowMs: this.#context.clock.now() });
    await this.#connection.write('set session', set, key);
  }

  async touch(key: string, sessionId: string): Promise<boolean> {
    checkedKey(key);
    const id = checkedSessionId(sessionId);
    const touch = () =>
      this.#connection.statement(TOUCH).run({ key, id, nowMs: this.#context.clock.now() }).changes > 0;
    return this.#connection.write('mark session as used', touch, key);
  }

  async drop(key: string): Promise<boolean> {
    checkedKey(key);
    return this.#connection.write('drop session', () => {
      return (
        this.#connection.transact(() =>
          this.#context.counters.dropped(this.#connection.statement(DROP).run(key).changes),
        ) > 0
      );
    });
  }

  async dropIssue(
    repo: string,
    issueOrPr: string | number,
    options: { readonly forge?: string } = {},
  ): Promise<number> {
    checkIssue(repo, issueOrPr);
    const suffix = `:${repo}:${issueOrPr}`;
    return this.#connection.write('drop sessions of an issue', () => {
      // The suffix narrows it down by exact comparison; the parts decide.
      const candidates = this.#connection.statement(KEYS_ENDING_IN).pluck().all({ suffix }) as string[];
      const keys = candidates.filter((key) => isOfIssue(key, repo, issueOrPr, options.forge));
      const drop = this.#connection.statement(DROP);
      return this.#connection.transact(() => {
        return this.#context.counters.dropped(keys.reduce((dropped, key) => dropped + drop.run(key).changes, 0));
      });
    });
  }

  #forgotten(key: string, id: unknown, reason: ForgetReason): void {
    this.#context.counters.forgotten(reason);
    const sessionId = parseSessionId(id);
    if (sessionId === undefined) return;
    try {
      this.#context.onForgotten?.({ key, sessionId, reason });
    } catch {
      // What a host does with it is no reason for a look-up to fail: the row is gone by now.
    }
  }
}
