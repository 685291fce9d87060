/** A Claude directory and a resume map in which every name is hostile; and their likeness in which none is. */

import { chmodSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { Place } from '../../support/place.ts';
import { DAY_MS, sessionIdOf } from '../../support/tree.ts';

/** Stands in every secret, and must stand in no log and no metric. */
export const SECRET = 'hunter2correcthorse';

const NAME_BYTES_MAX = 255;

/** File names are bytes; what stands here is one Latin-1 character a byte. */
const HOSTILE: readonly ((number: number) => string)[] = [
  (number) => `postgres:--bot:${SECRET}${number}@db-sessions`,
  (number) => `-srv-sk-ant-api03-${SECRET}-${number}`,
  (number) => `ghp_${SECRET}${number}`,
  (number) => `password=${SECRET}${number}`,
  (number) => `\u001b[31mred-${number}`,
  (number) => `\u001b]0;title-${number}\u0007`,
  (number) => `one-${number}\nERROR two`,
  (number) => `a-${number}\r\u001b[2K\u001b[1A`,
  (number) => `\u00ff\u00fe-${number}`,
  (number) => `cut-\u00e2\u0082-${number}`,
  (number) => utf8(`\u009b31m-${number}`),
  (number) => utf8(`line-\u2028-${number}-\u2029`),
  (number) => utf8(`right-\u202e-${number}`),
  (number) => utf8(`größe-😀-${number}`),
  (number) => `"},{"level":60,"msg":"all is lost ${number}`,
  (number) => `x",job="prune-transcripts"} ${number}\n# TYPE evil counter\nevil{x="1"} 1`,
  (number) => `{project="${number}"}`,
  (number) => `%s%n%d-${number}`,
  (number) => `-rf-${number}`,
  (number) => `\\u0000\\n-${number}`,
  (number) => `__proto__${number}`,
  (number) => `.jsonl.${number}.jsonl`,
  (number) => `'; DROP TABLE claude_sdk_sessions; -- ${number}`,
  (number) => `$(reboot)\`${number}\``,
  (number) => `${number}-`.padEnd(NAME_BYTES_MAX, 'x'),
];

function utf8(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

export type Naming = (number: number) => string;

export const hostileName: Naming = (number) => (HOSTILE[number % HOSTILE.length] as Naming)(number);
export const benignName: Naming = (number) => `name-${number}`;

export interface Counts {
  /** Names of each kind. */
  readonly names: number;
  /** Directories that cannot be read, and as many in the trash. */
  readonly faults: number;
}

const TABLE = 'claude_sdk_sessions';

export function makeNamedPlace(directory: string, naming: Naming, { names, faults }: Counts): Place {
  const place = new Place(directory);
  for (const name of ['projects', 'file-history', 'tasks', 'debug', 'todos', 'sessions', 'jobs']) {
    mkdirSync(join(place.claudeDir, name), { recursive: true });
  }
  mkdirSync(join(place.stateDir, 'pins'), { recursive: true });
  makeProjects(place, naming, names);
  makeStrays(place, naming, names);
  makeUnreadable(place, naming, faults);
  return place;
}

/** Projects that may not be read: each is a fault of every prune. And directories in the trash that are no runs: nobody's business. */
function makeUnreadable({ claudeDir }: Place, naming: Naming, faults: number): void {
  mkdirSync(join(claudeDir, 'session-sweeper/trash'), { recursive: true, mode: 0o700 });
  for (let number = 0; number < faults; number += 1) {
    const project = bytePath(claudeDir, 'projects', `f${naming(number)}`.slice(0, NAME_BYTES_MAX));
    mkdirSync(project);
    chmodSync(project, 0);
    // Only the first few, in the order of their names, are told: secrets are to be among them.
    const run = `${number % HOSTILE.length < 4 ? '\u0001' : ''}${naming(number)}`;
    mkdirSync(bytePath(claudeDir, 'session-sweeper', 'trash', run));
    writeFileSync(bytePath(claudeDir, 'session-sweeper', 'trash', run, 'kept'), 'kept\n');
  }
}

function bytePath(...parts: readonly string[]): Buffer {
  const [root = '', ...names] = parts;
  return Buffer.concat([Buffer.from(root), ...names.map((name) => Buffer.from(`/${name}`, 'latin1'))]);
}

function write(path: Buffer, content: string, ageMs: number): void {
  const seconds = (Date.now() - ageMs) / 1_000;
  writeFileSync(path, content);
  utimesSync(path, seconds, seconds);
}

/** A session in every project, and beside it what is none; every other session is old. */
function makeProjects({ claudeDir }: Place, naming: Naming, names: number): void {
  for (let number = 0; number < names; number += 1) {
    const project = naming(number);
    const ageMs = number % 2 === 0 ? 40 * DAY_MS : 2 * DAY_MS;
    mkdirSync(bytePath(claudeDir, 'projects', project));
    write(bytePath(claudeDir, 'projects', project, `${sessionIdOf(number)}.jsonl`), `{"number":${number}}\n`, ageMs);
    write(bytePath(claudeDir, 'projects', project, naming(names + number)), 'kept\n', 400 * DAY_MS);
  }
}

/** Where sessions have companions and Claude its records, names that are no session's. */
function makeStrays({ claudeDir, stateDir }: Place, naming: Naming, names: number): void {
  for (let number = 0; number < names; number += 1) {
    const name = naming(3 * names + number);
    const place = ['file-history', 'tasks', 'debug', 'todos', 'sessions', 'jobs', 'projects'][number % 7] ?? '';
    if (place === 'jobs') {
      mkdirSync(bytePath(claudeDir, place, name));
      write(
        bytePath(claudeDir, place, name, 'state.json'),
        JSON.stringify({ sessionId: name, resumeSessionId: [name] }),
        DAY_MS,
      );
    } else write(bytePath(claudeDir, place, name), 'kept\n', 400 * DAY_MS);
    if (number % 7 === 0) write(bytePath(stateDir, 'pins', naming(4 * names + number)), '', DAY_MS);
  }
}

/** Rows with such keys, with such ids, and both; every other one is stale. The database must be there. */
export function fillMap({ stateDir }: Place, naming: Naming, names: number): void {
  const database = new Database(join(stateDir, 'sessions.db'));
  const insert = database.prepare(`INSERT INTO ${TABLE} VALUES (?, ?, ?, ?)`);
  const text = (number: number) => Buffer.from(naming(number), 'latin1').toString('utf8');
  database.transaction(() => {
    for (let number = 0; number < names; number += 1) {
      const usedAtMs = Date.now() - (number % 2 === 0 ? 40 * DAY_MS : 60_000);
      const key = `${text(number)}${naming === hostileName && number % 5 === 0 ? '\0' : '-'}${number}`;
      const id = number % 3 === 0 ? text(names + number) : sessionIdOf(50_000_000 + number);
      insert.run(key, id, usedAtMs, usedAtMs);
    }
  })();
  database.close();
}

/** The rows that no sweep may take, as they are. */
export function freshRows({ stateDir }: Place): string {
  const database = new Database(join(stateDir, 'sessions.db'), { readonly: true });
  try {
    const cutoffMs = Date.now() - DAY_MS;
    return JSON.stringify(
      database.prepare(`SELECT * FROM ${TABLE} WHERE last_used_at > ? ORDER BY key`).raw().all(cutoffMs),
    );
  } finally {
    database.close();
  }
}

/** How many kilobytes the longest record of a run takes. */
export function longestRunRecord({ stateDir }: Place): number {
  const database = new Database(join(stateDir, 'ledger.db'), { readonly: true });
  try {
    return Number(database.prepare('SELECT max(length(report)) FROM runs').pluck().get()) / 1_024;
  } finally {
    database.close();
  }
}
