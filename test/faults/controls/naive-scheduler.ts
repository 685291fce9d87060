/**
 * A deliberately broken daemon: one timer to tomorrow, ages by whatever the clock says, and no memory. It writes the ledger of the
 * real one, so that the same eyes can judge it.
 */

import { spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Database from 'better-sqlite3';

const MAX_AGE_MS = 30 * 86_400_000;
const NAIVE_PRUNE = fileURLToPath(new URL('./naive-prune.js', import.meta.url));

const { values } = parseArgs({
  strict: false,
  options: {
    'claude-dir': { type: 'string', default: '' },
    'state-dir': { type: 'string', default: '' },
    'schedule-prune': { type: 'string', default: '' },
    'schedule-time-zone': { type: 'string', default: 'UTC' },
    'run-now': { type: 'boolean', default: false },
  },
});
const stateDir = String(values['state-dir']);
const claudeDir = String(values['claude-dir']);
process.env.TZ = String(values['schedule-time-zone']);

function prune(): void {
  const startedAtMs = Date.now();
  const trash = join(claudeDir, 'session-sweeper/trash/naive');
  const args = [NAIVE_PRUNE, claudeDir, join(stateDir, 'sessions.db'), trash, String(MAX_AGE_MS)];
  spawnSync(process.execPath, args, { stdio: 'inherit' });
  const ledger = new Database(join(stateDir, 'ledger.db'));
  const insert = ledger.prepare(
    'INSERT INTO runs (job, outcome, started_at, finished_at, report) VALUES (?, ?, ?, ?, ?)',
  );
  insert.run('prune-transcripts', 'ok', startedAtMs, Date.now(), '{}');
  ledger.close();
}

/** By the clock that its timer goes by. */
let dueAt = Number.POSITIVE_INFINITY;

/** Whether this hour and minute have been today is asked of the clock on the wall, which says some times twice. */
function pruneDaily(minute: number, hour: number): void {
  const next = new Date();
  next.setHours(hour, minute, 0, 0);
  if (next.getTime() <= Date.now()) next.setHours(hour + 24, minute, 0, 0);
  const delayMs = next.getTime() - Date.now();
  dueAt = performance.now() + delayMs;
  setTimeout(() => {
    prune();
    pruneDaily(minute, hour);
  }, delayMs);
}

if (values['run-now'] === true) {
  prune();
} else {
  const [minute, hour] = String(values['schedule-prune']).split(' ').map(Number);
  pruneDaily(minute ?? 0, hour ?? 0);
  // Whoever watches waits for what is due: else a busy machine would hide what it removes.
  const server = createServer((_, response) => {
    const isDue = performance.now() >= dueAt;
    response.end(`session_sweeper_run_in_progress{job="prune-transcripts"} ${isDue ? 1 : 0}\n`);
  });
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo;
    process.stderr.write(`${JSON.stringify({ listen: `127.0.0.1:${port}`, msg: 'daemon started' })}\n`);
  });
}
