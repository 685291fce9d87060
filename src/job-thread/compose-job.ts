/** Puts a job together from the configuration: opens what it needs, and closes it again. */

import { type Clock, systemClock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { Job, JobContext, JobName, JobReport } from '../jobs/job.ts';
import type { RemovalRecorder } from '../jobs/prune-transcripts/apply.ts';
import { pruneTranscriptsJob } from '../jobs/prune-transcripts/index.ts';
import { prunePolicy } from '../jobs/prune-transcripts/policy.ts';
import { purgeTrashJob } from '../jobs/purge-trash/index.ts';
import { sweepSessionsJob } from '../jobs/sweep-sessions/index.ts';
import { Ledger } from '../ledger/ledger.ts';
import { openSources } from '../sessions/open-sources.ts';
import { requireAnchoring } from '../transcripts/anchored-dir.ts';
import { ClaudeDir } from '../transcripts/claude-dir.ts';
import { acquireDirLocks, type DirLock } from '../transcripts/dir-lock.ts';

/** Runs one job from opening to closing. @throws OperatingError */
export async function runConfiguredJob(
  name: JobName,
  config: Config,
  context: JobContext,
  clock: Clock = systemClock,
): Promise<JobReport> {
  const releases: (() => unknown)[] = [];
  const acquire = <T>(resource: T, release: (resource: T) => unknown): T => {
    releases.push(() => release(resource));
    return resource;
  };
  try {
    const claudeDirs = openClaudeDirs(config, (claudeDir) => acquire(claudeDir, (opened) => opened.close()));
    const { map, sources } = acquire(await openSources(config, claudeDirs, clock, context.dryRun), (opened) =>
      opened.close(),
    );
    const recorder = context.dryRun ? NO_RECORDER : acquire(Ledger.open(config.stateDir), (ledger) => ledger.close());
    const jobs: Readonly<Record<JobName, () => Job>> = {
      'sweep-sessions': () =>
        sweepSessionsJob({
          map,
          claudeDirs,
          maxAge: config['sessions.maxAge'],
          minAgeMs: config.minAge,
          mapIsOfThisHost: config['sessions.onlyThisHost'],
          sweepsDangling: config['sweep.dangling'],
          clock,
        }),
      'prune-transcripts': () =>
        pruneTranscriptsJob({ claudeDirs, sources, policy: prunePolicy(config), recorder, clock }),
      'purge-trash': () => purgeTrashJob({ claudeDirs, sources, keepMs: config['trash.keep'], clock }),
    };
    return await jobs[name]().run(context);
  } finally {
    for (const release of releases.reverse()) await release();
  }
}

export function openClaudeDirs(
  config: Pick<Config, 'claudeDir'>,
  onOpened: (claudeDir: ClaudeDir) => void,
): ClaudeDir[] {
  requireAnchoring();
  // In one order everywhere, so that two workers never wait for each other's locks.
  return config.claudeDir.toSorted().map((path) => {
    const claudeDir = ClaudeDir.open(path);
    onOpened(claudeDir);
    return claudeDir;
  });
}

/** Takes the lock of every Claude directory for one run. Opens them anew: it is on what stands under their names now. */
export function lockClaudeDirs(config: Pick<Config, 'claudeDir'>): DirLock {
  const claudeDirs: ClaudeDir[] = [];
  try {
    openClaudeDirs(config, (claudeDir) => claudeDirs.push(claudeDir));
    return acquireDirLocks(claudeDirs, 'run');
  } finally {
    for (const claudeDir of claudeDirs) claudeDir.close();
  }
}

const NO_RECORDER: RemovalRecorder = { recordRemovals() {} };
