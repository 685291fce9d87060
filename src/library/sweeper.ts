/** What an operator does by commands, for a host's own code: pin, remove, restore, and see what is here and what the next prune would take. */

import { homedir } from 'node:os';
import { lockClaudeDirs } from '../claude-dir/open-and-lock.ts';
import { parseSessionId, type SessionId } from '../claude-dir/session-id.ts';
import { type Config, collectConfig, concludeConfig } from '../config/config.ts';
import {
  absolutePath,
  checkOptions,
  directories,
  type OptionCheck,
  type OptionChecks,
  required,
} from '../config/host-options.ts';
import { SETTING_PATHS } from '../config/settings.ts';
import { ConfigError, OperatingError } from '../errors.ts';
import { displayName } from '../files/byte-name.ts';
import { nearestWord } from '../format/nearest-word.ts';
import { KeepList } from '../live-sources/keep-list.ts';
import type { Requester } from '../process/actor.ts';
import { lookAtPrune, removeSessions } from '../runs/look-and-remove.ts';
import { recordRestores } from '../runs/record-by-hand.ts';
import { readAllTrash, restoreSession } from '../runs/shared-trash.ts';
import { shieldAtOnce } from '../runs/shield-at-once.ts';
import { reconcileAll } from '../runs/trash-contents.ts';

export interface SweeperOptions {
  /** Absolute paths of the Claude directories, which must be there. */
  readonly claudeDirs: readonly string[];
  /** State directory, absolute; default as of `openResumeMap`. */
  readonly stateDir?: string;
  /** The host's own database with the resume map, absolute; default `sessions.db` in the state directory. */
  readonly databasePath?: string;
  /** Absolute paths of session stores. */
  readonly sessionStores?: readonly string[];
  /** Other settings of the worker by the names of its configuration file, such as `{ maxAge: '60d', 'trash.keep': '14d' }`: give both the same. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** A session in its place. */
export interface SessionHere {
  readonly sessionId: SessionId;
  /** The Claude directory or the session store that it is in. */
  readonly place: string;
  readonly project: string | undefined;
  readonly title?: string;
  readonly bytes: number;
  /** Unix epoch ms. */
  readonly lastUsedAtMs: number;
  /** Why it stays, or goes with the next prune. */
  readonly reason: string;
  readonly isGoing: boolean;
}

/** A session in the trash. */
export interface SessionThere {
  readonly sessionId: SessionId;
  /** The Claude directory or the session store that it was in. */
  readonly place: string;
  readonly project: string | undefined;
  readonly bytes: number;
  /** Unix epoch ms. */
  readonly lastUsedAtMs: number;
  /** Unix epoch ms. */
  readonly trashedAtMs: number;
  /** Why it went. */
  readonly reason: string;
}

/** What the next prune would do. */
export interface Foreseen {
  readonly removals: readonly { readonly sessionId: string; readonly place: string; readonly reason: string }[];
  /** How many stay, by reason. */
  readonly kept: Readonly<Record<string, number>>;
  /** What a guard would hold back, one sentence each. */
  readonly held: readonly string[];
  /** What would go wrong, one sentence each. */
  readonly errors: readonly string[];
}

/**
 * Holds nothing open between two calls, and can be used beside the worker. Each call may reject with an OperatingError: `usage` for what is
 * no session id, `unavailable`, `io`, `unsafe-root`, and where it changes something `locked` while a run is at work: then nothing was
 * changed, and the same call may be made again.
 * @example
 * const sweeper = new SessionSweeper({ claudeDirs: ['/home/bot/.claude'] });
 * await sweeper.pin(sessionId);
 * for (const { sessionId, reason } of (await sweeper.dryRun()).removals) console.log(sessionId, reason);
 */
export class SessionSweeper {
  readonly #config: Config;

  /** @throws ConfigError naming every option that is wrong, before anything is opened */
  constructor(options: SweeperOptions) {
    checkOptions<SweeperOptions>('SessionSweeper', options, OPTIONS);
    this.#config = configOf(options);
  }

