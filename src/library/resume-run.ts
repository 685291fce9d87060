/** A run that goes on with the conversation of a key, as a host asks for it: every option, and what a query must be able to do. */

import type { ResumeMap } from '../resume-map/resume-map.ts';
import type { FreshStart } from './fresh-start.ts';

/** What is looked at of the SDK's messages; they are passed on as they are. */
export interface QueryMessage {
  readonly type: string;
}

/** The SDK's `query`, or anything like it. `UserMessage` is what a streaming prompt yields. */
export type QueryFunction<Message, UserMessage, Options, Query extends AsyncIterable<Message>> = (params: {
  prompt: string | AsyncIterable<UserMessage>;
  options?: Options;
  // Not `Query` alone: from that, `Message` would not be inferred.
}) => Query & AsyncIterable<Message>;

export interface ResumeLog {
  warn(fields: object, message: string): void;
}

export interface SessionResumeRun<Message, UserMessage, Options, Query extends AsyncIterable<Message>> {
  readonly map: ResumeMap;
  /** Conversation key, see `sessionKey`. */
  readonly key: string;
  readonly query: QueryFunction<Message, UserMessage, Options, Query>;
  /** All that a fresh session must be told. */
  readonly prompt: string | AsyncIterable<UserMessage>;
  /** What a resumed session does not know yet; without it, it is told `prompt`. */
  readonly deltaPrompt?: string | AsyncIterable<UserMessage>;
  /**
   * The query's own; `resume` is added, and what goes with it is left out where a conversation is begun. A `sessionId` is for the first
   * run: beside a resume the client takes it only for a fork, so there it is left out.
   */
  readonly options?: Options;
  /**
   * Absolute paths of the Claude directories where this host's transcripts are: with them no dead session is ever resumed. They are
   * not looked into where `options` has a `sessionStore`.
   */
  readonly claudeDirs?: readonly string[];
  /** Default: one line by `console.warn`. */
  readonly log?: ResumeLog;
  /** How often a session in use is marked as used, milliseconds; default five minutes. */
  readonly touchIntervalMs?: number;
  /**
   * How long to wait while another run of the same key is at work, milliseconds; default half an hour. Runs of one key come one after the
   * other, also those of other processes, where the map is not in a database of the host's own.
   */
  readonly turnWaitMaxMs?: number;
  /**
   * After how many turns in a row that its session could not answer, and never can (a history that the API refuses, or that is too long),
   * a conversation is begun anew; default 3. Faults that pass (limits, outages, the network, logins) do not count.
   */
  readonly deadTurnsMax?: number;
  /** Is told before a conversation is begun anew in the place of another one. */
  readonly onFreshStart?: (start: FreshStart) => void;
  /** Is handed each query as it is begun, e.g. to interrupt it. */
  readonly onQuery?: (query: Query) => void;
}
