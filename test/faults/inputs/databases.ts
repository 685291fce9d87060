/** Databases that are none, or not the right ones, and what cannot be read. */

import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Place } from '../../support/place.ts';
import { runProgram } from '../../support/process.ts';
import { ID, type InputCase, RECORDED } from './case.ts';

export const TABLE = 'claude_sdk_sessions';
const COLUMNS =
  'key TEXT PRIMARY KEY, session_id TEXT NOT NULL, last_used_at INTEGER NOT NULL, created_at INTEGER NOT NULL';
const PAGE_BYTES = 4_096;
/** SQLite's own, of a database whose damage shows only when it is open. */
const OPENED = /\.db-(wal|shm)$/;
const RECORDED_OR_OPENED = new RegExp(`${RECORDED.source}|${OPENED.source}`);

interface Damage {
  readonly codes: readonly number[];
  readonly apply: (path: string) => void;
  /** Only of a database of our own, whose schema is ours. */
  readonly onlyOwn?: boolean;
  readonly onlyHost?: boolean;
}

export const made = (path: string, sql: string) => {
  remove(path);
  const database = new Database(path);
  database.exec(sql);
  database.close();
};

export const altered = (path: string, sql: string) => {
  const database = new Database(path);
  database.exec(sql);
  database.close();
};

export function remove(path: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true, recursive: true });
}

const DAMAGES: Readonly<Record<string, Damage>> = {
  'of 0 bytes': { codes: [65], apply: (path) => truncateSync(path, 0) },
  'of 1 byte': { codes: [65], apply: (path) => truncateSync(path, 1) },
  'cut in its header': { codes: [65], apply: (path) => truncateSync(path, 511) },
  'cut after its first page': { codes: [65], apply: (path) => truncateSync(path, PAGE_BYTES) },
  'that is a text': { codes: [65], apply: (path) => writeFileSync(path, 'this is no database\n'.repeat(100)) },
  'that is JSON': { codes: [65], apply: (path) => writeFileSync(path, JSON.stringify({ a: 'x'.repeat(5_000) })) },
  'of zeros': { codes: [65], apply: (path) => writeFileSync(path, Buffer.alloc(3 * PAGE_BYTES)) },
  'with a broken header': { codes: [65], apply: (path) => overwrite(path, 0, Buffer.from('SQLite format 4\0')) },
  'with broken pages': { codes: [65], apply: breakPages },
  'that is a directory': {
    codes: [65, 69],
    apply: (path) => {
      remove(path);
      mkdirSync(path);
    },
  },
  'that is a symlink to nothing': {
    codes: [69],
    apply: (path) => {
      remove(path);
      symlinkSync('nothing', path);
    },
  },
  'that is a symlink to itself': {
    codes: [69],
    apply: (path) => {
      remove(path);
      symlinkSync(path, path);
    },
  },
  'that is not there': { codes: [69], onlyHost: true, apply: remove },
  'without the table': { codes: [78], onlyHost: true, apply: (path) => made(path, 'CREATE TABLE users (id)') },
  'with an empty schema': {
    codes: [65, 78],
    onlyHost: true,
    apply: (path) => made(path, 'CREATE TABLE x (y); DROP TABLE x'),
  },
  'with a table of another name': {
    codes: [78],
    onlyHost: true,
    apply: (path) => made(path, `CREATE TABLE ${TABLE}2 (${COLUMNS})`),
  },
  'with a view for the table': {
    codes: [78],
    onlyHost: true,
    apply: (path) => made(path, `CREATE TABLE t (${COLUMNS}); CREATE VIEW ${TABLE} AS SELECT * FROM t`),
  },
  'without a column': {
    codes: [78],
    onlyHost: true,
    apply: (path) => made(path, `CREATE TABLE ${TABLE} (key TEXT PRIMARY KEY, last_used_at, created_at)`),
  },
  'with columns of other names': {
    codes: [78],
    onlyHost: true,
    apply: (path) => made(path, `CREATE TABLE ${TABLE} (key TEXT PRIMARY KEY, sessionId, lastUsedAt, createdAt)`),
  },
  'with keys that are not unique': {
    codes: [78],
    onlyHost: true,
    apply: (path) => made(path, `CREATE TABLE ${TABLE} (key TEXT, session_id, last_used_at, created_at)`),
  },
  'whose table is gone': { codes: [65, 78], onlyOwn: true, apply: (path) => altered(path, `DROP TABLE ${TABLE}`) },
  'whose table has lost a column': {
    codes: [65, 78],
    onlyOwn: true,
    apply: (path) => altered(path, `ALTER TABLE ${TABLE} RENAME COLUMN last_used_at TO used`),
  },
  'from the future': {
    codes: [65],
    onlyOwn: true,
    apply: (path) => altered(path, 'INSERT INTO claude_sdk_sessions_versions VALUES (99, 0)'),
  },
};

export const RUN = ['--run-now', '--shield', 'off', '--max-age', '1h', '--min-age', '1h'];
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  run: RUN,
  'dry run': [...RUN, '--dry-run'],
  daemon: ['--listen', 'off'],
  list: ['map', 'list'],
  set: ['map', 'set', 'k', ID],
};

export function databaseCases(): InputCase[] {
  return [...damaged(), ...ledgers(), ...unreadable()];
}

function damaged(): InputCase[] {
  return Object.entries(DAMAGES).flatMap(([name, damage]) => {
    const own = damage.onlyHost ? [] : commandsOn(name, damage, 'state/sessions.db');
    const host = damage.onlyOwn ? [] : commandsOn(name, damage, 'host.db');
    return [...own, ...host];
  });
}

