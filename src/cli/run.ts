/** `--run-now`: every job once, or some, one after the other. */

import { systemClock } from '../clock.ts';
import { OperatingError } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { formatAmount } from '../format/counts.ts';
import { shownText } from '../format/shown-text.ts';
import { absenceLimits, ClockGuard } from '../jobs/guards/clock.ts';
import { OLDEST_LISTED } from '../jobs/job.ts';
import { JOB_NAMES, type JobName, type Outcome } from '../jobs/job-names.ts';
import type { ListingRequest } from '../jobs/listing-request.ts';
import { Ledger } from '../ledger/ledger.ts';
import { createLogger } from '../log.ts';
import { jobHere } from '../runs/job-in-this-process.ts';
import { Notices } from '../runs/notices.ts';
import { openLedger } from '../runs/open-ledger.ts';
import { runJob } from '../runs/run-job.ts';
import type { RunResult } from '../runs/run-result.ts';
import type { RunOptions } from '../runs/runnable-job.ts';
import { allowCommand } from './allow-command.ts';
import { askOnTerminal, canAsk } from './ask.ts';
import type { CommandContext } from './command.ts';
import { progressOn } from './progress.ts';
import { pruneOf, renderRemoved, renderResults, toDocument } from './run-output.ts';
import { writeTextfile } from './write-textfile.ts';

export async function runNow(
  context: CommandContext,
  jobs: readonly JobName[],
  { yes = false }: { readonly yes?: boolean } = {},
): Promise<number> {
  if (!yes && jobs.includes('prune-transcripts') && !(await isAgreed(context, jobs))) return EXIT_CODES.ok;
  const notices = noticesOf(context);
  const told = context.json ? ({ listsRemoved: 'all' } as const) : FOR_PEOPLE;
  const results = await runJobs(context, jobs, told, (job, run) => notices.around(job, run));
  await writeTextfile(context);
  const { stdout } = context.io;
  if (context.json) stdout.write(`${JSON.stringify({ jobs: results.map(toDocument) })}\n`);
  else stdout.write(`${renderResults(results, context)}\n`);
  return exitCodeOf(results, context.io.shutdown.aborted);
}

/** From here on a run is a large one. */
const LARGE = { sessions: 100, bytes: 2 ** 30 };

/** A person at a terminal is asked once before a first or a large run, and shown what goes; nobody else is ever asked. */
async function isAgreed(context: CommandContext, jobs: readonly JobName[]): Promise<boolean> {
  const { io, dryRun } = context;
  if (dryRun || !canAsk(context)) return true;
  // A sweep that comes before lets go of what the map names no more.
  const looked = await runJobs({ ...context, dryRun: true, log: createLogger('silent') }, jobs, FOR_PEOPLE);
  const look = looked.find(({ job }) => job === 'prune-transcripts');
  if (look === undefined) return true;
  const { sessions = 0, bytes = 0 } = pruneOf(look)?.removed ?? {};
  const isFirst = !hasPruned(context);
  const isLarge = sessions >= LARGE.sessions || bytes >= LARGE.bytes;
  if (look.outcome === 'failed' || look.outcome === 'held' || sessions === 0 || !(isFirst || isLarge)) return true;
  io.stdout.write(`This run moves to the trash:\n${renderRemoved(look, context).join('\n')}\n\n`);
  const amount = formatAmount({ sessions, bytes });
  const why = isFirst ? 'This is the first run here.' : 'That is much at once.';
  if (await askOnTerminal(context, `${why} Move ${amount} to the trash now?`, 'say --yes')) return true;
  io.stdout.write('Nothing was done.\n');
  return false;
}

function hasPruned({ resolved: { config } }: CommandContext): boolean {
  try {
    const ledger = Ledger.openForReading(config.stateDir);
    try {
      return ledger?.lastRun('prune-transcripts') !== undefined;
    } finally {
      ledger?.close();
    }
  } catch (error) {
    // The run itself begins a damaged one anew.
    if (!(error instanceof OperatingError)) throw error;
    return false;
  }
}

