/** What becomes of the row that a host asks for: it is resumed, or it is let go, since it has had its time or its transcript is nowhere. */

import { parseSessionId, type SessionId } from '../../claude-dir/session-id.ts';
import { DEFAULT_SESSION_MAX_AGE_MS } from '../../config/settings/looked-after.ts';
import type { PostgresTransaction } from '../../postgres/postgres-database.ts';
import { NOW_MS } from '../../postgres/sql-text.ts';
import { FORGOTTEN } from '../counter-names.ts';
import { maxAgeInForce } from '../map-age.ts';
import type { ForgetReason, Forgotten, Whereabouts } from '../resume-map.ts';
import { isStale, mayBeLate, type SessionMaxAge } from '../row-age.ts';
import { SESSIONS_TABLE } from '../schema.ts';
import { count, dropped } from './counters.ts';
import { writtenMaxAge } from './settings.ts';

export interface LookUpRules {
  /** Undefined where nobody has set it. */
  readonly maxSessionAge: SessionMaxAge | undefined;
  readonly host: string;
  /** Undefined where nobody is to look. */
  readonly transcripts: { whereIs(sessionId: SessionId): Whereabouts } | undefined;
}

export interface LookedUp {
  /** `gone`: its transcript is nowhere on this host, where the row says that it is, and the row is old enough for that to mean something. */
  readonly found: SessionId | 'gone' | null;
  /** What was let go for it; to be told when that is committed. */
  readonly forgotten?: Forgotten;
}

const NOTHING: LookedUp = { found: null };

const GET = `SELECT session_id AS "sessionId", last_used_at AS "lastUsedAtMs", created_at AS "createdAtMs", host, ${NOW_MS} AS "nowMs"
  FROM ${SESSIONS_TABLE} WHERE key = $1`;
const DROP_AS_READ = `DELETE FROM ${SESSIONS_TABLE} WHERE key = $1 AND session_id = $2 AND last_used_at = $3`;

interface FoundRow {
  readonly sessionId: string;
  readonly lastUsedAtMs: number;
  readonly createdAtMs: number;
  readonly host: string | null;
  readonly nowMs: number;
}

/** The first look: nothing is let go for its transcript's absence. */
export async function lookUp(transaction: PostgresTransaction, key: string, rules: LookUpRules): Promise<LookedUp> {
  const [row] = await transaction.rows<FoundRow>(GET, key);
  return row === undefined ? NOTHING : judged(transaction, key, row, rules);
}

/** The second look, while nobody can write the row. */
export async function lookAgain(transaction: PostgresTransaction, key: string, rules: LookUpRules): Promise<LookedUp> {
  const [row] = await transaction.rows<FoundRow>(`${GET} FOR UPDATE`, key);
  if (row === undefined) return NOTHING;
  const again = await judged(transaction, key, row, rules);
  return again.found === 'gone' ? letGo(transaction, key, row, 'gone') : again;
}

async function judged(
  transaction: PostgresTransaction,
  key: string,
  row: FoundRow,
  { maxSessionAge, host, transcripts }: LookUpRules,
): Promise<LookedUp> {
  if (isStale(row, row.nowMs, maxSessionAge ?? DEFAULT_SESSION_MAX_AGE_MS)) {
    const inForce = maxAgeInForce(maxSessionAge, await writtenMaxAge(transaction));
    if (isStale(row, row.nowMs, inForce)) return letGo(transaction, key, row, 'expired');
  }
  const id = parseSessionId(row.sessionId);
  // What another host's disk holds cannot be seen from here.
  if (id === undefined || transcripts === undefined || row.host !== host) return { found: id ?? null };
  const place = transcripts.whereIs(id);
  if (place === 'in-trash') return NOTHING;
  return { found: place === 'gone' && !mayBeLate(row, row.nowMs) ? 'gone' : id };
}

async function letGo(
  transaction: PostgresTransaction,
  key: string,
  { sessionId, lastUsedAtMs }: FoundRow,
  reason: ForgetReason,
): Promise<LookedUp> {
  if ((await dropped(transaction, await transaction.change(DROP_AS_READ, key, sessionId, lastUsedAtMs))) === 0)
    return NOTHING;
  await count(transaction, FORGOTTEN[reason]);
  const id = parseSessionId(sessionId);
  return id === undefined ? NOTHING : { found: null, forgotten: { key, sessionId: id, reason } };
}
