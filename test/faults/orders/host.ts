/** A host whose history is made up: conversations, a resume map, Claude directories and a store, a worker beside it, and a clock that is set. */

import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { ClaudeDir } from '../../../src/claude-dir/claude-dir.ts';
import { openClaudeDirs } from '../../../src/claude-dir/open-and-lock.ts';
import { parseSessionId, type SessionId } from '../../../src/claude-dir/session-id.ts';
import type { Config } from '../../../src/config/config.ts';
import type { JobName } from '../../../src/jobs/job-names.ts';
import type { JobReport } from '../../../src/jobs/report.ts';
import { Ledger } from '../../../src/ledger/ledger.ts';
import { SqliteResumeMap } from '../../../src/resume-map/sqlite.ts';
import { runConfiguredJob } from '../../../src/runs/compose-job.ts';
import { SqliteSessionStore } from '../../../src/session-store/sqlite-session-store.ts';
import { Trash } from '../../../src/trash/trash.ts';
import { resolveConfig } from '../../support/resolved-config.ts';
import { SetClock } from '../../support/set-clock.ts';
import { makeClaudeDir, writeAged } from '../../support/tree.ts';
import { witnessAll } from '../../support/witnessed.ts';

export const START_MS = Date.UTC(2026, 2, 1, 12);
const HOST_TABLE =
  'CREATE TABLE claude_sdk_sessions (key TEXT PRIMARY KEY, session_id TEXT, last_used_at INTEGER, created_at INTEGER, thread TEXT)';
const STORE_PROJECT = '-srv-stored';

/** One conversation as the host means it. */
export interface Conversation {
  readonly key: string;
  readonly id: SessionId;
  /** A Claude directory; undefined where it is in the store. */
  readonly claudeDir: string | undefined;
  project: string;
  usedMs: number;
  /** Until then the host means to go on with it, whatever its age: it is about to bring the row back. */
  wantedUntilMs: number | undefined;
  /** The host, or what befell it, has taken the row, or has forgotten when it was used. */
  isRowLost: boolean;
  areTimesLost: boolean;
}

export interface HostShape {
  readonly directories: number;
  readonly hasStore: boolean;
  readonly ownsMap: boolean;
  readonly rowsMaxAge: string;
  readonly onlyThisHost: boolean;
  /** The broken control: nothing is asked of any guard. */
  readonly withoutGuards: boolean;
}

export class OrdersHost {
  readonly clock = new SetClock(START_MS);
  readonly shape: HostShape;
  readonly stateDir: string;
  readonly mapPath: string;
  readonly storePath: string;
  readonly claudeDirs: readonly string[];
  readonly config: Config;
  /** Those that the host has not given up. */
  readonly conversations = new Map<string, Conversation>();
  #dump: readonly unknown[][] = [];
  #made = 0;

  constructor(directory: string, shape: HostShape) {
    this.shape = shape;
    this.stateDir = join(directory, 'state');
    this.mapPath = join(shape.ownsMap ? this.stateDir : directory, shape.ownsMap ? 'sessions.db' : 'host.db');
    this.storePath = join(directory, 'entries.db');
    this.claudeDirs = Array.from({ length: shape.directories }, (_, index) => {
      return makeClaudeDir(join(directory, `claude${index}`));
    });
    mkdirSync(this.stateDir, { mode: 0o700 });
    this.makeMap();
    if (shape.hasStore) this.makeStore();
    this.config = resolveConfig({
      home: '/nonexistent',
      environment: {},
      flags: {
        claudeDir: this.claudeDirs,
        stateDir: this.stateDir,
        'sessions.maxAge': shape.rowsMaxAge,
        'sessions.onlyThisHost': String(shape.onlyThisHost),
        shield: 'off',
        ...(shape.ownsMap ? {} : { 'sessions.db': this.mapPath }),
        ...(shape.hasStore ? { 'sessions.store': [this.storePath] } : {}),
      },
    }).config;
  }

  get nowMs(): number {
    return this.clock.nowMs;
  }

  makeMap(): void {
    for (const suffix of ['', '-wal', '-shm']) rmSync(this.mapPath + suffix, { force: true });
    if (!this.shape.ownsMap) this.change((database) => database.exec(HOST_TABLE));
    else void SqliteResumeMap.openOwn(this.mapPath).close();
  }

  makeStore(): void {
    for (const suffix of ['', '-wal', '-shm']) rmSync(this.storePath + suffix, { force: true });
    this.#openStore().close();
  }

  async begin(key: string, place: { claudeDir: string | undefined; project: string }): Promise<void> {
    this.#made += 1;
    const id = parseSessionId(`00000000-0000-4000-8000-${this.#made.toString(16).padStart(12, '0')}`);
    if (id === undefined) throw new Error('no session id');
    const meant = { wantedUntilMs: undefined, isRowLost: false, areTimesLost: false };
    const conversation: Conversation = { key, id, ...place, usedMs: this.nowMs, ...meant };
    this.conversations.set(key, conversation);
    await this.#write(conversation);
    await this.#withMap((map) => map.setSession(key, id));
  }

  /** Goes on with a conversation, and brings its row back where that is lost. */
  async use(conversation: Conversation): Promise<void> {
    Object.assign(conversation, {
      usedMs: this.nowMs,
      wantedUntilMs: undefined,
      isRowLost: false,
      areTimesLost: false,
    });
    await this.#write(conversation);
    await this.#withMap((map) => map.setSession(conversation.key, conversation.id));
  }

  rename(conversation: Conversation, project: string): void {
    if (conversation.claudeDir === undefined) return;
    const from = this.transcriptOf(conversation);
    if (!existsSync(from)) return;
    conversation.project = project;
    mkdirSync(join(conversation.claudeDir, 'projects', project), { recursive: true });
    renameSync(from, this.transcriptOf(conversation));
  }