  /**
   * Keeps a session, whatever its age, until it is unpinned. It need not be there yet.
   * @returns whether it was not pinned before
   * @example await sweeper.pin('0b5e6b0e-6f0c-4c53-9d3c-3f4f7d6f8a11')
   */
  async pin(sessionId: string): Promise<boolean> {
    const id = checkedId(sessionId);
    const isNew = new KeepList(this.#config.stateDir).pin(id);
    await this.#shield(id);
    return isNew;
  }

  /**
   * @returns whether it was pinned
   * @example await sweeper.unpin(sessionId)
   */
  async unpin(sessionId: string): Promise<boolean> {
    return new KeepList(this.#config.stateDir).unpin(checkedId(sessionId));
  }

  /**
   * What is pinned, the oldest pin first.
   * @example const pinned = (await sweeper.listPins()).map(({ sessionId }) => sessionId)
   */
  async listPins(): Promise<readonly { readonly sessionId: SessionId; readonly pinnedAtMs: number }[]> {
    return new KeepList(this.#config.stateDir).list();
  }

  /**
   * The sessions that are here, the last used first, and what the next prune would make of each. Changes nothing.
   * @param options.limit how many at the most; default 1,000
   * @example const going = (await sweeper.list()).filter(({ isGoing }) => isGoing)
   */
  async list({ limit = 1_000 }: { readonly limit?: number } = {}): Promise<readonly SessionHere[]> {
    if (!Number.isSafeInteger(limit) || limit < 1) throw new OperatingError('usage', `list: ${limit} is no limit`);
    const { listed } = await lookAtPrune(this.#config, { which: 'all', order: 'newest', limit });
    return (listed?.sessions ?? []).map((session) => {
      const { sessionId, claudeDir, project, title, bytes, lastUsedMs, reason, isGoing } = session;
      const place = { sessionId, place: displayName(claudeDir), project };
      return { ...place, ...(title ? { title } : {}), bytes, lastUsedAtMs: lastUsedMs, reason, isGoing };
    });
  }

  /**
   * What the next prune would take, and what stays, by reason. Changes nothing.
   * @example const { removals, held } = await sweeper.dryRun()
   */
  async dryRun(): Promise<Foreseen> {
    const { removedSessions = [], kept = {}, held = [], faults } = await lookAtPrune(this.#config);
    return {
      removals: removedSessions.map(({ sessionId, claudeDir, reason }) => ({ sessionId, place: claudeDir, reason })),
      kept,
      held: held.map(({ message }) => message),
      errors: faults.map(({ message }) => message),
    };
  }

  /**
   * Moves a session with all that belongs to it to the trash, whatever its age; in a session store, hides it. `restore` undoes it, until the
   * trash is purged.
   * @throws OperatingError `usage` where it is to stay, with the reason: it is live, running, pinned, tagged, used within `minAge`, or
   *   something about it is not understood; `bad-data` where it is nowhere
   * @example await sweeper.remove(sessionId)
   */
  async remove(sessionId: string): Promise<void> {
    await removeSessions(this.#config, [checkedId(sessionId)], { requester: byCode('remove') });
  }

  /**
   * Brings a session back from the trash, whole and as old as before: the next prune takes it again, unless it is pinned or used.
   * @throws OperatingError `bad-data` where it is not in the trash, or cannot come back: its place is taken, or a part of it is gone
   * @example await sweeper.restore(sessionId)
   */
  async restore(sessionId: string): Promise<void> {
    const id = checkedId(sessionId);
    const lock = lockClaudeDirs(this.#config);
    try {
      const finished = reconcileAll(this.#config, lock);
      const restored = finished.has(id)
        ? { sessionId: id }
        : await restoreSession(this.#config, id, { joins: false, lock });
      const why = recordRestores(this.#config, [restored], byCode('restore'));
      if (why !== undefined) process.emitWarning(`SessionSweeper: ${id} is ${why}`);
      await shieldAtOnce(this.#config, [id], { held: lock, signal: NEVER });
    } finally {
      lock.release();
    }
  }

  /**
   * What lies in the trash, the last removed first. Changes nothing.
   * @throws OperatingError `io`, too, where a part of it cannot be read
   * @example const ids = (await sweeper.listTrash()).map(({ sessionId }) => sessionId)
   */
  async listTrash(): Promise<readonly SessionThere[]> {
    const { listed, unreadable } = await readAllTrash(this.#config);
    const [fault] = unreadable;
    if (fault !== undefined) throw new OperatingError('io', `list the trash: ${fault}`);
    const sessions = listed.map(({ place, session }) => ({
      sessionId: session.sessionId,
      place: displayName(place),
      project: session.project === undefined ? undefined : displayName(session.project),
      bytes: session.bytes,
      lastUsedAtMs: session.newestMtimeMs,
      trashedAtMs: session.trashedAtMs,
      reason: session.state === 'joined' ? session.state : session.reason,
    }));
    return sessions.sort((left, right) => right.trashedAtMs - left.trashedAtMs);
  }

  /** Claude's own next clean-up goes by file times. Where that cannot be done now, the next prune does it. */
  async #shield(id: SessionId): Promise<void> {
    await shieldAtOnce(this.#config, [id], { signal: NEVER });
  }
}

const NEVER = new AbortController().signal;

/** Whom the audit names. */
function byCode(call: string): Requester {
  return { by: 'code', command: `SessionSweeper.${call}` };
}

/** Given by options of their own. */
const OWN_SETTINGS: readonly string[] = ['claudeDir', 'stateDir', 'sessions.db', 'sessions.store'];
const OTHER_SETTINGS = SETTING_PATHS.filter((path) => !OWN_SETTINGS.includes(path));

const knownSettings: OptionCheck = (value) => {
  if (typeof value !== 'object' || value === null) return ['expected settings by their names'];
  const unknown = Object.keys(value).filter((name) => !OTHER_SETTINGS.some((path) => path === name));
  return unknown.map((name) => {
    return `${name}: there is no such setting here; did you mean ${nearestWord(name, OTHER_SETTINGS)}?`;
  });
};

const absolutePaths: OptionCheck = (value) => {
  return Array.isArray(value) ? value.flatMap((path) => absolutePath(path)) : ['expected a list of absolute paths'];
};

const OPTIONS: OptionChecks<SweeperOptions> = {
  claudeDirs: required(directories),
  stateDir: absolutePath,
  databasePath: absolutePath,
  sessionStores: absolutePaths,
  settings: knownSettings,
};

/** The environment says nothing but where the state is: what a host has not given is as by default. */
function configOf({ claudeDirs, stateDir, databasePath, sessionStores, settings = {} }: SweeperOptions): Config {
  const given = {
    claudeDir: claudeDirs,
    ...(stateDir === undefined ? {} : { stateDir }),
    ...(databasePath === undefined ? {} : { 'sessions.db': databasePath }),
    ...(sessionStores === undefined ? {} : { 'sessions.store': sessionStores }),
  };
  const { CLAUDE_HOOKS_STATE_DIR, XDG_STATE_HOME } = process.env;
  try {
    const collected = collectConfig({
      flags: { ...settings, ...given },
      environment: { CLAUDE_HOOKS_STATE_DIR, XDG_STATE_HOME },
      home: homedir(),
    });
    return concludeConfig(collected).config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(error.faults.map((fault) => `SessionSweeper: ${fault}`));
  }
}

function checkedId(sessionId: string): SessionId {
  const id = parseSessionId(sessionId);
  if (id !== undefined) return id;
  throw new OperatingError(
    'usage',
    `session id: ${JSON.stringify(String(sessionId).slice(0, 64))} is not a lower-case UUID`,
  );
}
