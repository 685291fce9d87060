/** Knows what a host wants, by what the host has done alone, and looks for it on disk: never by what the worker says of itself. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Conversation, OrdersHost } from './host.ts';

/** So many rows that vanish at once are no wear: a worker that has seen them is to stop. */
const NOTICEABLE_ROWS = 12;

export type Found = 'in place' | 'in trash' | 'nowhere';

export class OrdersJudge {
  readonly losses: string[] = [];
  readonly #host: OrdersHost;
  /** Keys of rows that were there when a prune came to its end. */
  #seenByPrune = new Set<string>();
  /** Whether the worker can know that the map was another one: what is missing then is to stay. */
  #isLossNoticeable = false;
  /** Where each was the last time. */
  readonly #found = new Map<string, Found>();
  /** Ids whose rows were in the record of a state directory that is lost. */
  readonly #excused = new Set<string>();

  constructor(host: OrdersHost) {
    this.#host = host;
  }

  notePrune(isHeld: boolean): void {
    if (isHeld) return;
    this.#seenByPrune = new Set(this.#rows().keys());
  }

  /** The database is about to be lost, and made anew. */
  noteMapLost(isStateLost: boolean): void {
    const rows = [...this.#rows().keys()].filter(
      (key) => this.#seenByPrune.has(key) && this.#host.conversations.has(key),
    );
    this.#isLossNoticeable = !isStateLost && rows.length >= NOTICEABLE_ROWS;
    this.#seenByPrune = new Set();
  }

  /** The record of what was swept is about to be lost. */
  noteStateLost(): void {
    for (const { id } of this.#host.conversations.values()) this.#excused.add(id);
    this.#seenByPrune = new Set();
    this.#isLossNoticeable = false;
  }

  judge(after: string): void {
    const rows = this.#rows();
    const recorded = this.#recorded();
    if (rows.size > 1) this.#isLossNoticeable = false;
    for (const conversation of this.#host.conversations.values()) {
      if (!this.wants(conversation)) {
        this.#found.set(conversation.id, this.#find(conversation));
        continue;
      }
      const fault = this.#transcriptFault(conversation, rows) ?? this.#rowFault(conversation, rows, recorded);
      if (fault !== undefined) this.losses.push(`${conversation.key}: ${fault}, after ${after}`);
    }
  }

  /** Whether the host would be angry. Rows that nobody uses for as long as was set may go, and their sessions after them. */
  wants({ usedMs, wantedUntilMs, isRowLost }: Conversation): boolean {
    const { nowMs, config } = this.#host;
    if (isRowLost) return wantedUntilMs !== undefined && nowMs <= wantedUntilMs;
    const maxAge = config['sessions.maxAge'];
    return maxAge === 'never' || nowMs - usedMs <= maxAge;
  }

  #transcriptFault(conversation: Conversation, rows: ReadonlyMap<string, string>): string | undefined {
    const found = this.#find(conversation);
    const before = this.#found.get(conversation.id) ?? 'in place';
    this.#found.set(conversation.id, found);
    if (found === 'in place') return undefined;
    if (found === 'nowhere') return before === 'nowhere' ? undefined : 'its session is destroyed';
    // A row may come back to a session that went when nobody wanted it: it is live from then on, and can be restored.
    if (before === 'in trash') return undefined;
    if (rows.get(conversation.key) === conversation.id) return 'its session is in the trash, though a row names it';
    return conversation.isRowLost && this.#isLossNoticeable
      ? 'its session is in the trash, since the map was lost'
      : undefined;
  }

  #rowFault(
    { key, id, isRowLost, areTimesLost }: Conversation,
    rows: ReadonlyMap<string, string>,
    recorded: ReadonlySet<string>,
  ): string | undefined {
    if (isRowLost || rows.get(key) === id) return undefined;
    if (recorded.has(id)) return areTimesLost ? undefined : 'its row was swept before its time';
    return this.#excused.has(id) && areTimesLost ? undefined : 'its row is lost for good';
  }

  #find(conversation: Conversation): Found {
    const { claudeDir, id } = conversation;
    if (claudeDir === undefined) return this.#findStored(id);
    if (existsSync(this.#host.transcriptOf(conversation))) return 'in place';
    const trash = join(claudeDir, 'session-sweeper/trash');
    const runs = existsSync(trash) ? readdirSync(trash) : [];
    const isThere = runs.some((run) => existsSync(join(trash, run, 'projects', conversation.project, `${id}.jsonl`)));
    return isThere ? 'in trash' : 'nowhere';
  }

  #findStored(id: string): Found {
    return read(this.#host.storePath, (database) => {
      const count = (from: string) => database.prepare(`SELECT count(*) FROM ${from}`).pluck().get(id);
      const entries = count('claude_session_entries WHERE session_id = ?');
      // Whether the worker hides it, only its own table says.
      const hidden = count('claude_session_stored WHERE session_id = ? AND trashed_at IS NOT NULL');
      return entries === 0 ? 'nowhere' : hidden === 0 ? 'in place' : 'in trash';
    });
  }

  #rows(): Map<string, string> {
    // It goes with its state directory, and the next job makes another.
    if (!existsSync(this.#host.mapPath)) return new Map();
    return read(this.#host.mapPath, (database) => {
      return new Map(
        database.prepare('SELECT key, session_id FROM claude_sdk_sessions').raw().all() as [string, string][],
      );
    });
  }

  #recorded(): Set<string> {
    const path = join(this.#host.stateDir, 'ledger.db');
    if (!existsSync(path)) return new Set();
    return read(path, (database) => {
      return new Set(
        database.prepare('SELECT session_id FROM swept_rows WHERE restored_at IS NULL').pluck().all() as string[],
      );
    });
  }
}

function read<T>(path: string, use: (database: Database.Database) => T): T {
  const database = new Database(path);
  try {
    return use(database);
  } finally {
    database.close();
  }
}
