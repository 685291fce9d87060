/** Many processes at work on one resume map: no operation fails, and nothing that one was promised is lost. */

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { freshDirectory } from '../support/place.ts';
import { run } from '../support/process.ts';
import { percentile } from '../support/samples.ts';
import { readJsonMap } from './controls/json-map.ts';
import type { Harness, HarnessOptions, HarnessResult } from './harness.ts';
import { integrityFault } from './oracle.ts';
import type { WriterReport } from './programs/writer.ts';

const WRITERS = 8;
const OPERATIONS = { short: 400, full: 5_000, control: 100 };

const WRITER = fileURLToPath(new URL('./programs/writer.js', import.meta.url));

/** What is in the store after all of them. */
interface Stored {
  readonly rows: ReadonlyMap<string, string>;
  readonly attempts: number;
  readonly failures: number;
}

export const writers: Harness = { name: 'writers', run: runWriters };

async function runWriters(options: HarnessOptions): Promise<HarnessResult> {
  const operations = options.isShort ? OPERATIONS.short : OPERATIONS.full;
  const stateDir = freshDirectory(options.directory, 'state');
  const startedAt = performance.now();
  const reports = await writeTogether('library', stateDir, operations, options.seed);
  const seconds = (performance.now() - startedAt) / 1_000;
  const path = join(stateDir, 'sessions.db');
  const torn = integrityFault(path);
  const times = reports.flatMap(({ tookMs }) => tookMs);
  const lost = await runControl(options);
  return {
    cases: times.length,
    failures: [
      ...(torn === undefined ? [] : [torn]),
      ...(times.length === WRITERS * operations ? [] : [`${times.length} operations were done`]),
      ...lostOf(readDatabase(path), reports),
    ],
    control: `JSON file: ${lost} lost`,
    isControlCaught: lost > 0,
    figures: [
      `${WRITERS} processes`,
      `${Math.round(times.length / seconds)} operations/s`,
      `p50 ${percentile(times, 0.5).toFixed(1)} p99 ${percentile(times, 0.99).toFixed(1)} longest ${percentile(times, 1).toFixed(0)} ms`,
    ].join(', '),
  };
}

async function runControl(options: HarnessOptions): Promise<number> {
  const directory = freshDirectory(options.directory, 'control');
  const reports = await writeTogether('json', directory, OPERATIONS.control, options.seed);
  const { rows, attempts, failures } = readJsonMap(join(directory, 'map.json'));
  return lostOf({ rows: new Map(Object.entries(rows)), attempts, failures }, reports).length;
}

async function writeTogether(backend: string, directory: string, operations: number, seed: number) {
  const writer = async (_: unknown, number: number): Promise<WriterReport> => {
    const exit = await run(process.execPath, [WRITER, backend, directory, number, seed, operations].map(String));
    if (exit.code !== 0) throw new Error(`writer ${number} ended with ${exit.code}: ${exit.stderr.slice(0, 500)}`);
    return JSON.parse(exit.stdout) as WriterReport;
  };
  return Promise.all(Array.from({ length: WRITERS }, writer));
}

function readDatabase(path: string): Stored {
  const database = new Database(path, { readonly: true });
  try {
    const pairs = (sql: string) => database.prepare(sql).raw().all() as [string, never][];
    const counters = new Map<string, number>(pairs('SELECT name, value FROM claude_sdk_session_counters'));
    return {
      rows: new Map<string, string>(pairs('SELECT key, session_id FROM claude_sdk_sessions')),
      attempts: counters.get('resume_attempts') ?? 0,
      failures: counters.get('resume_failures') ?? 0,
    };
  } finally {
    database.close();
  }
}

/** One sentence for everything that a writer was promised and that is not so. */
function lostOf(stored: Stored, reports: readonly WriterReport[]): string[] {
  const faults = reports.flatMap((report) => report.faults);
  const own = new Map(reports.flatMap((report) => Object.entries(report.own)));
  for (const [key, id] of own) {
    if (stored.rows.get(key) !== id) faults.push(`${key} holds ${stored.rows.get(key)}, not ${id}`);
  }
  for (const [key, id] of stored.rows) {
    if (!own.has(key) && !isLastOfSomebody(key, id, reports))
      faults.push(`${key} holds ${id}, which nobody left there`);
  }
  for (const key of new Set(reports.flatMap(({ shared }) => Object.keys(shared)))) {
    if (!stored.rows.has(key)) faults.push(`${key}, which nobody drops, is not there`);
  }
  for (const name of ['attempts', 'failures'] as const) {
    const counted = reports.reduce((sum, report) => sum + report[name], 0);
    if (stored[name] !== counted) faults.push(`${stored[name]} ${name} are counted, not ${counted}`);
  }
  return faults;
}

/** Of a key that all write to, the last write of one of them is left; their order is nobody's to know. */
function isLastOfSomebody(key: string, id: string, reports: readonly WriterReport[]): boolean {
  return reports.some(({ shared }) => shared[key] === id);
}
