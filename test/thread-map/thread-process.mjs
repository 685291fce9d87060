/**
 * Hosts that open a thread map with the built library, in processes of their own: `thread-process.mjs POINT DATABASE` dies at the named
 * point of the import of its old JSON file, or at none of them.
 */

import { once } from 'node:events';
import fs from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { openThreadMap } from '../../dist/library/index.js';

const Database = createRequire(import.meta.url)('better-sqlite3');

function die() {
  process.kill(process.pid, 'SIGKILL');
}

/** Replaces the call of a statement that begins like this. */
function aroundStatement(beginning, around) {
  const { prepare } = Database.prototype;
  Database.prototype.prepare = function (sql) {
    const statement = prepare.call(this, sql);
    if (!sql.startsWith(beginning)) return statement;
    const { run } = statement;
    statement.run = (...bound) => around(() => run.apply(statement, bound));
    return statement;
  };
}

function aroundRename(around) {
  const { renameSync } = fs;
  fs.renameSync = (from, to) => around(() => renameSync(from, to));
  syncBuiltinESMExports();
}

function atInsert(number) {
  let left = number;
  aroundStatement('INSERT OR IGNORE', (run) => {
    left -= 1;
    if (left === 0) die();
    return run();
  });
}

/** Dies with the rows of a transaction written, right before or right after its commit. */
function atCommit({ isThrough }) {
  let inserted = 0;
  aroundStatement('INSERT OR IGNORE', (run) => {
    inserted += 1;
    return run();
  });
  const dieIfInserted = () => {
    if (inserted > 0) die();
  };
  const { transaction } = Database.prototype;
  Database.prototype.transaction = function (act) {
    const wrapped = transaction.call(this, (...args) => {
      const result = act(...args);
      if (!isThrough) dieIfInserted();
      return result;
    });
    const immediate = (...args) => {
      const result = wrapped.immediate(...args);
      dieIfInserted();
      return result;
    };
    return { immediate };
  };
}

const POINTS = {
  none: () => undefined,
  'the first row': () => atInsert(1),
  'a row in the middle': () => atInsert(150),
  'the last row': () => atInsert(300),
  'the commit': () => atCommit({ isThrough: false }),
  'what comes after the commit': () => atCommit({ isThrough: true }),
  'the renaming': () => aroundRename(die),
  'what comes after the renaming': () =>
    aroundRename((rename) => {
      rename();
      die();
    }),
};

const [point, databasePath] = process.argv.slice(2);
process.send('ready');
await once(process, 'message');
POINTS[point]();
const warnings = [];
const map = await openThreadMap({ databasePath, onWarning: (message) => warnings.push(message) });
const threads = (await map.activeSessions()).length;
await map.close();
process.send({ threads, warnings });
process.disconnect();
