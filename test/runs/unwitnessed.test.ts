/** What no clock has witnessed ends no time in the trash, though the ledger was lost; and it does not lie there for ever by that. */

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openClaudeDirs } from '../../src/claude-dir/open-and-lock.ts';
import { ClockGuard } from '../../src/jobs/guards/clock.ts';
import type { JobName } from '../../src/jobs/job-names.ts';
import type { ReportOf } from '../../src/jobs/report.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { Acquired } from '../../src/process/acquired.ts';
import { systemUptime } from '../../src/process/machine-clock.ts';
import { runConfiguredJob } from '../../src/runs/compose-job.ts';
import { contextOf } from '../support/job-context.ts';
import { resolveConfig } from '../support/resolved-config.ts';
import { tempDir } from '../support/temp-dir.ts';
import { trashSessions } from '../support/trashed.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf } from '../support/tree.ts';
import { NOW } from '../support/units.ts';
import { witnessAll } from '../support/witnessed.ts';

const LIMITS = { 'sweep-sessions': DAY_MS, 'prune-transcripts': 15 * DAY_MS, 'purge-trash': Number.POSITIVE_INFINITY };

function newHost() {
  const [path, stateDir] = [makeClaudeDir(tempDir()), join(tempDir(), 'state')];
  const { config } = resolveConfig({ home: '/nonexistent', environment: {}, flags: { claudeDir: [path], stateDir } });
  const time = { wallMs: NOW };
  const clock = { now: () => time.wallMs };
  const loseLedger = () => rmSync(stateDir, { recursive: true, force: true });
  const look = () => {
    const ledger = Ledger.open(stateDir);
    const machine = { uptime: systemUptime, synchronisedAtMs: () => undefined };
    const doubt = new ClockGuard(clock, ledger, LIMITS, machine).doubt('prune-transcripts');
    ledger.close();
    return doubt;
  };
  const run = async <Name extends JobName>(job: Name, { allowMassRemoval = false } = {}): Promise<ReportOf<Name>> => {
    const acquired = new Acquired();
    try {
      const claudeDirs = openClaudeDirs(config, (claudeDir) => acquired.add(claudeDir, (opened) => opened.close()));
      const options = { dryRun: false, jobs: [job], allowMassRemoval, listsRemoved: 'none' } as const;
      const task = { job, config, options, claudeDirs, openDirs: claudeDirs, liveDirs: claudeDirs };
      return (await runConfiguredJob(task, contextOf(), clock)) as ReportOf<Name>;
    } finally {
      await acquired.release();
    }
  };
  return { path, stateDir, time, loseLedger, look, run };
}

/** With session 1 in its trash since a moment ago. */
function hostWithTrash() {
  const host = newHost();
  makeSession(host.path, { id: sessionIdOf(1), ageMs: 50 * DAY_MS }, NOW);
  trashSessions(host.path, [sessionIdOf(1)], NOW - 60_000);
  return host;
}

it('destroys nothing that came into the trash just before the ledger was lost and the clock was ahead', async () => {
  const host = hostWithTrash();
  host.time.wallMs = NOW + 60 * DAY_MS;
  expect(host.look()).toBeUndefined();
  expect(await host.run('purge-trash')).toMatchObject({ purged: { sessions: 0 }, kept: { 'within-keep': 1 } });
});

it('destroys what purges of the Claude directory have seen lie for its time, though the ledger is lost now and then', async () => {
  const host = hostWithTrash();
  // The time since boot goes on as the clock of the host does: by what the last purge is said to have seen.
  const record = join(host.path, 'session-sweeper/clocks.json');
  const seen = (wallMs: number) => {
    const { bootId, uptimeMs } = systemUptime();
    const last = { bootId, uptimeMs: uptimeMs - (host.time.wallMs - wallMs), wallMs };
    return {
      sinceMs: wallMs,
      last,
      jumpMs: 0,
      absenceMs: 0,
      stoodMs: 0,
      gaps: [{ atMs: wallMs, ms: wallMs, isAbsence: true }],
    };
  };
  host.time.wallMs = NOW + 6 * DAY_MS;
  writeFileSync(record, JSON.stringify(seen(NOW)));
  expect(await host.run('purge-trash')).toMatchObject({ purged: { sessions: 0 } });
  host.time.wallMs = NOW + 8 * DAY_MS;
  writeFileSync(record, JSON.stringify(seen(NOW)));
  host.loseLedger();
  expect(await host.run('purge-trash')).toMatchObject({ purged: { sessions: 1 } });
});

it.each([
  '',
  '{',
  'null',
  '[]',
  '{"last":{}}',
  '{"sinceMs":0,"last":{"bootId":"b","uptimeMs":1,"wallMs":0},"jumpMs":0,"absenceMs":0,"stoodMs":0,"gaps":[null]}',
  '{"sinceMs":0,"last":{"bootId":"b","uptimeMs":1,"wallMs":0},"jumpMs":0,"absenceMs":0,"stoodMs":0,"gaps":[],"setback":7}',
])('takes a record of the clocks that nobody has written so for none: %s', async (text) => {
  const host = hostWithTrash();
  host.time.wallMs = NOW + 60 * DAY_MS;
  writeFileSync(join(host.path, 'session-sweeper/clocks.json'), text);
  expect(await host.run('purge-trash')).toMatchObject({ purged: { sessions: 0 }, faults: [] });
});

it.each([
  { job: 'prune-transcripts', held: [{ guard: 'clock' }] },
  { job: 'sweep-sessions', held: [{ guard: 'clock' }] },
] as const)(
  'removes nothing where the clock jumps between the look before the run and the run itself: $job',
  async ({ job, held }) => {
    const host = newHost();
    makeSession(host.path, { id: sessionIdOf(1), ageMs: 2 * DAY_MS }, NOW);
    witnessAll(host.stateDir, NOW);
    expect(host.look()).toBeUndefined();
    host.time.wallMs = NOW + 60 * DAY_MS;
    expect(await host.run(job)).toMatchObject({ job, held, faults: [] });
    expect(await host.run('prune-transcripts', { allowMassRemoval: true })).toMatchObject({ removed: { sessions: 1 } });
  },
);