/** The sessions that a command is to show, by a plan that is not carried out. A look writes no log. */
export async function lookAtSessions(context: CommandContext, lists: ListingRequest): Promise<RunResult> {
  const look = { ...context, dryRun: true, log: createLogger('silent') };
  const [result] = await runJobs(look, ['prune-transcripts'], { listsRemoved: 'none', lists });
  if (result === undefined) throw new OperatingError('io', 'look at sessions: stopped before the end');
  return result;
}

type Told = Pick<RunOptions, 'listsRemoved' | 'lists' | 'only'>;

/** As many as a person reads, with their titles. */
const FOR_PEOPLE = {
  listsRemoved: 'oldest',
  lists: { which: 'going', order: 'oldest', limit: OLDEST_LISTED },
} as const satisfies Told;

/** Of a dry run nobody is told. */
function noticesOf({ io, resolved: { config }, log, dryRun }: CommandContext): Notices {
  const settings = dryRun ? { hooks: {}, 'ping.url': 'off', 'webhook.url': 'off' } : config;
  const warn = (fields: object, message: string) => {
    log.warn(fields, message);
    // There, the log is silent.
    const told = shownText(`${message}: ${Object.values(fields).join(': ')}`);
    if (io.stderr.isTTY) io.stderr.write(`claude-session-sweeper: ${told}\n`);
  };
  return new Notices(settings, { log: { warn }, environment: io.environment, shutdown: io.shutdown });
}

/**
 * Runs jobs in their fixed order: sweep, prune, purge.
 * @param told which sessions the reports are to list
 * @param around runs each of them
 */
export async function runJobs(
  context: CommandContext,
  jobs: readonly JobName[],
  told: Told = { listsRemoved: context.json ? 'all' : 'none' },
  around: (job: JobName, run: () => Promise<RunResult>) => Promise<RunResult> = (_job, run) => run(),
): Promise<RunResult[]> {
  const { config } = context.resolved;
  const { log, dryRun, io } = context;
  const ledger = dryRun ? undefined : openLedger(config.stateDir, log, context.requester);
  const clockGuard =
    ledger &&
    new ClockGuard(systemClock, ledger, absenceLimits({ rows: config['sessions.maxAge'], transcripts: config.maxAge }));
  const progress = progressOn(io.stderr);
  const options: RunOptions = {
    dryRun,
    jobs,
    requester: context.requester,
    allowMassRemoval: context.allowMassRemoval,
    ...told,
  };
  const request = { options, signal: io.shutdown, onProgress: progress.show };
  const dependencies = {
    clock: systemClock,
    log,
    ledger,
    clockGuard,
    deadlineMs: config.runDeadline,
    allowCommand: (job: JobName) => allowCommand(job, context.resolved, io.home),
  };
  const results: RunResult[] = [];
  try {
    for (const job of JOB_NAMES.filter((name) => jobs.includes(name))) {
      if (io.shutdown.aborted) break;
      const result = await around(job, async () => {
        const ended = await runJob(jobHere(job, config), request, dependencies);
        progress.clear();
        return ended;
      });
      results.push(result);
    }
    return results;
  } finally {
    progress.clear();
    ledger?.close();
  }
}

/** The worst that happened; a run that was asked to stop and did so in order is none. */
export function exitCodeOf(results: readonly RunResult[], wasStopped: boolean): number {
  const withOutcome = (outcome: Outcome) => results.find((result) => result.outcome === outcome);
  const failed = withOutcome('failed');
  if (failed !== undefined) return EXIT_CODES[failed.failure?.kind ?? 'internal'];
  if (withOutcome('held') !== undefined) return EXIT_CODES.held;
  const skipped = withOutcome('skipped');
  if (skipped !== undefined) return EXIT_CODES[skipped.failure?.kind ?? 'locked'];
  const partial = results.filter(({ outcome, report }) => {
    return outcome === 'partial' && !(wasStopped && report?.faults.length === 0);
  });
  if (partial.length === 0) return EXIT_CODES.ok;
  const faults = partial.flatMap(({ report }) => report?.faults ?? []);
  // A whole place was passed over: to try again helps a failing disk, and never data that is damaged or of a later release.
  const isPlace = partial.some(({ report }) => report?.incomplete === true);
  const isData = isPlace && faults.every(({ kind }) => kind === 'bad-data');
  return isData ? EXIT_CODES['bad-data'] : EXIT_CODES.io;
}
