/** Every kind of source that a host can configure, as the contract suite makes it, fills it and breaks it: real files, programs and servers. */

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { onTestFinished } from 'vitest';
import type { SessionId } from '../../../src/claude-dir/session-id.ts';
import type { SourceSettings } from '../../../src/config/source-settings.ts';

import { withDescendants } from '../../support/process.ts';
import { NOW } from '../../support/units.ts';
import { httpKind } from './http-kind.ts';
import { threadMap } from './thread-kind.ts';

/** One source in a directory of its own. */
export interface Workshop {
  /** Faults may change them. */
  readonly settings: SourceSettings;
  /** Makes it name these and no others. */
  name(ids: readonly SessionId[]): void;
  /** What may go wrong with it, each by real means; done to a source that names ids. */
  readonly faults: Readonly<Record<string, () => void>>;
}

export interface Kind {
  /** Whether its writers wait while an act runs. */
  readonly isHeld?: boolean;
  /** Whether its check tells less than its answer would. */
  readonly isCheckedInPart?: boolean;
  make(directory: string): Workshop;
}

/** Longer than anything takes that is not broken. */
export const PATIENCE_MS = 60_000;
const IMPATIENCE_MS = 100;
/** So that it is at work in SQLite by then. */
const QUERY_IMPATIENCE_MS = 700;

export const KINDS: Readonly<Record<string, Kind>> = {
  'resume-map': { isHeld: true, make: resumeMap },
  'thread-map': { isHeld: true, make: threadMap },
  'keep-list, a directory': { make: keepDirectory },
  'keep-list, a file': { make: keepFile },
  'process-records': { make: processRecords },
  'json-map': { make: jsonMap },
  query: { isCheckedInPart: true, make: query },
  'command of lines': { isCheckedInPart: true, make: (directory) => command(directory, asLines) },
  'command of JSON': { isCheckedInPart: true, make: (directory) => command(directory, asJson) },
  http: { isCheckedInPart: true, make: () => httpKind() },
};

export function asLines(ids: readonly SessionId[]): string {
  return `# Conversations that wait\n\n${ids.map((id) => `${id}\n`).join('')}end ${ids.length}\n`;
}

export function asJson(ids: readonly SessionId[]): string {
  return JSON.stringify({
    complete: true,
    sessions: ids.map((id, index) => (index === 0 ? { id, why: 'first' } : id)),
  });
}

const TABLE =
  'CREATE TABLE IF NOT EXISTS claude_sdk_sessions (key TEXT PRIMARY KEY, session_id TEXT, last_used_at INTEGER, created_at INTEGER)';

function resumeMap(directory: string): Workshop {
  const db = join(directory, 'host.db');
  return {
    settings: { kind: 'resume-map', name: 'second', db },
    name: (ids) => {
      const database = new Database(db, { timeout: 0 });
      database.exec(`${TABLE}; DELETE FROM claude_sdk_sessions`);
      for (const [index, id] of ids.entries()) {
        database.prepare('INSERT INTO claude_sdk_sessions VALUES (?, ?, 1, 1)').run(`key ${index}`, id);
      }
      database.close();
    },
    faults: { ...faultsOfDatabase(db), 'without its table': () => execute(db, 'DROP TABLE claude_sdk_sessions') },
  };
}

