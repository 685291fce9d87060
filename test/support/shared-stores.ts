/** Session stores in PostgreSQL in every form that programs make, each written to as its own program does. */

import { onTestFinished } from 'vitest';
import type { SharedStoreSettings } from '../../src/config/store-settings.ts';
import { PostgresSessionStore } from '../../src/session-store/postgres-session-store.ts';
import { PostgresStoredSessions, type PostgresStoreOptions } from '../../src/session-store/postgres-stored-sessions.ts';
import { newSchema } from './postgres-server.ts';
import { STORE_PROJECT } from './stored-sessions.ts';

type Outside = Awaited<ReturnType<typeof newSchema>>['outside'];

interface Append {
  readonly sessionId: string;
  readonly atMs: number;
  readonly subpath?: string;
  readonly entry?: object;
  readonly projectKey?: string;
}

interface Form {
  readonly name: string;
  readonly settings: Omit<SharedStoreSettings, 'url'>;
  readonly table: string;
  /** Undefined where our own store makes it. */
  readonly create?: string;
  readonly insert?: (outside: Outside, append: Required<Append>) => Promise<unknown>;
}

const ENTRY = { type: 'user', message: { content: 'hello' } };
const AT = 'to_timestamp($5::bigint / 1000.0)';
const VALUES = (subpath: string) => `VALUES ($1, $2, ${subpath}, $4::text::jsonb, ${AT})`;
const valuesOf = ({ projectKey, sessionId, subpath, entry, atMs }: Required<Append>) => {
  return [projectKey, sessionId, subpath, JSON.stringify(entry), atMs];
};

export const OTHER_FORMS: readonly Form[] = [
  {
    name: 'another program’s, with an empty subpath',
    settings: { readAs: 'entries' },
    table: 'claude_session_entries',
    create: `CREATE TABLE claude_session_entries (id BIGSERIAL PRIMARY KEY, project_key TEXT NOT NULL, session_id TEXT NOT NULL,
        subpath TEXT NOT NULL DEFAULT '', entry JSONB NOT NULL, created_at TIMESTAMPTZ NOT NULL DEFAULT now());
      CREATE INDEX ON claude_session_entries (project_key, session_id, subpath, id)`,
    insert: (outside, append) =>
      outside.unsafe(
        `INSERT INTO claude_session_entries (project_key, session_id, subpath, entry, created_at) ${VALUES('$3')}`,
        valuesOf(append),
      ),
  },
  {
    name: 'another program’s, with no subpath, ids as UUIDs and no index',
    settings: { readAs: 'entries', table: 'Bot_entries' },
    table: '"Bot_entries"',
    create: `CREATE TABLE "Bot_entries" (id BIGSERIAL PRIMARY KEY, project_key VARCHAR(200) NOT NULL, session_id UUID NOT NULL,
        subpath TEXT, entry JSONB NOT NULL, created_at TIMESTAMPTZ NOT NULL DEFAULT now())`,
    insert: (outside, append) =>
      outside.unsafe(
        `INSERT INTO "Bot_entries" (project_key, session_id, subpath, entry, created_at) ${VALUES("nullif($3::text, '')")}`,
        valuesOf(append),
      ),
  },
  {
    name: 'the Python adapter’s',
    settings: { readAs: 'python' },
    table: 'claude_session_store',
    create: `CREATE TABLE claude_session_store (project_key TEXT NOT NULL, session_id TEXT NOT NULL,
        subpath TEXT NOT NULL DEFAULT '', seq BIGSERIAL, entry JSONB NOT NULL, mtime BIGINT NOT NULL,
        PRIMARY KEY (project_key, session_id, subpath, seq))`,
    insert: (outside, append) =>
      outside.unsafe(
        `INSERT INTO claude_session_store (project_key, session_id, subpath, entry, mtime)
         VALUES ($1, $2, $3, $4::text::jsonb, $5::bigint)`,
        valuesOf(append),
      ),
  },
];

export const OWN_FORM: Form = { name: 'ours', settings: {}, table: 'claude_session_entries' };
export const ALL_FORMS: readonly Form[] = [OWN_FORM, ...OTHER_FORMS];

export async function newSharedStore(form: Form, nowMs: number) {
  const { url, outside, server } = await newSchema();
  const own = new PostgresSessionStore(url, {
    foldSessionSummary: (_, { sessionId }) => ({ sessionId, mtime: 0, data: {} }),
  });
  onTestFinished(() => own.close());
  if (form.create !== undefined) await outside.unsafe(form.create);
  server.setClock(nowMs);
  const settings: SharedStoreSettings = { url, ...form.settings };
  const append = async (given: Append): Promise<void> => {
    const whole = { subpath: '', entry: ENTRY, projectKey: STORE_PROJECT, ...given };
    if (form.insert !== undefined) {
      await form.insert(outside, whole);
      return;
    }
    server.setClock(given.atMs);
    const { projectKey, sessionId, subpath, entry } = whole;
    const key = { projectKey, sessionId, ...(subpath === '' ? {} : { subpath }) };
    await own.append(key, [entry as { type: string }]);
    server.setClock(nowMs);
  };
  // The tables of ours are made by the first call.
  if (form.create === undefined) await own.listSessions(STORE_PROJECT);
  return {
    url,
    outside,
    server,
    own,
    settings,
    append,
    /** As a worker has it open. */
    open: async (options: PostgresStoreOptions = {}) => {
      const store = new PostgresStoredSessions(settings, {
        clock: { now: () => nowMs },
        // However busy the machine is.
        limits: { lockTimeoutMs: 500, statementTimeoutMs: 60_000, graceMs: 10_000, connectTimeoutMs: 60_000 },
        ...options,
      });
      onTestFinished(() => store.close());
      await store.check();
      return store;
    },
    /** How many entries each session has. */
    entries: async (): Promise<Record<string, number>> => {
      const rows = await outside.unsafe<{ id: string; count: number }[]>(
        `SELECT session_id::text AS id, count(*)::int AS count FROM ${form.table} GROUP BY session_id ORDER BY session_id`,
      );
      return Object.fromEntries(rows.map(({ id, count }) => [id, count]));
    },
  };
}
