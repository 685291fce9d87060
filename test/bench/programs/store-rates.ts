/**
 * Entries a second that a session store takes up and gives back, in turn with bare better-sqlite3 on the same schema:
 * `store-rates.js DIRECTORY SESSIONS ENTRIES_A_SESSION TURNS SEED`; the rates of all turns go to stdout.
 */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { FoldSummary, SessionStoreEntry } from '../../../src/library/index.ts';
import { ENTRIES_TABLE, STORE_MIGRATIONS } from '../../../src/session-store/schema.ts';
import { SqliteSessionStore } from '../../support/library.ts';
import { seededRandom } from '../../support/samples.ts';
import { randomId } from '../grown-session.ts';
import { inTurn } from '../measure.ts';
import { settle } from '../tree.ts';
import type { Rates } from './map-rates.ts';

export interface StoreRates {
  readonly append: Rates;
  readonly load: Rates;
}

interface Transcript {
  readonly projectKey: string;
  readonly sessionId: string;
  readonly entries: readonly SessionStoreEntry[];
}

const BATCH_ENTRIES = 70;
const SESSIONS_A_PROJECT = 10;
const TEXT_CHARACTERS_MAX = 600;

const [directory = '', ...numbers] = process.argv.slice(2);
const [sessions = 0, entriesOfOne = 0, turns = 0, seed = 0] = numbers.map(Number);
const random = seededRandom(seed);
const transcripts = Array.from({ length: sessions }, (_, number) => makeTranscript(number));
const loaded = { ours: [] as number[], beside: [] as number[] };

const append = await inTurn(turns, { ours: fillOurs, beside: fillBare });
const rates: StoreRates = { append, load: loaded };
console.log(JSON.stringify(rates));

function makeTranscript(number: number): Transcript {
  const sessionId = randomId(random);
  const entries = Array.from({ length: entriesOfOne }, (): SessionStoreEntry => {
    const content = 'x'.repeat(Math.floor(random() * TEXT_CHARACTERS_MAX));
    return { type: 'user', uuid: randomId(random), sessionId, cwd: '/srv/app', message: { role: 'user', content } };
  });
  return { projectKey: `-srv-project-${Math.floor(number / SESSIONS_A_PROJECT)}`, sessionId, entries };
}

/** The SDK's own work is not the store's. */
function fold(): FoldSummary {
  return (before, key, entries, options) => ({
    sessionId: key.sessionId,
    mtime: options?.mtime ?? 0,
    data: { entries: Number(before?.data.entries ?? 0) + entries.length },
  });
}

async function freshPath(name: string): Promise<string> {
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(directory, name + suffix), { force: true });
  await settle(directory);
  return join(directory, name);
}

async function fillOurs(): Promise<number> {
  const store = new SqliteSessionStore(await freshPath('ours.db'), { foldSessionSummary: fold() });
  const rate = await rateOf(async () => {
    for (const { projectKey, sessionId, entries } of transcripts) {
      for (const batch of batches(entries)) await store.append({ projectKey, sessionId }, batch);
    }
  });
  let count = 0;
  const loadRate = await rateOf(async () => {
    for (const { projectKey, sessionId } of transcripts) {
      count += (await store.load({ projectKey, sessionId }))?.length ?? 0;
    }
  });
  expectAll(count);
  loaded.ours.push(loadRate);
  store.close();
  return rate;
}

async function fillBare(): Promise<number> {
  const database = new Database(await freshPath('bare.db'));
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  for (const sql of STORE_MIGRATIONS) database.exec(sql);
  const insert = database.prepare(
    `INSERT INTO ${ENTRIES_TABLE} (project_key, session_id, subpath, uuid, entry, created_at) VALUES (?, ?, '', ?, ?, ?)`,
  );
  const insertAll = database.transaction(({ projectKey, sessionId, entries }: Transcript) => {
    for (const entry of entries) insert.run(projectKey, sessionId, entry.uuid, JSON.stringify(entry), Date.now());
  });
  const select = database
    .prepare(`SELECT entry FROM ${ENTRIES_TABLE} WHERE project_key = ? AND session_id = ? AND subpath = '' ORDER BY id`)
    .pluck();
  const rate = await rateOf(async () => {
    for (const transcript of transcripts) {
      for (const batch of batches(transcript.entries)) insertAll.immediate({ ...transcript, entries: batch });
    }
  });
  let count = 0;
  const loadRate = await rateOf(async () => {
    for (const { projectKey, sessionId } of transcripts) {
      const texts = select.all(projectKey, sessionId) as string[];
      count += texts.map((text) => JSON.parse(text) as SessionStoreEntry).length;
    }
  });
  expectAll(count);
  loaded.beside.push(loadRate);
  database.close();
  return rate;
}

function batches(entries: readonly SessionStoreEntry[]): SessionStoreEntry[][] {
  const count = Math.ceil(entries.length / BATCH_ENTRIES);
  return Array.from({ length: count }, (_, index) => entries.slice(index * BATCH_ENTRIES, (index + 1) * BATCH_ENTRIES));
}

async function rateOf(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (sessions * entriesOfOne) / ((performance.now() - startedAt) / 1_000);
}

function expectAll(count: number): void {
  if (count !== sessions * entriesOfOne) throw new Error(`${count} entries were loaded`);
}
