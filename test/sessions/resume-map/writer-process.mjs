/**
 * Hosts at work, in a process of their own, each with its own connection: `writer-process.mjs ACTION …`.
 * They report what they were promised; the test reads the database itself.
 */

import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { SqliteResumeMap } from '../../../dist/sessions/resume-map/sqlite.js';

const SHARED_KEY = 'shared';
const COUNTERS = 'claude_sdk_session_counters';

function sessionIdOf(group, writer, operation) {
  return `${[group, writer, operation].map((n) => Number(n).toString(16).padStart(4, '0')).join('')}`.replace(
    /^(.{8})(.{4})$/,
    '$1-$2-4000-8000-000000000000',
  );
}

/** One writer's operations: its own conversations, one that all write to, and the counters of all. */
async function write(path, group, writer, operations) {
  const map = SqliteResumeMap.openOwn(path);
  const rows = {};
  const counted = { attempts: 0, failures: 0 };
  for (let operation = 0; operation < operations; operation += 1) {
    const key = `own:${group}:${writer}:${operation % 5}`;
    const id = sessionIdOf(group, writer, operation);
    if (operation % 7 === 6) {
      if (!(await map.dropSession(key))) throw new Error(`${key} was lost before it could be dropped`);
      delete rows[key];
    } else {
      await map.setSession(key, id);
      rows[key] = id;
    }
    if (operation % 4 === 0) await map.setSession(SHARED_KEY, id);
    await map.incrementSessionResumeAttempts();
    counted.attempts += 1;
    if (operation % 2 === 0) {
      await map.incrementSessionResumeFailures();
      counted.failures += 1;
    }
    await turn();
  }
  await map.close();
  return { rows, counted };
}

/** The same work as somebody in a hurry might write it: the counter is read, and then written, in two steps. */
async function writeCarelessly(path, _group, _writer, operations) {
  const database = new Database(path, { timeout: 5_000 });
  const read = database.prepare(`SELECT value FROM ${COUNTERS} WHERE name = 'resume_attempts'`).pluck();
  const put = database.prepare(`INSERT OR REPLACE INTO ${COUNTERS} (name, value) VALUES ('resume_attempts', ?)`);
  for (let operation = 0; operation < operations; operation += 1) {
    const value = read.get() ?? 0;
    await turn();
    put.run(value + 1);
  }
  database.close();
  return { rows: {}, counted: { attempts: operations, failures: 0 } };
}

/** A host that uses one conversation again and again until it is told to stop. */
async function writeUntilTold(path, waitMs) {
  const database = new Database(path, { timeout: Number(waitMs) });
  const put = database.prepare(
    `INSERT INTO claude_sdk_sessions VALUES ('host', @id, @now, @now)
     ON CONFLICT (key) DO UPDATE SET session_id = excluded.session_id, last_used_at = excluded.last_used_at`,
  );
  let isTold = false;
  process.once('message', () => {
    isTold = true;
  });
  const report = { writes: 0, failures: 0, longestWaitMs: 0, lastId: '' };
  while (!isTold) {
    const id = sessionIdOf(0, report.writes >> 16, report.writes & 0xffff);
    const startedAt = performance.now();
    try {
      put.run({ id, now: Date.now() });
      report.lastId = id;
      report.writes += 1;
      if (report.writes === 1) process.send('writing');
    } catch (error) {
      if (!String(error.code).startsWith('SQLITE_BUSY')) throw error;
      report.failures += 1;
      if (report.failures === 1) process.send('failing');
    }
    report.longestWaitMs = Math.max(report.longestWaitMs, performance.now() - startedAt);
    await turn();
  }
  database.close();
  return report;
}

async function runWriters(writer, path, group, writers, operations) {
  const all = Array.from({ length: Number(writers) }, (_, number) => writer(path, group, number, Number(operations)));
  return Promise.all(all);
}

const ACTIONS = {
  write: (...args) => runWriters(write, ...args),
  'write-carelessly': (...args) => runWriters(writeCarelessly, ...args),
  'write-until-told': writeUntilTold,
};

const [action, ...args] = process.argv.slice(2);
process.send('ready');
await once(process, 'message');
process.send(await ACTIONS[action](...args));
process.disconnect();
