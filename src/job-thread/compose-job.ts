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
import { liveSources, openResumeMap, openResumeMapForReading } from '../sessions/open-sources.ts';
import type { MaintainableResumeMap } from '../sessions/resume-map/resume-map.ts';
import { SqliteResumeMap } from '../sessions/resume-map/sqlite.ts';
import { JOB_BUSY_TIMEOUT_MS } from '../sqlite/open.ts';
import { requireAnchoring } from '../transcripts/anchored-dir.ts';
import { ClaudeDir } from '../transcripts/claude-dir.ts';
import { acquireDirLocks, type DirLock } from '../transcripts/dir-lock.ts';
import type { JobTask } from './messages.ts';

/** Runs one job from opening to closing. @throws OperatingError */
export async function runConfiguredJob(
  { job: name, config, afterSweep, allowMassRemoval }: JobTask,
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
    const openMap = () =>
      context.dryRun ? openResumeMapForReading(config, clock) : openResumeMap(config, clock, JOB_WAIT);
    let map = acquire(await openMap(), (opened) => opened.close());
    if (context.dryRun && afterSweep && name !== 'sweep-sessions') {
      const swept = await previewSwept(map, { config, claudeDirs, clock });
      if (swept !== undefined) map = acquire(swept, (opened) => opened.close());
    }
    const sources = liveSources(map, config, claudeDirs);
    const ledger = acquire(
      context.dryRun ? Ledger.openForReading(config.stateDir) : Ledger.open(config.stateDir, JOB_WAIT),
      (opened) => opened?.close(),
    );
    const recorder = context.dryRun || ledger === undefined ? NO_RECORDER : ledger;
    const memory = allowMassRemoval ? undefined : ledger;
    const jobs: Readonly<Record<JobName, () => Job>> = {
      'sweep-sessions': () => configuredSweep(map, { config, claudeDirs, clock }),
      'prune-transcripts': () =>
        pruneTranscriptsJob({ claudeDirs, sources, policy: prunePolicy(config), recorder, memory, clock }),
      'purge-trash': () => purgeTrashJob({ claudeDirs, sources, keepMs: config['trash.keep'], clock }),
    };
    return await jobs[name]().run(context);
  } finally {
    for (const release of releases.reverse()) await release();
  }
}

interface Surroundings {
  readonly config: Config;
  readonly claudeDirs: readonly ClaudeDir[];
  readonly clock: Clock;
}

function configuredSweep(map: MaintainableResumeMap, { config, claudeDirs, clock }: Surroundings): Job {
  return sweepSessionsJob({
    map,
    claudeDirs,
    maxAge: config['sessions.maxAge'],
    minAgeMs: config.minAge,
    mapIsOfThisHost: config['sessions.onlyThisHost'],
    sweepsDangling: config['sweep.dangling'],
    clock,
  });
}

/** The map as a sweep would leave it, in memory; undefined where it would leave it as it is, which saves the copy. */
async function previewSwept(map: SqliteResumeMap, surroundings: Surroundings): Promise<SqliteResumeMap | undefined> {
  const context: JobContext = { dryRun: true, shouldStop: () => false, onProgress: () => undefined };
  const { swept } = await configuredSweep(map, surroundings).run(context);
  if (swept === undefined || swept.expired + swept.dangling === 0) return undefined;
  const copy = await SqliteResumeMap.preview(map, undefined, { clock: surroundings.clock });
  await configuredSweep(copy, surroundings).run({ ...context, dryRun: false });
  return copy;
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

const JOB_WAIT = { busyTimeoutMs: JOB_BUSY_TIMEOUT_MS };
const NO_RECORDER: RemovalRecorder = { recordRemovals() {} };
