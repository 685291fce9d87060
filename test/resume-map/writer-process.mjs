/**
 * Hosts at work, in a process of their own, each with its own connection: `writer-process.mjs ACTION …`.
 * They report what they were promised; the test reads the database itself.
 */

import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { BusyError } from '../../dist/errors.js';
import { SqliteResumeMap } from '../../dist/resume-map/sqlite.js';

const SHARED_KEY = 'shared';
const COUNTERS = 'claude_sdk_session_counters';

function sessionIdOf(group, writer, round) {
  return `${[group, writer, round].map((n) => Number(n).toString(16).padStart(4, '0')).join('')}`.replace(
    /^(.{8})(.{4})$/,
    '$1-$2-4000-8000-000000000000',
  );
}

/** A busy database has written nothing: a host tries again. Anything else that goes wrong ends the process. */
async function untilFree(operate) {
  for (;;) {
    try {
      return await operate();
    } catch (error) {
      if (!(error instanceof BusyError)) throw error;
    }
    await turn();
  }
}

/** By a path, or a URL. */
async function openMap(place) {
  if (!place.startsWith('postgres:')) return SqliteResumeMap.openOwn(place);
  const { openPostgresResumeMap } = await import('../../dist/library/postgres.js');
  return openPostgresResumeMap({ url: place, lockTimeoutMs: 30_000 });
}

/** One writer's operations: its own conversations, one that all write to, and the counters of all. */
async function write(path, group, writer, rounds) {
  const map = await openMap(path);
  const rows = {};
  const counted = { attempts: 0, failures: 0 };
  for (let round = 0; round < rounds; round += 1) {
    const key = `own:${group}:${writer}:${round % 5}`;
    const id = sessionIdOf(group, writer, round);
    if (round % 7 === 6) {
      if (!(await untilFree(() => map.dropSession(key)))) throw new Error(`${key} was lost before it could be dropped`);
      delete rows[key];
    } else {
      await untilFree(() => map.setSession(key, id));
      rows[key] = id;
    }
    if (round % 4 === 0) await untilFree(() => map.setSession(SHARED_KEY, id));
    await untilFree(() => map.incrementSessionResumeAttempts());
    counted.attempts += 1;
    if (round % 2 === 0) {
      await untilFree(() => map.incrementSessionResumeFailures());
      counted.failures += 1;
    }
    await turn();
  }
  await map.close();
  return { rows, counted };
}

/** The same work as somebody in a hurry might write it: the counter is read, and then written, in two steps. */
async function writeCarelessly(path, _group, _writer, rounds) {
  const database = new Database(path, { timeout: 30_000 });
  const read = database.prepare(`SELECT value FROM ${COUNTERS} WHERE name = 'resume_attempts'`).pluck();
  const put = database.prepare(`INSERT OR REPLACE INTO ${COUNTERS} (name, value) VALUES ('resume_attempts', ?)`);
  for (let round = 0; round < rounds; round += 1) {
    const value = read.get() ?? 0;
    await turn();
    put.run(value + 1);
  }
  database.close();
  return { rows: {}, counted: { attempts: rounds, failures: 0 } };
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

/** A host that always uses just those conversations that a sweep, which goes by the keys, is about to come to. */
async function refreshUntilTold(path, staleMs) {
  const database = new Database(path, { timeout: 30_000 });
  const next = database
    .prepare('SELECT key FROM claude_sdk_sessions WHERE last_used_at = ? ORDER BY key LIMIT 1 OFFSET 40')
    .pluck();
  const use = database.prepare(
    'UPDATE claude_sdk_sessions SET session_id = @id, last_used_at = @now WHERE key = @key AND last_used_at = @staleMs',
  );
  let isTold = false;
  process.once('message', () => {
    isTold = true;
  });
  const used = {};
  for (let number = 0; !isTold; number += 1) {
    const key = next.get(Number(staleMs));
    const id = sessionIdOf(1, number >> 16, number & 0xffff);
    const isUsed = key !== undefined && use.run({ key, id, now: Date.now(), staleMs: Number(staleMs) }).changes === 1;
    if (isUsed) used[key] = id;
    if (number === 0) process.send('writing');
    await turn();
  }
  database.close();
  return used;
}

async function runWriters(writer, path, group, writers, rounds) {
  const all = Array.from({ length: Number(writers) }, (_, number) => writer(path, group, number, Number(rounds)));
  return Promise.all(all);
}

const ACTIONS = {
  write: (...args) => runWriters(write, ...args),
  'write-carelessly': (...args) => runWriters(writeCarelessly, ...args),
  'write-until-told': writeUntilTold,
  'refresh-until-told': refreshUntilTold,
};

const [action, ...args] = process.argv.slice(2);
process.send('ready');
await once(process, 'message');
process.send(await ACTIONS[action](...args));
process.disconnect();
