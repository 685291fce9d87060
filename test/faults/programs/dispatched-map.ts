/** The map that a dispatcher keeps its conversations in: the resume map, or a bot's thread map. */

import Database from 'better-sqlite3';
import { openResumeMap, openThreadMap, sessionKey } from '../../support/library.ts';

export interface DispatchedMap {
  /** @param slot of one dispatcher */
  keyOf(slot: number): string;
  set(key: string, sessionId: string): Promise<void>;
  get(key: string): Promise<string | null>;
  drop(key: string): Promise<void>;
  close(): Promise<void>;
}

export async function openResumeMapOf(dispatcher: string, stateDir: string): Promise<DispatchedMap> {
  const map = await openResumeMap({ stateDir });
  return {
    keyOf: (slot) => sessionKey({ forge: 'forgejo', agent: `dispatcher-${dispatcher}`, repo: 'acme/app', issue: slot }),
    set: (key, sessionId) => map.setSession(key, sessionId),
    get: (key) => map.getSession(key),
    drop: async (key) => void (await map.dropSession(key)),
    close: () => map.close(),
  };
}

/** Its threads end by the bot's own hand, as bots do it that have no call for that. */
export async function openThreadMapOf(dispatcher: string, databasePath: string): Promise<DispatchedMap> {
  const map = await openThreadMap({ databasePath });
  const database = new Database(databasePath);
  const time = new Date();
  const session = { repo: 'app', repoPath: '/srv/app', channelId: 'C1', createdAt: time, lastActive: time };
  return {
    keyOf: (slot) => `${dispatcher}.${slot}`,
    set: (threadTs, sessionId) => map.insert({ ...session, threadTs, sessionId }),
    get: async (threadTs) => (await map.getByThread(threadTs))?.sessionId ?? null,
    drop: async (threadTs) => void database.prepare('DELETE FROM sessions WHERE thread_ts = ?').run(threadTs),
    close: async () => {
      database.close();
      await map.close();
    },
  };
}
