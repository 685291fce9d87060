/** What the tests of the resume map do in processes of their own, with the built program: `map-process.mjs ACTION …`. */

import { once } from 'node:events';
import Database from 'better-sqlite3';
import { importSessionsJson } from '../../dist/resume-map/import/sessions-json.js';
import { RESUME_MAP_MIGRATIONS, VERSION_TABLE } from '../../dist/resume-map/schema.js';
import { SqliteResumeMap } from '../../dist/resume-map/sqlite.js';
import { migrate } from '../../dist/sqlite/migrate.js';
import { openOwnDatabase } from '../../dist/sqlite/open.js';

function die() {
  process.kill(process.pid, 'SIGKILL');
}

const ACTIONS = {
  /** Opens a database of ours, making it where there is none, and writes one row. */
  async create(path, key, sessionId) {
    const map = SqliteResumeMap.openOwn(path);
    await map.setSession(key, sessionId);
    await map.close();
  },

  /** Dies with the new database half-made. */
  async 'die-creating'(path) {
    openOwnDatabase(path, (database) => {
      database.exec('CREATE TABLE half_made (x)');
      die();
    });
  },

  /** Dies with the new database made, but not yet in its place. */
  async 'die-created'(path) {
    openOwnDatabase(path, (database) => {
      migrate(database, VERSION_TABLE, RESUME_MAP_MIGRATIONS);
      die();
    });
  },

  /** Dies within the migration of a database that is there. */
  async 'die-migrating'(path) {
    const database = new Database(path);
    database.function('die', die);
    migrate(database, VERSION_TABLE, [`${RESUME_MAP_MIGRATIONS[0]}; SELECT die()`]);
  },

  /** Writes a row, says so, and dies with its database open. */
  async 'write-and-die'(path, key, sessionId) {
    const map = SqliteResumeMap.openOwn(path);
    await map.setSession(key, sessionId);
    await new Promise((resolve) => process.send('written', resolve));
    die();
  },

  async import(databasePath, path, nowMs) {
    return importSessionsJson(databasePath, path, 'forgejo', Number(nowMs));
  },
};

const [action, ...args] = process.argv.slice(2);
process.send('ready');
await once(process, 'message');
process.send((await ACTIONS[action](...args)) ?? null);
process.disconnect();
