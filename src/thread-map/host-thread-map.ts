/**
 * The thread map as a host has it open, for as long as it runs: made where there is none, with the threads of an old JSON file, and opened
 * anew where another file has taken its place, so that nothing is written to one that nobody reads any more.
 */

import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SessionId } from '../claude-dir/session-id.ts';
import { OperatingError } from '../errors.ts';
import { BUSY_TIMEOUT_MS, guarded } from '../sqlite/open.ts';
import { Reopened } from '../sqlite/reopened.ts';
import { importLegacyJson } from './legacy-json.ts';
import { SqliteThreadMap, type SqliteThreadMapOptions } from './sqlite.ts';
import type { NewThreadSession, ThreadMap, ThreadPruning, ThreadSession, ThreadUpdate } from './thread-map.ts';

export interface HostThreadMapOptions extends SqliteThreadMapOptions {
  /** Is told what keeps an old JSON file from being imported. */
  readonly onWarning: (message: string) => void;
}

/** Programs make an empty file first, and a database of it a moment later. */
const EMPTY_LOOK_INTERVAL_MS = 10;

/** @param path absolute @throws OperatingError as `SqliteThreadMap.open` */
export async function openHostThreadMap(path: string, options: HostThreadMapOptions): Promise<ThreadMap> {
  const giveUpAt = performance.now() + BUSY_TIMEOUT_MS;
  while (isEmpty(path) && performance.now() < giveUpAt) await sleep(EMPTY_LOOK_INTERVAL_MS);
  return new HostThreadMap(path, options);
}

function isEmpty(path: string): boolean {
  const stats = guarded(path, 'find', () => statSync(path, { throwIfNoEntry: false }));
  return stats?.isFile() === true && stats.size === 0;
}

/** What is done with a map whose place another has taken. */
interface ClosingMap {
  readonly map: SqliteThreadMap;
  close(): void;
}

class HostThreadMap implements ThreadMap {
  readonly path: string;
  readonly #opened: Reopened<ClosingMap>;
  #last: SqliteThreadMap;
  #isClosed = false;

  constructor(path: string, { onWarning, ...options }: HostThreadMapOptions) {
    this.path = path;
    this.#last = SqliteThreadMap.open(path, options, (database) => importLegacyJson(database, onWarning));
    let isFirst = true;
    this.#opened = new Reopened(path, () => {
      // One that is made now would stand in the way of the one that somebody is putting back.
      if (!isFirst) this.#last = SqliteThreadMap.openExisting(path, options);
      isFirst = false;
      return closing(this.#last);
    });
    this.#opened.get();
  }

  async insert(session: NewThreadSession): Promise<void> {
    return this.#map.insert(session);
  }

  async getByThread(threadTs: string): Promise<ThreadSession | null> {
    return this.#map.getByThread(threadTs);
  }

  async update(threadTs: string, change: ThreadUpdate): Promise<ThreadSession> {
    return this.#map.update(threadTs, change);
  }

  async activeSessions(): Promise<ThreadSession[]> {
    return this.#map.activeSessions();
  }

  async hasSessionId(sessionId: string): Promise<boolean> {
    return this.#map.hasSessionId(sessionId);
  }

  async pruneExpired(ttl: number | 'never'): Promise<ThreadPruning> {
    return this.#map.pruneExpired(ttl);
  }

  async pruneStaleChannels(
    channels: Readonly<Record<string, string>> | ReadonlyMap<string, string>,
  ): Promise<ThreadPruning> {
    return this.#map.pruneStaleChannels(channels);
  }

  async listLiveSessionIds(): Promise<Set<SessionId>> {
    return this.#map.listLiveSessionIds();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#last.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get #map(): SqliteThreadMap {
    if (this.#isClosed) throw new OperatingError('usage', `use thread map ${this.path}: it was closed`);
    return this.#opened.get().map;
  }
}

function closing(map: SqliteThreadMap): ClosingMap {
  // What was asked of it is still done. Whether its file then closes well is nobody's any more: another has its name.
  return { map, close: () => void map.close().catch(() => undefined) };
}