function commandsOn(name: string, { codes, apply }: Damage, file: string): InputCase[] {
  const isHost = file === 'host.db';
  return (
    Object.entries(COMMANDS)
      // Setting one key need not come across the broken page.
      .filter(([command]) => !(name === 'with broken pages' && command !== 'run' && command !== 'list'))
      .map(
        ([command, args]): InputCase => ({
          name: `database ${isHost ? "of the host's " : ''}${name}: ${command}`,
          args,
          ...(isHost ? { environment: { SWEEPER_SESSIONS_DB: '{place}/host.db' } } : {}),
          prepare: ({ directory, stateDir }) => {
            const path = join(directory, file);
            if (isHost) copyFileSync(join(stateDir, 'sessions.db'), path);
            apply(path);
          },
          codes,
          names: [`{place}/${file}`],
          isRun: command.endsWith('run'),
          // A command that only looks, and one that is refused, leave no trace but that of the run.
          mayChange: command === 'run' || command === 'daemon' ? RECORDED_OR_OPENED : OPENED,
        }),
      )
  );
}

function overwrite(path: string, position: number, bytes: Buffer): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, bytes, 0, bytes.length, position);
  closeSync(fd);
}

/** Fills the table over many pages, and then makes nonsense of all but the first few. */
function breakPages(path: string): void {
  const database = new Database(path);
  database.pragma('journal_mode = DELETE');
  const insert = database.prepare(`INSERT INTO ${TABLE} VALUES (?, ?, 1790000000000, 1790000000000)`);
  database.transaction(() => {
    for (let number = 0; number < 3_000; number += 1) insert.run(`filler:${number}:${'x'.repeat(50)}`, ID);
  })();
  const pages = Number(database.pragma('page_count', { simple: true }));
  database.close();
  for (let page = 8; page < pages; page += 1) overwrite(path, page * PAGE_BYTES, Buffer.alloc(64, 0xa5));
}

/** The record of the worker itself: what cannot be one ends the run; what was one and is damaged is set aside, and one is begun anew. */
function ledgers(): InputCase[] {
  const some = (names: readonly string[]) => names.map((name) => [name, DAMAGES[name] as Damage] as const);
  const impossible: readonly (readonly [string, Damage])[] = [
    ...some(['that is a directory', 'that is a symlink to nothing']),
    ['from the future', { codes: [65], apply: (path) => altered(path, 'INSERT INTO versions VALUES (99, 0)') }],
  ];
  const tablesGone = (path: string) => altered(path, 'DROP TABLE metrics; DROP TABLE runs');
  const damaged: readonly (readonly [string, Damage])[] = [
    ...some(['of 0 bytes', 'that is a text', 'of zeros']),
    ['whose tables are gone', { codes: [0], apply: tablesGone }],
  ];
  const prepared = (apply: Damage['apply']) => async (place: Place) => {
    const places = ['--state-dir', place.stateDir, '--claude-dir', place.claudeDir];
    await runProgram(['--run-now', '--job', 'purge-trash', ...places]);
    apply(join(place.stateDir, 'ledger.db'));
  };
  return [
    ...impossible.flatMap(([name, { codes, apply }]) =>
      (['run', 'daemon'] as const).map(
        (command): InputCase => ({
          name: `ledger ${name}: ${command}`,
          args: COMMANDS[command] ?? [],
          prepare: prepared(apply),
          codes,
          names: ['{state}/ledger.db'],
          isRun: command === 'run',
          mayChange: /^claude\/session-sweeper(\/|$)/,
        }),
      ),
    ),
    ...damaged.map(
      ([name, { apply }]): InputCase => ({
        name: `ledger ${name}: run`,
        args: [...(COMMANDS.run ?? []), '--max-age', 'never'],
        prepare: prepared(apply),
        codes: [0],
        isRun: true,
        mayChange: /^(state\/((ledger|sessions)\.|reserve(\/|$))|claude\/session-sweeper(\/|$))/,
        judge: ({ stateDir }) => {
          const isKept = readdirSync(stateDir).some((file) => file.startsWith('ledger.db.damaged-'));
          return isKept ? [] : ['the damaged ledger was not kept'];
        },
      }),
    ),
  ];
}

/** For root nothing is unreadable: it gives that up where it runs these. */
function unreadable(): InputCase[] {
  const targets: Readonly<Record<string, string>> = {
    'the database': 'state/sessions.db',
    'the sessions.json': 'state/sessions.json',
    'the keep list': 'state/pins',
    'the process records': 'claude/sessions',
    'the projects': 'claude/projects',
  };
  const codes: Readonly<Record<string, readonly number[]>> = { 'the projects': [73, 74] };
  return Object.entries(targets).flatMap(([name, path]) =>
    (['run', 'dry run'] as const).map(
      (command): InputCase => ({
        name: `unreadable: ${name}: ${command}`,
        args: COMMANDS[command] ?? [],
        isUnprivileged: true,
        prepare: ({ directory }) => {
          const target = join(directory, path);
          if (path.endsWith('.json')) writeFileSync(target, '{}');
          else if (!existsSync(target)) mkdirSync(target);
          chmodSync(target, 0);
        },
        codes: codes[name] ?? [69],
        isRun: true,
        names: [/EACCES|permission denied|unable to open/],
        mayChange: RECORDED,
      }),
    ),
  );
}
