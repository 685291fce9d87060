/** A run goes by the clock that it was begun by, whatever the wall clock does while it is at work. */

import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openClaudeDirs } from '../../src/claude-dir/open-and-lock.ts';
import type { JobName } from '../../src/jobs/job-names.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { Acquired } from '../../src/process/acquired.ts';
import { runConfiguredJob } from '../../src/runs/compose-job.ts';
import { contextOf } from '../support/job-context.ts';
import { resolveConfig } from '../support/resolved-config.ts';
import { tempDir } from '../support/temp-dir.ts';
import { trashSessions } from '../support/trashed.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf } from '../support/tree.ts';

/** A host whose clock is set forward by two months as its live sources are asked, as by a time server that is wrong. */
function hostOfJump() {
  const [path, stateDir, place] = [makeClaudeDir(tempDir()), join(tempDir(), 'state'), tempDir()];
  const [jumped, program] = [join(place, 'jumped'), join(place, 'ask')];
  writeFileSync(program, `#!/bin/sh\n: > ${jumped}\necho end 0\n`);
  chmodSync(program, 0o755);
  const clock = { now: () => Date.now() + (existsSync(jumped) ? 60 * DAY_MS : 0) };
  const sources = [{ kind: 'command', name: 'bot', argv: [program] }];
  const flags = { claudeDir: [path], stateDir, sources };
  const { config } = resolveConfig({ home: '/nonexistent', environment: {}, flags });
  const run = async (job: JobName) => {
    const acquired = new Acquired();
    try {
      Ledger.open(stateDir).close();
      const claudeDirs = openClaudeDirs(config, (claudeDir) => acquired.add(claudeDir, (opened) => opened.close()));
      const options = { dryRun: false, jobs: [job], allowMassRemoval: false, listsRemoved: 'none' } as const;
      const task = { job, config, options, claudeDirs, openDirs: claudeDirs, liveDirs: claudeDirs };
      return await runConfiguredJob(task, contextOf({ dryRun: false }), clock);
    } finally {
      await acquired.release();
    }
  };
  return { path, run, hasJumped: () => existsSync(jumped) };
}

it('destroys nothing that has just come into the trash where the clock jumps as a purge is at work', async () => {
  const host = hostOfJump();
  makeSession(host.path, { id: sessionIdOf(1), ageMs: 50 * DAY_MS });
  trashSessions(host.path, [sessionIdOf(1)], Date.now() - 60_000);
  expect(await host.run('purge-trash')).toMatchObject({ purged: { sessions: 0 }, kept: { 'within-keep': 1 } });
  expect(host.hasJumped()).toBe(true);
});

it('takes nothing that was used yesterday where the clock jumps as a prune is at work', async () => {
  const host = hostOfJump();
  makeSession(host.path, { id: sessionIdOf(1), ageMs: DAY_MS });
  expect(await host.run('prune-transcripts')).toMatchObject({ removed: { sessions: 0 } });
  expect(host.hasJumped()).toBe(true);
});
