/** The resume map: which conversation key resumes which session id. Asynchronous, so that any backend fits. */

import type { SessionId } from '../claude-dir/session-id.ts';
import type { ShortHolds } from '../sqlite/short-holds.ts';
import type { SessionMaxAge } from './row-age.ts';

/** Where a session's transcript is on this host. */
export type Whereabouts =
  | 'here'
  | 'in-trash'
  /** Every project could be looked at, and it is in none. */
  | 'gone'
  /** A place could not be read: nothing is known. */
  | 'unknown'
  /** The directories hold no transcript at all: they may not be mounted yet. */
  | 'unused';

/** One row as it stands in the store; times in Unix epoch milliseconds. */
export interface ResumeRow {
  readonly key: string;
  readonly sessionId: SessionId;
  readonly lastUsedAtMs: number;
  readonly createdAtMs: number;
}

/** A row whose fields may be anything: a host's table need not hold what it should. */
export interface UncheckedFields {
  readonly key: unknown;
  readonly sessionId: unknown;
  readonly lastUsedAtMs: unknown;
  readonly createdAtMs: unknown;
  /** Not 0 where its session is another agent's, whose transcripts lie elsewhere. */
  readonly isOthers?: unknown;
}

export interface UncheckedResumeRow extends UncheckedFields {
  /** How its store finds it again; nobody else looks into it. */
  readonly locator: RowLocator;
}

/** Where a row stands and what its bytes were when it was read. */
export interface RowLocator {
  readonly place: unknown;
  readonly keyBytes: unknown;
  readonly keyType: unknown;
  readonly sessionIdBytes: unknown;
}

/** All columns of a row, in a form that only its store reads. */
export type RowContent = string;

export interface WholeRow extends UncheckedResumeRow {
  readonly content: RowContent;
}

/** What became of rows that were to be deleted; those that somebody else has deleted are in neither. */
export interface RowFates {
  readonly deleted: readonly WholeRow[];
  /** They are others by now, and still there. */
  readonly stayed: readonly WholeRow[];
}

export interface LiveIds {
  readonly ids: Set<SessionId>;
  /** Rows whose id is no session id: they protect nothing, since no transcript can bear such a name. */
  readonly malformed: number;
  /** Rows whose times make no sense; they protect like any other. */
  readonly senselessTimes: number;
  /** Rows that hosts have ever taken out on purpose, by the calls of this map. */
  readonly droppedOnPurpose: number;
  /** Why some of them are live, where the map says it. */
  readonly reasons?: ReadonlyMap<SessionId, string>;
}

/** Why a map has let a conversation go that a host asked for. */
export const FORGET_REASONS = ['expired', 'gone'] as const;
export type ForgetReason = (typeof FORGET_REASONS)[number];

/**
 * What befalls the conversations of hosts: restored from a trash, begun anew in the place of one that is gone or can never answer again, a
 * turn that was not answered and never can be; and what the Agent SDK says of a session store that did not take entries, and of a
 * transcript that lost lines on a full disk.
 */
export const SESSION_EVENTS = [
  'restored',
  'begun-anew-gone',
  'begun-anew-dead-turns',
  'dead-turn',
  'mirror-error',
  'writes-lost',
] as const;
export type SessionEvent = (typeof SESSION_EVENTS)[number];

/** Since ever, over all who have opened one map. */
export interface SessionEvents {
  count(event: SessionEvent): Promise<void>;
  totals(): Promise<Readonly<Record<SessionEvent, number>>>;
}

/** A conversation that the map has let go. */
export interface Forgotten {
  readonly key: string;
  readonly sessionId: SessionId;
  /** `expired`: not used within the maximum age; `gone`: its transcript is nowhere. */
  readonly reason: ForgetReason;
}

/** The right to run a conversation, which no other process has meanwhile. It ends by itself when it is not renewed in time. */
export interface KeyLease {
  /** @returns whether it still is one's own */
  renew(): Promise<boolean>;
  release(): Promise<void>;
}

/** What the turns of one run say about the session of its key. */
export interface TurnRecord {
  /** Turns in a row that the session could not answer, before this run. */
  readonly deadTurns: number;
  /** Counts one more. The row that names this session is no younger for it. */
  died(sessionId: string): Promise<void>;
  /** The count begins again. */
  answered(): Promise<void>;
}

/**
 * What a host calls. Every method may reject with an OperatingError (`unavailable`, `io`, `bad-data`); after `unavailable` (another
 * process held the database for longer than five seconds) nothing was changed, and the same call may be made again.
 * Waiting blocks no thread, and the calls of one map take effect in the order in which they were made.
 */
