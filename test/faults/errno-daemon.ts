/** The daemon with a call that fails for ever in its jobs: it lives, answers, says so, and leaves with 0 when it is asked to. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Place } from '../support/place.ts';
import { addressOf, type Exit, PROGRAM, type Running } from '../support/process.ts';
import { seededRandom, spread } from '../support/samples.ts';
import { until } from '../support/wait.ts';
import { exitFaults, heldFaults, settledFaults } from './errno-judge.ts';
import { FAULTY_CALLS, RENAMES, type Recording, recordingOf } from './fault-points.ts';
import { type HarnessOptions, inParallel } from './harness.ts';
import { copyPlace, printsOfPresent, type Scenario, type Template } from './scenarios.ts';
import { type CallFault, countHits, readTrace, type SeenCall, startFailing, startTraced } from './strace.ts';

const HANDS = 2;
const CASES_SHORT = 2;
/** Calls without which no prune is whole; each fails for ever in ways that a kernel knows for it. */
const WAYS: readonly (readonly [string, readonly string[]])[] = [
  ...RENAMES.map((call) => [call, ['EIO', 'ENOSPC', 'EACCES', 'EROFS', 'EBUSY']] as const),
  ['mkdir', ['EIO', 'ENOSPC', 'EACCES', 'EROFS']],
  ['openat', ['EIO', 'EACCES', 'EMFILE']],
  ['getdents64', ['EIO']],
  ['statx', ['EIO', 'EACCES']],
  ['write', ['EIO', 'ENOSPC']],
  ['fsync', ['EIO', 'ENOSPC']],
  ['pread64', ['EIO']],
  ['pwrite64', ['EIO', 'ENOSPC']],
];

const NEVER_SOON = '0 0 1 1 *';
const SCHEDULE = [
  ...['--schedule-prune', '* * * * * *', '--schedule-sweep', NEVER_SOON, '--schedule-purge', NEVER_SOON],
  ...['--schedule-jitter', '1ms', '--listen', '127.0.0.1:0'],
];

interface DaemonCase {
  readonly template: Template;
  readonly recording: Recording;
  readonly fault: Omit<CallFault, 'paths'>;
}

/** @param template the tree that the prune of `scenario` works on */
export async function runDaemonCases(
  scenario: Scenario,
  template: Template,
  options: HarnessOptions,
): Promise<{ readonly cases: number; readonly failures: readonly string[] }> {
  const recordedPlace = new Place(join(options.directory, 'daemon-recorded'));
  const seen = await traceDaemon(template, recordedPlace);
  const recording = recordingOf(seen, recordedPlace.directory);
  const faults = faultsInJobs(seen, recording, recordedPlace, seededRandom(options.seed));
  const failures: string[] = [];
  let reached = 0;
  await inParallel(options.isShort ? spread(faults, CASES_SHORT) : faults, HANDS, async (fault, hand) => {
    const place = new Place(join(options.directory, `daemon-place-${hand}`));
    const found = await runDaemonCase(scenario, { template, recording, fault }, place);
    if (found === undefined) return;
    reached += 1;
    const name = `daemon, ${fault.call} fails with ${fault.errno} at ${fault.position}+`;
    failures.push(...found.map((failure) => `${name}: ${failure}`));
  });
  return { cases: reached, failures };
}

function daemonCommand(place: Place): string[] {
  return [process.execPath, PROGRAM, ...place.flags, ...SCHEDULE];
}

async function traceDaemon(template: Template, place: Place): Promise<SeenCall[]> {
  copyPlace(template, place);
  const daemon = startTraced(FAULTY_CALLS, daemonCommand(place), `${place.directory}.trace`);
  await untilLogged(daemon, /"job finished"/);
  await leave(daemon);
  rmSync(place.directory, { recursive: true });
  return readTrace(`${place.directory}.trace`);
}

/** The reserves are kept last of all, and nothing that goes wrong with them is worth a run. */
function isOfReserve({ paths }: SeenCall): boolean {
  return paths.some((path) => path.endsWith('/state') || path.endsWith('/session-sweeper'));
}

function isTranscript(path: string): boolean {
  return path.endsWith('.jsonl');
}

