/** Puts a job together from the configuration: opens what it needs, and closes it again. */

import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { nextCleanupMs, shortestCleanupPeriod } from '../claude-dir/cleanup-period.ts';
import { keepReserveOf } from '../claude-dir/own-reserve.ts';
import type { LiveDir } from '../claude-dir/sharers.ts';
import { cleanupLimits } from '../claude-dir/shield-margins.ts';
import { type Clock, systemClock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { isLasting } from '../config/source-settings.ts';
import { OperatingError } from '../errors.ts';
import { displayName } from '../files/byte-name.ts';
import { throwIfUnsafeStateDir } from '../files/state-dir-safety.ts';
import { formatCount } from '../format/counts.ts';
import { absenceLimits, clockFrom, doubtBy, nextHistory, readClocks } from '../jobs/guards/clock.ts';
import { unwitnessedMs } from '../jobs/guards/clock-gaps.ts';
import { allowAll } from '../jobs/guards/guards.ts';
import { guardsBy } from '../jobs/guards/removals.ts';
import type { Job, JobContext } from '../jobs/job.ts';
import type { JobName } from '../jobs/job-names.ts';
import type { RemovalRecorder } from '../jobs/ledger-contracts.ts';
import type { CleanupRules } from '../jobs/prune-transcripts/directory-cleanup.ts';
import { pruneTranscriptsJob } from '../jobs/prune-transcripts/index.ts';
import { prunePolicy } from '../jobs/prune-transcripts/policy.ts';
import { purgeTrashJob } from '../jobs/purge-trash/index.ts';
import type { JobReport } from '../jobs/report.ts';
import { Ledger } from '../ledger/ledger.ts';
import { ledgerPath } from '../ledger/opening.ts';
import { liveSources, openResumeMap, openResumeMapForReading } from '../live-sources/open-sources.ts';
import { Acquired } from '../process/acquired.ts';
import { SqliteResumeMap } from '../resume-map/sqlite.ts';
import { isTaken } from '../sqlite/file-identity.ts';
import { giveBack } from '../sqlite/give-back.ts';
import { ShortHolds } from '../sqlite/short-holds.ts';
import { JOB_WAIT } from './job-wait.ts';
import type { RunTask } from './messages.ts';
import { openStores } from './open-stores.ts';
import { giveUpStateReserveIfFull, keepStateReserve } from './state-reserve.ts';
import { stopSignal } from './stop-signal.ts';
import { previewSources, previewSwept, type SweepSurroundings, sweepOfAllMaps, unwrittenRows } from './sweep-maps.ts';
import { UnwrittenHistory } from './unwritten-history.ts';

export interface ConfiguredJob extends RunTask {
  /** The directories to work in: open, and locked unless it is a dry run. */
  readonly claudeDirs: readonly ClaudeDir[];
  /** These and those that may only be looked into. */
  readonly openDirs: readonly ClaudeDir[];
  /** And whoever else may be at work on their sessions. */
  readonly liveDirs: readonly LiveDir[];
}

/** Runs one job from opening its databases to closing them. @throws OperatingError */
export async function runConfiguredJob(
  {
    job: name,
    config,
    options: { jobs: allJobs, allowMassRemoval, only, onlyAt, isAllOrNone = false, requester },
    claudeDirs,
    openDirs,
    liveDirs,
  }: ConfiguredJob,
  context: JobContext,
  wallClock: Clock = systemClock,
): Promise<JobReport> {
  const begun = readClocks(wallClock);
  const clock = clockFrom(begun);
  const acquired = new Acquired();
  let isThrough = false;
  try {
    throwIfUnsafeStateDir(config.stateDir);
    if (!context.dryRun) giveUpStateReserveIfFull(config.stateDir);
    const openMap = () =>
      context.dryRun ? openResumeMapForReading(config, clock) : openResumeMap(config, clock, JOB_WAIT);
    let map = acquired.add(await openMap(), (opened) => opened.close());
    const mapIdentity = await (context.dryRun ? identityOfOwnMap(config) : identityOf(map, config));
    const ledger = acquired.add(
      context.dryRun ? Ledger.openForReading(config.stateDir) : Ledger.open(config.stateDir, JOB_WAIT, requester),
      (opened) => opened?.close(),
    );
    const clocks = nextHistory(ledger?.clockHistory(), begun);
    // The clock may have jumped between the look of whoever began the run and its own first reading.
    const limits = absenceLimits({ rows: config['sessions.maxAge'], transcripts: config.maxAge });
    const doubt = context.dryRun || allowMassRemoval ? undefined : doubtBy(clocks, name, limits);
    if (doubt !== undefined) return { job: name, faults: [], held: [doubt] };
    throwIfGone(config, openDirs, ledger);
    const history = context.dryRun || ledger === undefined ? new UnwrittenHistory(ledger) : ledger;
    const guards = allowMassRemoval
      ? allowAll
      : guardsBy(history, { mapIdentity, massPortion: config.massPortion, lastingSources: lastingOf(config), clock });
    const holds = new ShortHolds();
    const opened = await openStores(config, acquired, { dryRun: context.dryRun, ...JOB_WAIT, clock });
    const { stores, refusedStores } = opened;
    const sweptRows = context.dryRun || ledger === undefined ? unwrittenRows(ledger?.sweptRows) : ledger.sweptRows;
    const maxAge = await map.maxSessionAge();
    const surroundings: SweepSurroundings = {
      config,
      openDirs,
      ...opened,
      guards,
      history,
      sweptRows,
      holds,
      clock,
      startedAtMs: clock.now(),
      maxAge,
    };
    // The sweep that comes before has changed nothing in a dry run: the job is to see the rows as they would be after it.
    const isSweptBefore = context.dryRun && allJobs.includes('sweep-sessions') && name !== 'sweep-sessions';
    const swept = isSweptBefore ? await previewSwept(map, surroundings) : undefined;
    if (swept !== undefined) map = acquired.add(swept, (opened) => opened.close());
    const isNamed = only !== undefined || onlyAt !== undefined;
    const isAsking = config.sources.length > 0;
    const stop = isAsking ? acquired.add(stopSignal(context), (watch) => watch.end()) : undefined;
    const all = liveSources(map, config, liveDirs, clock, stop?.signal);
    const sources = isSweptBefore ? await previewSources(all, surroundings) : all;
    const isKeptAtAll = config['trash.keep'] >= AT_ONCE_MS;
    const recorder = context.dryRun || ledger === undefined ? NO_RECORDER : ledger;
    const jobs: { readonly [Name in JobName]: () => Job<Name> } = {
      'sweep-sessions': () => sweepOfAllMaps(map, surroundings),
      'prune-transcripts': () =>
        pruneTranscriptsJob({
          claudeDirs,
          stores,
          refusedStores,
          sources,
          onlyAt,
          policy:
            only === undefined ? prunePolicy(config) : { ...prunePolicy(config), only: new Set(only), isAllOrNone },
          keepNamed: config.keepNamed,
          recorder,
          trashCache: ledger,
          // Whoever names each session has looked; and what a prune of all would take is not known by that.
          guards: !isNamed ? guards : { ...guards, massRemoval: () => undefined },
          history: !isNamed ? history : new UnwrittenHistory(ledger),
          rowAgeMs: maxAge,
          unwitnessedMs: (sinceMs) => unwitnessedMs(clocks.gaps, sinceMs),
          mapIdentity,
          cleanup: cleanupRules(config),
          announcements: ledger?.announcements,
          trueTimes: ledger,
          seenSessions: ledger?.seenSessions,
          holds,
          clock,
        }),
      'purge-trash': () =>
        purgeTrashJob({
          claudeDirs,
          stores,
          // Nothing was ever removed by us from a database that has none of our tables.
          refusedStores: refusedStores.filter(({ kind }) => kind !== 'config'),
          sources,
          keepMs: config['trash.keep'],
          only: only && new Set(only),
          limits: {
            maxTotalBytes: config.maxTotalBytes,
            minFreeBytes: config.minFree,
            keepAtLeastMs: config['trash.keepAtLeast'],
          },
          unwitnessedMs: (sinceMs) => (isKeptAtAll ? unwitnessedMs(clocks.gaps, sinceMs) : 0),
          begun,
          guards,
          holds,
          storeHolds: new ShortHolds(),
          sweptRows: ledger?.sweptRows,
          recorder: ledger,
          clock,
        }),
    };
    const report = await jobs[name]().run(context);
    if (name === 'purge-trash' && !context.dryRun) await giveBackOwn(config, context);
    isThrough = true;
    return report;
  } finally {
    await acquired.release();
    if (isThrough && !context.dryRun) keepReserves(config.stateDir, claudeDirs);
  }
}

/** Those that the configuration names, and does not except. */
function lastingOf({ sources }: Config): readonly string[] {
  return sources.filter(isLasting).map(({ name }) => name);
}

/** What is not there yet is no fault; what was there, and is not any more, may be a mount that is missing. */
function throwIfGone(config: Config, openDirs: readonly ClaudeDir[], ledger: Ledger | undefined): void {
  if (!config.mayClaudeDirBeMissing) return;
  for (const path of config.claudeDir) {
    const sessions = openDirs.some((opened) => opened.path === path) ? 0 : (ledger?.knownSessions(path) ?? 0);
    if (sessions === 0) continue;
    const known = `${formatCount(sessions, 'session')} ${sessions === 1 ? 'was' : 'were'} there at the last prune`;
    throw new OperatingError(
      'unsafe-root',
      `open Claude directory ${displayName(path)}: it is gone, and ${known}; is its file system mounted?`,
    );
  }
}

/** The databases that are nobody else's. */
async function giveBackOwn(config: Config, context: Pick<JobContext, 'shouldStop'>): Promise<void> {
  const own = [ledgerPath(config.stateDir), ...(config.ownsSessionsDb ? [config['sessions.db']] : [])];
  for (const path of own) await giveBack(path, new ShortHolds(), () => context.shouldStop());
}

/** Where nothing could be begun, nothing is made either. */
function keepReserves(stateDir: string, claudeDirs: readonly ClaudeDir[]): void {
  keepStateReserve(stateDir);
  for (const claudeDir of claudeDirs) keepReserveOf(claudeDir);
}

/** Undefined for a host's own map, and for one that an older release has made. */
async function identityOf(map: SqliteResumeMap, { ownsSessionsDb }: Config): Promise<string | undefined> {
  return ownsSessionsDb ? map.identity() : undefined;
}

/** As it is on disk: a dry run may work on a copy. */
async function identityOfOwnMap(config: Config): Promise<string | undefined> {
  if (!config.ownsSessionsDb) return undefined;
  if (!isTaken(config['sessions.db'])) return NOT_YET_MADE;
  const map = SqliteResumeMap.openOwnForReading(config['sessions.db']);
  try {
    return await map.identity();
  } finally {
    await map.close();
  }
}

export function cleanupRules({ shield: scope }: Config): CleanupRules {
  return {
    scope,
    // A clean-up that is paused goes on with what was old until then, once somebody mends the settings.
    limitsOf: (claudeDir) => cleanupLimits(shortestCleanupPeriod(claudeDir).days * DAY_MS),
    nextCleanupMs,
  };
}

const DAY_MS = 86_400_000;
/** Whoever keeps for less than this wants all to be gone at once: no clock can be wrong about that. */
const AT_ONCE_MS = 1_000;
/** In a dry run: the map that the next run will make. */
const NOT_YET_MADE = 'not yet made';
const NO_RECORDER: RemovalRecorder = { recordRemovals() {} };