function query(directory: string): Workshop {
  const db = join(directory, 'agents.db');
  const settings = {
    ...({ kind: 'query', name: 'agents', db } as const),
    timeout: PATIENCE_MS as number,
    sql: "-- Those that somebody waits for.\nSELECT claude FROM waiting WHERE state = 'on'",
  };
  const view = (select: string) => execute(db, `DROP VIEW IF EXISTS waiting; CREATE VIEW waiting AS ${select}`);
  const naturals = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)';
  return {
    settings,
    name: (ids) => {
      execute(db, 'CREATE TABLE IF NOT EXISTS agents (claude TEXT, state TEXT); DELETE FROM agents');
      view('SELECT * FROM agents');
      const database = new Database(db);
      for (const id of ids) database.prepare("INSERT INTO agents VALUES (?, 'on'), (NULL, 'on'), ('x', 'off')").run(id);
      database.close();
    },
    faults: {
      ...faultsOfDatabase(db),
      'without its table': () => execute(db, 'DROP TABLE agents'),
      'of the wrong type': () => view("SELECT 7 AS claude, 'on' AS state"),
      'of rows that are no ids': () => view("SELECT claude, 'on' AS state FROM agents"),
      huge: () => view(`${naturals} SELECT '${'0'.repeat(36)}' AS claude, 'on' AS state FROM n`),
      slow: () => {
        view(`${naturals} SELECT count(*) AS claude, 'on' AS state FROM n`);
        settings.timeout = QUERY_IMPATIENCE_MS;
      },
      'killed in mid-answer': () => {
        view(`${naturals} SELECT count(*) AS claude, 'on' AS state FROM n`);
        const killing = setInterval(() => {
          for (const pid of withDescendants(process.pid)) if (pid !== process.pid) process.kill(pid, 'SIGKILL');
        }, 10);
        onTestFinished(() => clearInterval(killing));
      },
    },
  };
}

function command(directory: string, shown: (ids: readonly SessionId[]) => string): Workshop {
  const program = join(directory, 'live-sessions');
  const [output, other] = [join(directory, 'output'), join(directory, 'other')];
  const script = (text: string, mode = 0o755) => {
    // A program at work cannot be written to, and a new one can take its place.
    writeFileSync(`${program}.new`, `#!/bin/sh\n${text}\n`);
    chmodSync(`${program}.new`, mode);
    renameSync(`${program}.new`, program);
  };
  const settings = { kind: 'command' as const, name: 'agents', argv: [program, '$(id)'], timeout: PATIENCE_MS };
  const cutOff = () => writeFileSync(output, readFileSync(output, 'utf8').slice(0, -4));
  return {
    settings,
    name: (ids) => {
      writeFileSync(output, shown(ids));
      script(`test "$1" = '$(id)' && test $# = 1 && cat ${output}`);
    },
    faults: {
      gone: () => rmSync(program),
      'not executable': () => script(`cat ${output}`, 0o644),
      'a directory': () => {
        rmSync(program);
        mkdirSync(program);
      },
      failed: () => script(`cat ${output}; echo "no database" >&2; exit 3`),
      empty: () => script(':'),
      'cut off': cutOff,
      'killed in mid-answer': () => script(`cat ${output}; kill -KILL $$`),
      'of the wrong type': () => writeFileSync(output, 'Usage: live-sessions [--json]\nend 0\n'),
      'no text': () => writeFileSync(output, Buffer.from([0xff, 0xfe, 0x00])),
      'of more after its end': () => script(`cat ${output}; cat ${output}`),
      huge: () => script('exec yes'),
      slow: () => {
        script(`cat ${output}; sleep 1000; cat ${output}`);
        settings.timeout = IMPATIENCE_MS;
      },
      'at an end with its output held open': () => {
        script(`cat ${output}; sleep 1000 &`);
        settings.timeout = IMPATIENCE_MS;
      },
      'replaced by another': () => {
        writeFileSync(other, 'not a program');
        chmodSync(other, 0o755);
        rmSync(program);
        execFileSync('ln', ['-s', `${other}/none`, program]);
      },
    },
  };
}

function keepDirectory(directory: string): Workshop {
  const path = join(directory, 'pinned');
  return {
    settings: { kind: 'keep-list', name: 'vips', path },
    name: (ids) => {
      rmSync(path, { recursive: true, force: true });
      mkdirSync(path);
      for (const name of ids.length === 0 ? ['.keep'] : ids) writeFileSync(join(path, name), '');
    },
    faults: { ...faultsOfFile(path), 'not mounted': () => emptied(path) },
  };
}

function emptied(directory: string): void {
  rmSync(directory, { recursive: true });
  mkdirSync(directory);
}

