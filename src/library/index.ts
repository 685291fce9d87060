/// <reference lib="esnext.disposable" preserve="true" />
/** The library's public face: what a host imports. */

import { homedir } from 'node:os';
import { isAbsolute } from 'node:path';
import { systemClock } from '../clock.ts';
import {
  absolutePath,
  ageMs,
  checkOptions,
  directories,
  type OptionChecks,
  someFunction,
} from '../config/host-options.ts';
import { DEFAULT_SESSION_MAX_AGE_MS } from '../config/settings/looked-after.ts';
import { defaultStateDir } from '../config/state-dir.ts';
import { forgeName } from '../config/values.ts';
import { ConfigError } from '../errors.ts';
import { openResumeMap as openMap } from '../live-sources/open-sources.ts';
import type { Forgotten, ResumeMap } from '../resume-map/resume-map.ts';
import type { SessionMaxAge } from '../resume-map/row-age.ts';
import { HostTranscripts } from './host-transcripts.ts';
import { warnOfForgotten } from './warn-of-forgotten.ts';

export interface ResumeMapOptions {
  /**
   * A host's own SQLite database, absolute path. It must exist and hold the table `claude_sdk_sessions`, and its schema is left
   * alone. Without it, `sessions.db` in the state directory is used, and made or migrated as needed.
   */
  readonly databasePath?: string;
  /** State directory, absolute; default `$CLAUDE_HOOKS_STATE_DIR`, else `$XDG_STATE_HOME/claude-session-sweeper`, else `~/.local/state/claude-session-sweeper`. */
  readonly stateDir?: string;
  /**
   * Milliseconds, or `never`: how long a conversation may rest. It is written into the map, and the worker goes by it. Default: what is
   * written there, else `DEFAULT_SESSION_MAX_AGE_MS`.
   */
  readonly maxSessionAgeMs?: SessionMaxAge;
  /**
   * Absolute paths of the Claude directories that hold the transcripts of all its sessions, which must be there: then `getSession` never
   * returns one whose transcript is gone.
   */
  readonly claudeDirs?: readonly string[];
  /** Is told when `getSession` has let a conversation go, and why; default: one line by `console.warn`. */
  readonly onForgotten?: (forgotten: Forgotten) => void;
  /** Forge of old keys without one, when `sessions.json` is imported; default `forgejo`. */
  readonly defaultForge?: string;
}

const OPTIONS: OptionChecks<ResumeMapOptions> = {
  databasePath: absolutePath,
  stateDir: absolutePath,
  maxSessionAgeMs: ageMs,
  claudeDirs: directories,
  onForgotten: someFunction,
  defaultForge: (value) => {
    const parsed = forgeName(value);
    return 'value' in parsed ? [] : parsed.faults.map(({ fault }) => fault);
  },
};

/**
 * Opens the resume map: `getSession`, `setSession`, `dropSession` and the rest. Close it, or declare it with `await using`.
 * @throws ConfigError naming every option that is wrong; OperatingError `config` (no such table; a Node or a SQLite binding that does not
 * serve), `bad-data` (not a database, or a malformed sessions.json), `unavailable` (no such database, or a busy one), `io`
 */
export async function openResumeMap(options: ResumeMapOptions = {}): Promise<ResumeMap> {
  checkOptions<ResumeMapOptions>('openResumeMap', options, OPTIONS);
  const stateDir = options.stateDir ?? defaultStateDir(homedir(), process.env);
  if (!isAbsolute(stateDir)) throw new ConfigError([`openResumeMap: state directory ${stateDir}: it must be absolute`]);
  const databasePath = options.databasePath ?? `${stateDir}/sessions.db`;
  const map = openMap(
    {
      stateDir,
      'sessions.db': databasePath,
      ownsSessionsDb: options.databasePath === undefined,
      'sessions.maxAge': options.maxSessionAgeMs ?? DEFAULT_SESSION_MAX_AGE_MS,
      setsRowAge: options.maxSessionAgeMs !== undefined,
      'sessions.defaultForge': options.defaultForge ?? 'forgejo',
    },
    systemClock,
    {
      ...(options.claudeDirs === undefined
        ? {}
        : { transcripts: new HostTranscripts(options.claudeDirs, systemClock) }),
      onForgotten: options.onForgotten ?? warnOfForgotten,
    },
  );
  if (options.maxSessionAgeMs === undefined) return map;
  try {
    await map.writeMaxSessionAge();
    return map;
  } catch (error) {
    await map.close();
    throw error;
  }
}

export { parseSessionId, type SessionId } from '../claude-dir/session-id.ts';
export { DEFAULT_SESSION_MAX_AGE_MS } from '../config/settings/looked-after.ts';
export { BusyError, ConfigError, OperatingError } from '../errors.ts';
export type { ErrorKind } from '../exit-codes.ts';
export { parseSessionKey, type SessionKeyParts, sessionKey } from '../resume-map/keys.ts';
export type {
  ForgetReason,
  Forgotten,
  KeyLease,
  ResumeMap,
  ResumeRow,
  SessionEvent,
  SessionEvents,
  TurnRecord,
} from '../resume-map/resume-map.ts';
export type { SessionMaxAge } from '../resume-map/row-age.ts';
export type {
  FoldSummary,
  SessionStoreEntry,
  SessionStoreKey,
  SessionSummary,
} from '../session-store/sdk-shapes.ts';
export { SqliteSessionStore, type SqliteSessionStoreOptions } from '../session-store/sqlite-session-store.ts';
export {
  type NewThreadSession,
  type ThreadChange,
  type ThreadDraft,
  type ThreadMap,
  type ThreadPruning,
  type ThreadSession,
  type ThreadSessionFields,
  type ThreadStatus,
  type ThreadUpdate,
  UnknownThreadError,
} from '../thread-map/thread-map.ts';
export type { FreshStart } from './fresh-start.ts';
export { ConversationBusyError, TURN_WAIT_MAX_MS } from './key-turns.ts';
export { openThreadMap, type ThreadMapOptions } from './open-thread-map.ts';
export { runWithSessionResume } from './resume.ts';
export type { QueryFunction, QueryMessage, ResumeLog, SessionResumeRun } from './resume-run.ts';
export {
  type Foreseen,
  type SessionHere,
  SessionSweeper,
  type SessionThere,
  type SweeperOptions,
} from './sweeper.ts';
