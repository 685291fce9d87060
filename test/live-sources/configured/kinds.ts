/** Every kind of source that a host can configure, as the contract suite makes it, fills it and breaks it: real files and real programs. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { onTestFinished } from 'vitest';
import type { SessionId } from '../../../src/claude-dir/session-id.ts';
import type { SourceSettings } from '../../../src/config/source-settings.ts';
import { threadMap } from './thread-kind.ts';

/** One source in a directory of its own. */
export interface Workshop {
  readonly settings: SourceSettings;
  /** Makes it name these and no others. */
  name(ids: readonly SessionId[]): void;
  /** What may go wrong with it, each by real means; done to a source that names ids. */
  readonly faults: Readonly<Record<string, () => void>>;
}

export interface Kind {
  /** Whether its writers wait while an act runs. */
  readonly isHeld: boolean;
  make(directory: string): Workshop;
}

export const KINDS: Readonly<Record<string, Kind>> = {
  'resume-map': { isHeld: true, make: resumeMap },
  'thread-map': { isHeld: true, make: threadMap },
  'keep-list, a directory': { isHeld: false, make: keepDirectory },
  'keep-list, a file': { isHeld: false, make: keepFile },
  'json-map': { isHeld: false, make: jsonMap },
};

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
    faults: {
      ...faultsOfFile(db),
      'of the wrong type': () => writeFileSync(db, 'this is no database, however long it is. '.repeat(100)),
      'cut off': () => truncateSync(db, 5_000),
      'without its table': () => {
        const database = new Database(db);
        database.exec('DROP TABLE claude_sdk_sessions');
        database.close();
      },
      locked: () => {
        const database = new Database(db);
        database.exec('BEGIN EXCLUSIVE');
        onTestFinished(() => void database.close());
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
      for (const id of ids) writeFileSync(join(path, id), '');
    },
    faults: faultsOfFile(path),
  };
}

function keepFile(directory: string): Workshop {
  const path = join(directory, 'vips.txt');
  return {
    settings: { kind: 'keep-list', name: 'vips', path },
    name: (ids) => replace(path, `# Customers who wait\n\n${ids.map((id) => `${id}\n`).join('')}end ${ids.length}\n`),
    faults: {
      ...faultsOfFile(path),
      'of the wrong type': () => writeFileSync(path, '{"sessions": []}'),
      'cut off in an id': () => writeFileSync(path, readFileSync(path, 'utf8').slice(0, 40)),
      'shorter than it says': () => writeFileSync(path, 'end 1\n'),
      'no text': () => writeFileSync(path, Buffer.from([0xff, 0xfe, 0x00])),
      huge: () => truncateSync(path, 2 ** 40),
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

/** As a careful host does it. */
function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