  async drop(conversation: Conversation): Promise<void> {
    this.conversations.delete(conversation.key);
    await this.#withMap((map) => map.dropSession(conversation.key));
  }

  dump(): void {
    this.#dump = this.change((database) => {
      return database.prepare('SELECT key, session_id, last_used_at, created_at FROM claude_sdk_sessions').raw().all();
    }) as unknown[][];
  }

  /** The database as it was dumped; nobody knows any more when a row was used. @returns its sessions by key */
  restoreDump(createdAtMs: number | undefined): ReadonlyMap<string, string> {
    this.change((database) => {
      database.exec('DELETE FROM claude_sdk_sessions');
      const insert = database.prepare(
        'INSERT INTO claude_sdk_sessions (key, session_id, last_used_at, created_at) VALUES (?, ?, 0, ?)',
      );
      for (const [key, id, , createdAt] of this.#dump) insert.run(key, id, createdAtMs ?? createdAt);
    });
    return new Map(this.#dump.map(([key, id]) => [String(key), String(id)]));
  }

  /** A row of a dump: the host knows no more of its use than the dump says, and means to go on with it. */
  noteDumped(conversation: Conversation, isMadeNow: boolean): void {
    conversation.isRowLost = false;
    conversation.wantedUntilMs = undefined;
    conversation.areTimesLost = !isMadeNow;
    if (isMadeNow) conversation.usedMs = this.nowMs;
  }

  async run(job: JobName, dryRun: boolean): Promise<JobReport> {
    const opened: ClaudeDir[] = [];
    try {
      const claudeDirs = openClaudeDirs(this.config, (claudeDir) => opened.push(claudeDir));
      const allowMassRemoval = this.shape.withoutGuards;
      // The machine's own time since boot knows nothing of the made up history, which no clock of it witnesses.
      if (!dryRun) witnessAll(this.stateDir, this.nowMs);
      const options = { dryRun, jobs: [job], allowMassRemoval, listsRemoved: 'none' as const };
      const context = {
        dryRun,
        listsRemoved: 'none' as const,
        shouldStop: async () => false,
        onProgress: () => undefined,
      };
      return await runConfiguredJob(
        { job, config: this.config, options, claudeDirs, openDirs: claudeDirs, liveDirs: claudeDirs },
        context,
        this.clock,
      );
    } finally {
      for (const claudeDir of opened) claudeDir.close();
    }
  }

  /** Brings back one of the rows that sweeps have taken, as `map restore` does. */
  async restoreRow(choose: <T>(items: readonly T[]) => T | undefined): Promise<void> {
    if (!existsSync(join(this.stateDir, 'ledger.db'))) return;
    const ledger = Ledger.open(this.stateDir);
    try {
      const row = choose(ledger.sweptRows.kept(this.mapPath));
      if (row === undefined) return;
      await this.#withMap(async (map) => {
        await map.restoreRow(row.content).catch(() => undefined);
        if (await map.hasRow(row.content)) ledger.sweptRows.noteRestored(row.number, this.nowMs);
      });
    } finally {
      ledger.close();
    }
  }

  /** Brings back one of the sessions in the trash, as `trash restore` does. */
  restoreSession(choose: <T>(items: readonly T[]) => T | undefined): void {
    const path = choose(this.claudeDirs);
    if (path === undefined) return;
    const claudeDir = ClaudeDir.open(path);
    const trash = Trash.openIfThere(claudeDir);
    try {
      const session = choose(trash?.contents().sessions ?? []);
      // One whose old place is taken again stays where it is.
      if (session !== undefined && !trash?.isRecreated(session)) trash?.restore(session.sessionId, this.nowMs);
    } finally {
      trash?.close();
      claudeDir.close();
    }
  }

  /** As if sweeps wrote nothing down. */
  forgetSweptRows(): void {
    const ledger = Ledger.open(this.stateDir);
    for (const run of ledger.sweptRows.sweptRuns()) ledger.sweptRows.purgeSwept(run, this.nowMs);
    ledger.close();
  }

  transcriptOf({ claudeDir, project, id }: Conversation): string {
    return join(claudeDir ?? '', 'projects', project, `${id}.jsonl`);
  }

  change<T>(change: (database: Database.Database) => T): T {
    const database = new Database(this.mapPath);
    try {
      return change(database);
    } finally {
      database.close();
    }
  }

  async #write(conversation: Conversation): Promise<void> {
    const { claudeDir, id } = conversation;
    const entry = { type: 'user', sessionId: id, timestamp: new Date(this.nowMs).toISOString(), uuid: `${this.nowMs}` };
    if (claudeDir !== undefined) {
      writeAged(this.transcriptOf(conversation), `${JSON.stringify(entry)}\n`, this.nowMs);
      return;
    }
    const store = this.#openStore();
    try {
      await store.append({ projectKey: STORE_PROJECT, sessionId: id }, [entry]);
    } finally {
      store.close();
    }
  }

  #openStore(): SqliteSessionStore {
    return new SqliteSessionStore(this.storePath, {
      clock: this.clock,
      foldSessionSummary: (_, { sessionId }) => ({ sessionId, mtime: 0, data: {} }),
    });
  }

  async #withMap(use: (map: SqliteResumeMap) => Promise<unknown>): Promise<void> {
    const options = { clock: this.clock, maxSessionAge: 'never' as const };
    const map = this.shape.ownsMap
      ? SqliteResumeMap.openOwn(this.mapPath, options)
      : SqliteResumeMap.openExisting(this.mapPath, options);
    try {
      await use(map);
    } finally {
      await map.close();
    }
  }
}