function keepFile(directory: string): Workshop {
  const path = join(directory, 'vips.txt');
  return {
    settings: { kind: 'keep-list', name: 'vips', path, closed: true },
    name: (ids) => replace(path, asLines(ids)),
    faults: {
      ...faultsOfFile(path),
      'of the wrong type': () => writeFileSync(path, '{"sessions": []}'),
      'cut off in an id': () => writeFileSync(path, readFileSync(path, 'utf8').slice(0, 40)),
      'cut off between two lines': () => writeFileSync(path, readFileSync(path, 'utf8').replace(/^end .*\n/m, '')),
      'shorter than it says': () => writeFileSync(path, 'end 1\n'),
      empty: () => truncateSync(path, 0),
      'of a comment alone': () => writeFileSync(path, '# Customers\n'),
      'no text': () => writeFileSync(path, Buffer.from([0xff, 0xfe, 0x00])),
      huge: () => truncateSync(path, 2 ** 40),
    },
  };
}

/** Of another machine: whether their processes run cannot be told here. */
function processRecords(directory: string): Workshop {
  const claudeDir = join(directory, 'claude');
  const sessions = join(claudeDir, 'sessions');
  return {
    settings: { kind: 'process-records', name: 'container', claudeDir },
    name: (ids) => {
      rmSync(sessions, { recursive: true, force: true });
      mkdirSync(sessions, { recursive: true });
      for (const [index, sessionId] of ids.entries()) {
        const [pid, path] = [index + 1, join(sessions, `${index + 1}.json`)];
        writeFileSync(path, JSON.stringify({ pid, sessionId, procStart: '5', pidDomain: 'linux:elsewhere:pid:[9]' }));
        utimesSync(path, NOW / 1000, NOW / 1000);
      }
    },
    faults: {
      gone: () => rmSync(claudeDir, { recursive: true }),
      'a file': () => {
        rmSync(claudeDir, { recursive: true });
        writeFileSync(claudeDir, '');
      },
      'a symlink that leads nowhere': () => {
        rmSync(claudeDir, { recursive: true });
        execFileSync('ln', ['-s', 'nowhere', claudeDir]);
      },
      'of the wrong type': () => {
        rmSync(sessions, { recursive: true });
        writeFileSync(sessions, '');
      },
    },
  };
}

function jsonMap(directory: string): Workshop {
  const path = join(directory, 'sessions.json');
  return {
    settings: { kind: 'json-map', name: 'bot', path },
    name: (ids) => replace(path, JSON.stringify(Object.fromEntries(ids.map((id, index) => [`key ${index}`, { id }])))),
    faults: {
      ...faultsOfFile(path),
      'of the wrong type': () => writeFileSync(path, '"text"'),
      'of entries of the wrong type': () => writeFileSync(path, '{"key": 7}'),
      'of entries without an id': () => writeFileSync(path, '{"key": {"name": "x"}}'),
      'of entries that are no ids': () => writeFileSync(path, '{"key": "yes", "other": "no"}'),
      'cut off': () => writeFileSync(path, readFileSync(path, 'utf8').slice(0, -1)),
      empty: () => writeFileSync(path, ''),
      'a key twice': () => writeFileSync(path, '{"key": null, "key": null}'),
      'nested without end': () => writeFileSync(path, '['.repeat(1_000_000)),
      huge: () => truncateSync(path, 2 ** 40),
    },
  };
}

function faultsOfFile(path: string): Workshop['faults'] {
  return {
    gone: () => rmSync(path, { recursive: true }),
    'a symlink that leads nowhere': () => {
      rmSync(path, { recursive: true });
      execFileSync('ln', ['-s', 'nowhere', path]);
    },
    'a FIFO that nobody writes': () => {
      rmSync(path, { recursive: true });
      execFileSync('mkfifo', [path]);
    },
  };
}

function faultsOfDatabase(db: string): Workshop['faults'] {
  return {
    ...faultsOfFile(db),
    'a file of another kind': () => writeFileSync(db, 'this is no database, however long it is. '.repeat(100)),
    'cut off': () => truncateSync(db, 5_000),
    'cut off in its last page': () => truncateSync(db, statSync(db).size - 100),
    empty: () => truncateSync(db, 0),
    locked: () => {
      const database = new Database(db);
      database.exec('BEGIN EXCLUSIVE');
      onTestFinished(() => void database.close());
    },
  };
}

function execute(db: string, sql: string): void {
  const database = new Database(db);
  database.exec(sql);
  database.close();
}

/** As a careful host does it. */
function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
