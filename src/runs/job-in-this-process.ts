/** A job in this very process: it comes to rest between its steps, so that signals, timers and progress are not kept waiting. */

import type { DirLock } from '../claude-dir/dir-lock.ts';
import { openUsableDirs } from '../claude-dir/open-and-lock.ts';
import { systemClock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { JobProgress } from '../jobs/job.ts';
import type { JobName } from '../jobs/job-names.ts';
import type { JobReport } from '../jobs/report.ts';
import { Acquired } from '../process/acquired.ts';
import { abortedBetweenTurns } from '../process/turns.ts';
import { runConfiguredJob } from './compose-job.ts';
import type { RunnableJob, RunRequest } from './runnable-job.ts';

export function jobHere(name: JobName, config: Config): RunnableJob {
  const start = (request: RunRequest) => {
    const acquired = new Acquired();
    return { report: work(name, config, request, acquired), release: () => acquired.release() };
  };
  return { name, start };
}

async function work(job: JobName, config: Config, request: RunRequest, acquired: Acquired): Promise<JobReport> {
  const { options, signal, onProgress } = request;
  const take = {
    opened: (opened: { close(): void }) => void acquired.add(opened, () => opened.close()),
    lock: (lock: DirLock) => void acquired.add(lock, () => lock.release()),
  };
  const how = { isToLook: options.dryRun, nowMs: systemClock.now() };
  const { claudeDirs, openDirs, liveDirs, faults } = openUsableDirs(config, take, how);
  const report = await runConfiguredJob(
    { job, config, options, claudeDirs, openDirs, liveDirs },
    {
      dryRun: options.dryRun,
      listsRemoved: options.listsRemoved,
      lists: options.lists,
      shouldStop: abortedBetweenTurns(signal),
      onProgress: rateLimited(onProgress),
    },
  );
  return { ...report, faults: [...faults.map(({ kind, message }) => ({ kind, message })), ...report.faults] };
}

/** A progress bar needs no more. */
const PROGRESS_INTERVAL_MS = 100;

function rateLimited(report: (progress: JobProgress) => void): (progress: JobProgress) => void {
  let lastAt = 0;
  let phase: JobProgress['phase'] | undefined;
  return (progress) => {
    const now = performance.now();
    const isWorthTelling = progress.phase !== phase || progress.done === progress.total;
    if (now - lastAt < PROGRESS_INTERVAL_MS && !isWorthTelling) return;
    lastAt = now;
    phase = progress.phase;
    report(progress);
  };
}
