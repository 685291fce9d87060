/** Dispatchers that take sessions up, resume and drop them at full speed, beside a prune that never rests. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freshDirectory, type Place } from '../support/place.ts';
import { PROGRAM, run, start } from '../support/process.ts';
import { percentile } from '../support/samples.ts';
import { DAY_MS } from '../support/tree.ts';
import type { Harness, HarnessOptions, HarnessResult } from './harness.ts';
import { trashRuns } from './oracle.ts';
import type { DispatcherReport } from './programs/dispatcher.ts';
import { judge, RacedPlace } from './raced-place.ts';

const DISPATCHERS = 8;
const SET_P99_MAX_MS = 50;
/** Below these the run has shown nothing. */
const LEAST = {
  short: { removed: 50, liveChecks: 400, prunes: 1 },
  full: { removed: 1_000, liveChecks: 5_000, prunes: 2 },
};
/** A command is started for each batch. */
const LEAST_REMOVED_WITH_COMMAND = { short: 5, full: 100 };
/** In seconds. */
const DURATIONS = { short: { race: 8, alone: 3, control: 2 }, full: { race: 65, alone: 15, control: 5 } };

const PRUNE = ['--run-now', '--job', 'prune-transcripts', '--allow-mass-removal'];
/** Until all dispatchers are ready; they begin together. */
const START_MS = 1_500;
const CONTROL_ROUNDS_MAX = 5;

const DISPATCHER = fileURLToPath(new URL('./programs/dispatcher.js', import.meta.url));
const SNAPSHOT_PRUNER = fileURLToPath(new URL('./controls/snapshot-prune.js', import.meta.url));

/** What works beside the dispatchers. */
type Pruning = (place: RacedPlace, untilMs: number) => Promise<PruningReport>;

interface PruningReport {
  readonly prunes: number;
  readonly faults: readonly string[];
}

interface Round {
  readonly place: RacedPlace;
  readonly reports: readonly DispatcherReport[];
  readonly pruning: PruningReport;
  readonly faults: readonly string[];
}

export const race: Harness = { name: 'race', run: (options) => runRace(options, false) };
/** Half of the dispatchers have a thread map; a command names sessions that nobody else does. */
export const raceSources: Harness = { name: 'race-sources', run: (options) => runRace(options, true) };

async function runRace(options: HarnessOptions, hasSources: boolean): Promise<HarnessResult> {
  const form = options.isShort ? 'short' : 'full';
  const seconds = DURATIONS[form];
  const alone = await runRound(options, hasSources, 'alone', seconds.alone, async () => ({ prunes: 0, faults: [] }));
  const raced = await runRound(options, hasSources, 'race', seconds.race, pruneAllTheTime);
  const control = await runControl(options, hasSources, seconds.control);
  const operations = total(raced, (report) => report.operations);
  const removed = trashedTranscripts(raced.place);
  const liveChecks = total(raced, (report) => report.liveChecks);
  const seen = { removed, liveChecks, prunes: raced.pruning.prunes };
  return {
    cases: operations,
    failures: [
      ...[alone, raced].flatMap(({ faults }) => faults),
      ...tooLittle(seen, hasSources ? { ...LEAST[form], removed: LEAST_REMOVED_WITH_COMMAND[form] } : LEAST[form]),
      ...waitFaults(raced, alone, options),
    ],
    control: `snapshot pruner: ${control.lost} live lost in ${control.checks} checks`,
    isControlCaught: control.lost > 0,
    figures: [
      `${liveChecks} live checks`,
      `${total(raced, (report) => report.setMs.length)} taken up`,
      `${removed} removed in ${seen.prunes} prunes`,
      `${keptInTheMoment(raced.place)} kept in the moment of the move`,
      `written down ${waits(raced)}, without prune ${waits(alone)}${isTooBusy(alone) ? ': too busy a machine to judge' : ''}`,
    ].join(', '),
  };
}

/** On a busy machine a few seconds may go by without a single unlucky moment: then there are a few more. */
async function runControl(
  options: HarnessOptions,
  hasSources: boolean,
  seconds: number,
): Promise<{ lost: number; checks: number }> {
  let [lost, checks] = [0, 0];
  for (let attempt = 0; attempt < CONTROL_ROUNDS_MAX && lost === 0; attempt += 1) {
    const round = await runRound(options, hasSources, 'control', seconds, pruneBySnapshot);
    lost += total(round, (report) => report.lost.length);
    checks += total(round, (report) => report.liveChecks);
  }
  return { lost, checks };
}

async function runRound(
  options: HarnessOptions,
  hasSources: boolean,
  name: string,
  seconds: number,
  pruning: Pruning,
): Promise<Round> {
  const place = new RacedPlace(freshDirectory(options.directory, name), hasSources);
  // Makes the databases: nobody is to find them missing.
  await place.run(['--run-now', '--job', 'sweep-sessions']);
  const fromMs = Date.now() + START_MS;
  const untilMs = fromMs + seconds * 1_000;
  const beside = pruning(place, untilMs);
  const dispatchers = Array.from({ length: DISPATCHERS }, (_, number) =>
    dispatch(place, [number, options.seed, fromMs, untilMs]),
  );
  const [pruned, ...reports] = await Promise.all([beside, ...dispatchers]);
  const lost = reports.flatMap((report) => report.lost);
  return { place, reports, pruning: pruned, faults: [...lost, ...pruned.faults, ...judge(place, reports)] };
}