export interface ResumeMap {
  /** Where it is; the same for all who have opened one map. */
  readonly path?: string;
  /**
   * The session to resume, or null. A row over its maximum age is deleted on the way and null returned; so is, where the map was
   * opened with Claude directories, one whose transcript is gone. While that lies in the trash, the row stays and null is returned.
   * @param options.evenIfGone does not look for the transcript
   */
  getSession(key: string, options?: { readonly evenIfGone?: boolean }): Promise<SessionId | null>;
  /** Inserts or replaces; refreshes `last_used_at`, keeps `created_at`. Refuses what is no UUID. */
  setSession(key: string, sessionId: string): Promise<void>;
  /** Refreshes `last_used_at` while the row still names this session. @returns whether it does */
  touchSession(key: string, sessionId: string): Promise<boolean>;
  /** @returns whether there was such a row */
  dropSession(key: string): Promise<boolean>;
  /** Drops the conversations of every agent on one issue or pull request. Exact matching. @returns how many there were */
  dropAllForIssue(repo: string, issueOrPr: string | number, options?: { readonly forge?: string }): Promise<number>;
  /** Every row, ordered by key. */
  listSessions(): Promise<ResumeRow[]>;
  /** Every id in the map, stale or not: while a row is there, its transcript is live. */
  listLiveSessionIds(): Promise<Set<SessionId>>;
  /** Deletes the rows over their maximum age, in short transactions. @returns how many */
  sweepStaleSessions(): Promise<number>;
  /** For this object alone; what a host opens its map with is written into the map, and counts for everybody. */
  setMaxSessionAgeMs(maxAge: SessionMaxAge): void;
  /** The age in force: what a host has written, or one's own where that is longer. */
  maxSessionAge(): Promise<SessionMaxAge>;
  incrementSessionResumeAttempts(): Promise<void>;
  incrementSessionResumeFailures(): Promise<void>;
  getSessionResumeAttemptsTotal(): Promise<number>;
  getSessionResumeFailuresTotal(): Promise<number>;
  /** How many conversations `getSession` has let go, by reason. In a host's own database they count from its first counter on. */
  getForgottenTotals(): Promise<Readonly<Record<ForgetReason, number>>>;
  /** Counts what befalls conversations, for the worker's metrics; a map of a host's own making need not. */
  readonly events?: SessionEvents;
  /**
   * Takes the lease of a key for a minute. It is no use of the session and changes no row. A map in a host's own database has none, and
   * gives one to everybody.
   * @returns undefined where another process that may be alive has it
   */
  leaseKey(key: string): Promise<KeyLease | undefined>;
  /** For a run of a key. Dead turns are counted beside the rows; a map in a host's own database counts them in memory. */
  watchTurns(key: string, sessionId: SessionId | undefined): Promise<TurnRecord>;
  /**
   * Every call after it is refused with an OperatingError (`usage`), but for another `close`. Runs that are at work go on to their end:
   * until then they write down their sessions, and keep their leases and the file open.
   */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What the worker asks of a resume map, beside what a host does. */
export interface MaintainableResumeMap extends ResumeMap {
  /** Reads every row, or rejects; never a part. */
  readLiveIds(): Promise<LiveIds>;
  /** Every row, unchecked, a page at a time, in key order. Rows may be deleted between two pages. */
  readPages(): AsyncIterable<readonly UncheckedResumeRow[]>;
  /** Those of the given rows that still are as they were read, with all their columns. */
  readWhole(rows: readonly UncheckedResumeRow[]): Promise<readonly WholeRow[]>;
  /** Deletes those of the given rows that still are as they were read, in every column. Yields after each hold what became of them. */
  deleteUnchanged(rows: readonly WholeRow[], holds: ShortHolds): AsyncIterable<RowFates>;
  /**
   * Puts a row back as it was, or as used at another time.
   * @throws OperatingError (`bad-data`) where there is a row of its key again, or the table does not take it any more
   */
  restoreRow(content: RowContent, usedAtMs?: number): Promise<void>;
  /** Whether the map holds this very row. */
  hasRow(content: RowContent): Promise<boolean>;
  /**
   * Holds every writer of the map back while `act` runs, and tells it which of `ids` are live at that moment.
   * Keep `act` short: hosts wait for it.
   * @param onHeld called as soon as they are held back, before anything else
   */
  withWritersHeld<T>(
    ids: readonly SessionId[],
    act: (live: ReadonlySet<SessionId>) => T | Promise<T>,
    onHeld?: () => void,
  ): Promise<T>;
  /** Why a deletion would change more than the rows that it names; undefined where it would not. */
  sweepObstacle(): Promise<string | undefined>;
  /** Rejects where the map cannot be read; cheap. */
  check(): Promise<void>;
}

/** What a live source asks of any map. */
export type LiveMap = Pick<MaintainableResumeMap, 'readLiveIds' | 'withWritersHeld' | 'check' | 'close'>;

/** What a sweep of any map, and the way back of what it took, ask for. */
export type SweepableMap = Pick<
  MaintainableResumeMap,
  'readPages' | 'readWhole' | 'deleteUnchanged' | 'sweepObstacle' | 'restoreRow' | 'hasRow'
>;
