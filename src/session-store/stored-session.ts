/** One session of a session store as the worker sees it, and what is sound of what any program may have written there. */

import { parseSessionId, type SessionId } from '../claude-dir/session-id.ts';

export interface StoredSession {
  readonly projectKey: string;
  readonly sessionId: SessionId;
  /** Unix epoch ms by the store's clock: the last append or load. */
  readonly lastUsedAtMs: number;
  readonly bytes: number;
  readonly hasMain: boolean;
  /** Is another after each change, in a store that tells it so. */
  readonly version?: string;
}

export interface TrashedStoredSession extends StoredSession {
  readonly trashedAtMs: number;
  readonly reason: string;
}

/** A session of which only entries are left. */
export interface MarkedStoredSession {
  readonly projectKey: string;
  readonly sessionId: SessionId;
  readonly bytes: number;
  readonly trashedAtMs: number;
}

/** What a session is told by: one id may be stored under several projects. */
export type StoredKey = Pick<StoredSession, 'projectKey'> & { readonly sessionId: string };

export function storedKeyText({ projectKey, sessionId }: StoredKey): string {
  return `${sessionId} ${projectKey}`;
}

/** An entry that marks a session has some hundred bytes: a longer one is a message. */
export const MARK_BYTES_MAX = 262_144;

/** Stands for the time of what was removed nobody knows when: that never comes to an end, and can be restored. */
const UNKNOWN_TRASHED_AT_MS = Date.UTC(9999, 0);

/** SQLite stores in any column whatever a program writes there, and another program's columns may be empty. */
export type Unchecked<T> = { readonly [Field in keyof T]: unknown };
export type UncheckedSession = Unchecked<StoredSession> & Pick<StoredSession, 'projectKey' | 'sessionId'>;

export function isIdentified(row: Unchecked<StoredSession>): row is UncheckedSession {
  return typeof row.projectKey === 'string' && parseSessionId(row.sessionId) !== undefined;
}

/** A time that is none is no number, and so senseless to a plan; and what is not as it was read is not removed. */
export function soundSession(row: UncheckedSession): StoredSession {
  const { projectKey, sessionId, lastUsedAtMs, bytes, hasMain, version } = row;
  return {
    projectKey,
    sessionId,
    lastUsedAtMs: typeof lastUsedAtMs === 'number' ? lastUsedAtMs : Number.NaN,
    bytes: typeof bytes === 'number' && bytes >= 0 ? bytes : 0,
    hasMain: Boolean(hasMain),
    ...(typeof version === 'string' ? { version } : {}),
  };
}

export function soundTrashed(row: UncheckedSession): TrashedStoredSession {
  const { trashedAtMs, reason } = row as Unchecked<TrashedStoredSession>;
  const isSound = typeof trashedAtMs === 'number' && Math.abs(trashedAtMs) <= UNKNOWN_TRASHED_AT_MS;
  return {
    ...soundSession(row),
    trashedAtMs: isSound ? trashedAtMs : UNKNOWN_TRASHED_AT_MS,
    reason: typeof reason === 'string' ? reason : 'unknown',
  };
}

/** What the text of an entry says of its session, where it is one of the given type; undefined where it is none. */
export function markIn(text: string, type: string, field: string): { readonly value: string | undefined } | undefined {
  const entry = parseEntry(text);
  if (entry?.type !== type) return undefined;
  const value = entry[field];
  return { value: typeof value === 'string' && value !== '' ? value : undefined };
}

function parseEntry(text: string): Record<string, unknown> | undefined {
  try {
    const entry: unknown = JSON.parse(text);
    return typeof entry === 'object' && entry !== null ? (entry as Record<string, unknown>) : undefined;
  } catch {
    // Written past the store: it says nothing.
    return undefined;
  }
}
