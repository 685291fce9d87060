/** The thread map: which Slack thread goes on in which session. Asynchronous, as the resume map is. */

import type { SessionId } from '../claude-dir/session-id.ts';
import { OperatingError } from '../errors.ts';
import { shownValue } from '../format/shown-text.ts';

/** Whatever else stands in a row reads as `active`; so does `stopped`, which older hosts wrote. */
export type ThreadStatus = 'active' | 'error';

/** One row, as it stands in the database. */
export interface ThreadSession {
  /** Slack's `thread_ts`. */
  readonly threadTs: string;
  readonly sessionId: string;
  readonly repo: string;
  readonly repoPath: string;
  readonly agentKind: string;
  readonly channelId: string;
  /** RFC 3339, in the form in which it was written; another program may have written anything. */
  readonly createdAt: string;
  readonly lastActive: string;
  readonly status: ThreadStatus;
  readonly totalTurns: number;
  readonly model: string | null;
}

/** What a host writes of a session. Texts of times are RFC 3339 in any form. */
export interface ThreadSessionFields {
  readonly sessionId: string;
  readonly repo: string;
  readonly repoPath: string;
  /** Default `claude`. */
  readonly agentKind?: string;
  readonly channelId: string;
  readonly createdAt: string | Date;
  readonly lastActive: string | Date;
  /** Default `active`. */
  readonly status?: ThreadStatus;
  /** Default 0. */
  readonly totalTurns?: number;
  /** Default null. */
  readonly model?: string | null;
}

export interface NewThreadSession extends ThreadSessionFields {
  readonly threadTs: string;
}

/** The fields that change; what is left out, or undefined, stays as it is. */
export type ThreadChange = { readonly [Field in keyof ThreadSessionFields]?: ThreadSessionFields[Field] | undefined };

/** A row in the hands of a change: what is assigned to it is written. */
export type ThreadDraft = {
  -readonly [Field in keyof ThreadSessionFields]-?: Exclude<ThreadSessionFields[Field], undefined>;
} & {
  readonly threadTs: string;
};

/** What changes, or a function that assigns to the row it is given, or returns what changes. */
export type ThreadUpdate = ThreadChange | ((session: ThreadDraft) => ThreadChange) | ((session: ThreadDraft) => void);

/** There is no such thread in the map. Nothing was changed. */
export class UnknownThreadError extends OperatingError {
  /** For those who cannot ask for the class. */
  readonly code = 'unknown-thread';
  readonly threadTs: string;

  constructor(threadTs: string) {
    super('usage', `update thread map: it holds no thread ${shownValue(threadTs)}`);
    this.name = 'UnknownThreadError';
    this.threadTs = threadTs;
  }
}

export interface ThreadPruning {
  /** How many rows were deleted. */
  readonly deleted: number;
  /** How many could not be judged, since what counts of them cannot be read. They stay. */
  readonly unreadable: number;
}

/**
 * What a host calls. Every method may reject with an OperatingError (`unavailable`, `io`, `bad-data`, `usage`), and with a ConfigError for
 * fields that make no sense; after a BusyError (another process held the database for longer than five seconds) the same call may be made
 * again. Waiting blocks no thread, and the calls of one map take effect in the order in which they were made.
 */
export interface ThreadMap {
  readonly path: string;
  /** Inserts the session of a thread, or replaces it. Columns of the host's own stay as they are. */
  insert(session: NewThreadSession): Promise<void>;
  /** The session of a thread, or null. */
  getByThread(threadTs: string): Promise<ThreadSession | null>;
  /**
   * Changes a row, in one transaction.
   * @param change where it is a function, it must not wait, and may be called again where the database was busy
   * @returns the row as it is then
   * @throws UnknownThreadError
   */
  update(threadTs: string, change: ThreadUpdate): Promise<ThreadSession>;
  /** Every row whose status is not `error`, ordered by thread. */
  activeSessions(): Promise<ThreadSession[]>;
  /** Whether any thread has this session. */
  hasSessionId(sessionId: string): Promise<boolean>;
  /**
   * Deletes the threads that were neither active nor made within `ttl`. What has a time that cannot be read stays.
   * @param ttl milliseconds, or `never`
   */
  pruneExpired(ttl: number | 'never'): Promise<ThreadPruning>;
  /**
   * Deletes the threads whose channel is not that of their repository any more, and those of repositories that are not configured.
   * @param channels channel by repository; all there are
   */
  pruneStaleChannels(channels: Readonly<Record<string, string>> | ReadonlyMap<string, string>): Promise<ThreadPruning>;
  /** Every session id in the map, whatever its status and its times: while a row is there, its transcript is live. */
  listLiveSessionIds(): Promise<Set<SessionId>>;
  /** Every call after it is refused with an OperatingError (`usage`), but for another `close`. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