/** `when` counts by thread: so each fault comes later than all that the main thread does of its kind before the first job. */
function faultsInJobs(
  seen: readonly SeenCall[],
  recording: Recording,
  place: Place,
  random: () => number,
): Omit<CallFault, 'paths'>[] {
  // The main thread renames too: the records of itself that it leaves in the directories.
  const mover = seen.find(({ call, paths }) => RENAMES.includes(call) && paths.some(isTranscript))?.thread;
  if (mover === undefined) throw new Error('no thread of the daemon moved a transcript');
  const firstOfJob = seen.findIndex(({ thread }) => thread === mover);
  return WAYS.flatMap(([call, errnos]) => {
    const paths = recording.pathsFor(call, place.directory);
    const confined = paths === undefined ? undefined : new Set(paths);
    const made = seen
      .map((one, index) => ({ ...one, index }))
      .filter((one) => one.call === call && (confined === undefined || one.paths.some((path) => confined.has(path))));
    const before = made.filter(({ thread, index }) => thread !== mover && index < firstOfJob).length;
    const inJob = made.filter(({ thread }) => thread === mover).findLastIndex((one) => !isOfReserve(one)) + 1;
    if (inJob <= before) return [];
    return errnos.map((name) => {
      const position = before + 1 + Math.floor(random() * (inJob - before));
      return { call, errno: name, position, isForEver: true };
    });
  });
}

/** @returns undefined where no run came to the call */
async function runDaemonCase(
  scenario: Scenario,
  { template, recording, fault }: DaemonCase,
  place: Place,
): Promise<string[] | undefined> {
  copyPlace(template, place);
  const prints = new Map([...template.prints, ...printsOfPresent(place.claudeDir, template)]);
  const paths = recording.pathsFor(fault.call, place.directory);
  const output = `${place.directory}.trace`;
  const daemon = startFailing({ ...fault, paths }, daemonCommand(place), output);
  const failures: string[] = [];
  try {
    await untilLogged(daemon, FIRST_RUN);
    // Names that are new in every place are not among the paths of the recording: the thread may make fewer such calls.
    if (countHits(output) === 0) {
      await leave(daemon);
      return undefined;
    }
    failures.push(...(await livingFaults(daemon, fault.call)));
  } catch (error) {
    failures.push(`${String(error)}: ${daemon.log().slice(-400)}`);
  }
  const exit = await leave(daemon);
  failures.push(...exitFaults(exit));
  if (exit.code !== 0) failures.push(`left with ${exit.code} after SIGTERM: ${exit.stderr.slice(-400)}`);
  const tree = { scenario, template, place, prints };
  failures.push(...heldFaults(tree));
  return [...failures, ...(await settledFaults(tree)).map((settled) => `after a second run: ${settled}`)];
}

/** Where these fail, the ledger fails too, and what cannot be written down cannot be counted: then the log alone tells. */
const LEDGER_CALLS: readonly string[] = ['fsync', 'pread64', 'pwrite64'];
const BAD_RUN = /^session_sweeper_runs_total\{job="prune-transcripts",outcome="(failed|partial)"\} [1-9]/m;

/** A call may also fail first in the main thread, which writes down what has become of the runs. */
function isOfLedger(call: string, log: string): boolean {
  return LEDGER_CALLS.includes(call) || log.includes('ledger.db');
}

const FIRST_RUN = /"(job (finished|failed|could not be begun)|run could not be begun)/;
const BAD_RUN_LOGGED = /"(job (failed|finished in part|could not be begun)|run could not be begun)/;

async function livingFaults(daemon: Running, call: string): Promise<string[]> {
  const address = await addressOf(daemon);
  await untilLogged(daemon, BAD_RUN_LOGGED);
  const health = await fetch(`${address}/healthz`);
  const metrics = await fetch(`${address}/metrics`);
  const text = await metrics.text();
  const faults = health.status === 200 ? [] : [`/healthz answers with ${health.status}`];
  if (metrics.status !== 200) faults.push(`/metrics answers with ${metrics.status}`);
  else if (!isOfLedger(call, daemon.log()) && !BAD_RUN.test(text))
    faults.push('/metrics says nothing of the failed run');
  return faults;
}

async function untilLogged(daemon: Running, line: RegExp): Promise<void> {
  await until(`the daemon to log ${line}`, () => {
    if (daemon.ended() !== undefined) throw new Error('it ended by itself');
    return line.test(daemon.log());
  });
}

async function leave(daemon: Running): Promise<Exit> {
  if (daemon.ended() === undefined) daemon.kill('SIGTERM');
  return daemon.exit;
}