async function dispatch(place: RacedPlace, numbers: readonly number[]): Promise<DispatcherReport> {
  const { claudeDir, stateDir } = place;
  const threads = (numbers[0] ?? 0) % 2 === 0 ? place.threads : '';
  const exit = await run(process.execPath, [DISPATCHER, claudeDir, stateDir, threads, ...numbers.map(String)]);
  if (exit.code !== 0)
    throw new Error(`dispatcher ${numbers[0]} ended with ${exit.code}: ${exit.stderr.slice(0, 500)}`);
  return JSON.parse(exit.stdout) as DispatcherReport;
}

/** Run by run by hand, beside a daemon that wants to prune every second: one of them works, the other is told so. */
async function pruneAllTheTime(place: Place, untilMs: number): Promise<PruningReport> {
  const faults: string[] = [];
  const schedule = ['--schedule-prune', '* * * * * *', '--schedule-jitter', '1ms', '--listen', 'off'];
  // Whatever becomes of this process, the daemon does not outlive it.
  const daemon = start('setpriv', ['--pdeathsig', 'KILL', process.execPath, PROGRAM, ...place.flags, ...schedule]);
  let prunes = 0;
  try {
    while (Date.now() < untilMs) {
      const { code, stderr } = await place.run(PRUNE);
      if (code === 0) prunes += 1;
      else if (code !== 75) faults.push(`a prune ended with ${code}: ${stderr.slice(0, 500)}`);
    }
  } finally {
    daemon.kill('SIGTERM');
  }
  const { code, stdout } = await daemon.exit;
  if (code !== 0) faults.push(`the daemon ended with ${code}: ${stdout.slice(-500)}`);
  return { prunes: prunes + stdout.split('\n').filter((line) => line.includes('"outcome":"ok"')).length, faults };
}

/** The control: reads once who is live, then moves. */
async function pruneBySnapshot({ claudeDir, stateDir, threads }: RacedPlace, untilMs: number): Promise<PruningReport> {
  const trash = join(claudeDir, 'session-sweeper/trash/snapshot');
  const args = [SNAPSHOT_PRUNER, claudeDir, join(stateDir, 'sessions.db'), threads, trash, 30 * DAY_MS, untilMs];
  const { code, stderr } = await run(process.execPath, args.map(String));
  if (code !== 0) throw new Error(`the snapshot pruner ended with ${code}: ${stderr.slice(0, 500)}`);
  return { prunes: 0, faults: [] };
}

function trashedTranscripts({ claudeDir }: Place): number {
  const projects = trashRuns(claudeDir).map((home) => join(home, 'projects'));
  const below = (path: string) => (existsSync(path) ? readdirSync(path).map((name) => join(path, name)) : []);
  return projects.flatMap(below).flatMap(below).length;
}

/** Sessions that were about to be moved, and then had a row, or were written to. */
function keptInTheMoment({ claudeDir }: Place): number {
  const manifests = trashRuns(claudeDir).map((home) => readFileSync(join(home, 'manifest.jsonl'), 'utf8'));
  return manifests
    .join('')
    .split('\n')
    .filter((line) => line.startsWith('{"type":"kept"')).length;
}

function total({ reports }: Round, figure: (report: DispatcherReport) => number): number {
  return reports.reduce((sum, report) => sum + figure(report), 0);
}

const setTimes = ({ reports }: Round) => reports.flatMap(({ setMs }) => setMs);

const isTooBusy = (alone: Round) => waitP99(alone) > SET_P99_MAX_MS;

const waitP99 = (round: Round) => percentile(setTimes(round), 0.99);

/** Where the dispatchers alone are too many for the machine already, the wait for a processor hides the wait for the prune. */
function waitFaults(raced: Round, alone: Round, { isShort }: HarnessOptions): string[] {
  // A few seconds have too few calls for one in a hundred of them to mean much.
  if (isShort) return [];
  if (waitP99(raced) <= SET_P99_MAX_MS || isTooBusy(alone)) return [];
  return [`writing down one session in a hundred took longer than ${waitP99(raced).toFixed(1)} ms beside the prune`];
}

function waits(round: Round): string {
  const times = setTimes(round);
  return `p50 ${percentile(times, 0.5).toFixed(1)} p99 ${waitP99(round).toFixed(1)} longest ${percentile(times, 1).toFixed(0)} ms`;
}

function tooLittle(seen: Readonly<Record<string, number>>, least: Readonly<Record<string, number>>): string[] {
  return Object.entries(least)
    .filter(([name, count]) => (seen[name] ?? 0) < count)
    .map(([name, count]) => `too little has happened to show anything: ${seen[name]} ${name}, not ${count}`);
}
