/** System calls that fail, each in every way, at every stage of every job, once or for ever; then a second run without. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freshDirectory, Place } from '../support/place.ts';
import { PROGRAM } from '../support/process.ts';
import { seededRandom, shuffled, spread } from '../support/samples.ts';
import { DAY_MS } from '../support/tree.ts';
import { runDaemonCases } from './errno-daemon.ts';
import { exitFaults, type FaultyRun, heldFaults, outcomeFaults, settledFaults } from './errno-judge.ts';
import { ERRNOS, FAULTY_CALLS, RENAMES, type Recording, recordingOf, type Target } from './fault-points.ts';
import { type Harness, type HarnessOptions, type HarnessResult, inParallel } from './harness.ts';
import { locate, missingFiles } from './oracle.ts';
import {
  copyPlace,
  printsOfPresent,
  prune,
  purge,
  restore,
  type Scenario,
  sweep,
  type Template,
  TREE_SEED,
} from './scenarios.ts';
import { type CallFault, countHits, readTrace, startFailing, startTraced, straceMissing } from './strace.ts';

const HANDS = 2;
/** Positions for each way in which each call of each job can fail. */
const POSITIONS = 1;
/** The calls that move, destroy and write down deserve more. */
const POSITIONS_OF_STEPS = 2;
const STEPS: readonly string[] = [...RENAMES, 'link', 'unlink', 'mkdir', 'rmdir', 'write', 'fsync', 'openat'];
const CASES = 900;
const CASES_SHORT = 26;
/** A run that ends a little earlier than the recorded one does not come to its last calls. */
const MISSES_SHARE = 0.1;
/** Of a few dozen cases, so many may happen to be among the last. */
const MISSES_MIN = 5;

/** Where every earlier run has left its ledger, which the first run of all makes. */
function withLedger(scenario: Scenario): Scenario {
  return {
    ...scenario,
    prepare: async (directory, seed) => {
      const template = await scenario.prepare(directory, seed);
      const job = ['--run-now', '--job', 'sweep-sessions', '--sessions-max-age', 'never'];
      await new Place(directory).run(job);
      return template;
    },
  };
}

const laterPrune = withLedger(prune);
const SCENARIOS: readonly Scenario[] = [
  laterPrune,
  { ...prune, name: 'first prune' },
  withLedger(sweep),
  purge,
  restore,
];

interface Recorded {
  readonly scenario: Scenario;
  readonly template: Template;
  readonly recording: Recording;
}

interface Case extends Recorded {
  readonly target: Target;
  readonly fault: Omit<CallFault, 'paths'>;
}

export const errno: Harness = {
  name: 'errno',
  missing: straceMissing,
  run: runErrno,
};

async function runErrno(options: HarnessOptions): Promise<HarnessResult> {
  const random = seededRandom(options.seed);
  const recorded = await recordAll(options);
  const all = shuffled(
    recorded.flatMap((one) => casesOf(one, random)),
    random,
  );
  const cases = spread(all, options.isShort ? CASES_SHORT : CASES);
  const failures: string[] = [];
  let misses = 0;
  await inParallel(cases, HANDS, async (one, hand) => {
    const faults = await runCase(one, new Place(join(options.directory, `place-${hand}`)));
    if (faults === undefined) misses += 1;
    else for (const fault of faults) failures.push(`${nameOf(one)}: ${fault}`);
  });
  if (misses > Math.max(MISSES_MIN, cases.length * MISSES_SHARE))
    failures.push(`${misses} points were not reached: runs differ from the recorded`);
  const { template } = recorded[0] as Recorded;
  const daemon = await runDaemonCases(laterPrune, template, options);
  failures.push(...daemon.failures);
  const control = await runControl(template, options);
  return {
    cases: cases.length - misses + daemon.cases,
    failures,
    control: `naive pruner that falls back on copying: ${control} lost, torn or changed`,
    isControlCaught: control > 0,
    figures: `${new Set(cases.map((one) => one.fault.call)).size} calls, ${daemon.cases} cases of the daemon, ${misses} points not reached`,
  };
}

async function recordAll(options: HarnessOptions): Promise<Recorded[]> {
  const recorded = new Map<Scenario, Recorded>();
  await inParallel(SCENARIOS, HANDS, async (scenario) => {
    recorded.set(scenario, await record(scenario, options));
  });
  return SCENARIOS.map((scenario) => recorded.get(scenario) as Recorded);
}

async function record(scenario: Scenario, options: HarnessOptions): Promise<Recorded> {
  const name = scenario.name.replace(' ', '-');
  const template = await scenario.prepare(freshDirectory(options.directory, name), TREE_SEED);
  const place = new Place(join(options.directory, `${name}-recorded`));
  copyPlace(template, place);
  const output = `${place.directory}.trace`;
  await startTraced(FAULTY_CALLS, [process.execPath, PROGRAM, ...scenario.args(place, template)], output).exit;
  const recording = recordingOf(readTrace(output), place.directory);
  rmSync(place.directory, { recursive: true });
  return { scenario, template, recording };
}

/** Every call fails in every way, once and for ever, each somewhere between its first and its last time. */
function casesOf(recorded: Recorded, random: () => number): Case[] {
  return recorded.recording.targets.flatMap((target) => {
    const positions = STEPS.includes(target.call) ? POSITIONS_OF_STEPS : POSITIONS;
    const ways = ERRNOS.flatMap((name) => [false, true].map((isForEver) => ({ errno: name, isForEver })));
    return ways
      .filter((way) => isSensible(target.call, way))
      .flatMap((way) => {
        const chosen = Array.from({ length: positions }, () => 1 + Math.floor(random() * target.count));
        return [...new Set(chosen)].map((position): Case => {
          return { ...recorded, target, fault: { call: target.call, position, ...way } };
        });
      });
  });
}

/**
 * libuv and SQLite try again after EINTR: one that never ends would hang them, and is no fault of this world. And where fcntl fails for
 * ever, Node itself aborts over its own standard streams, before or after us.
 */
function isSensible(call: string, { errno, isForEver }: Pick<CallFault, 'errno' | 'isForEver'>): boolean {
  return !isForEver || (errno !== 'EINTR' && call !== 'fcntl');
}

function nameOf({ scenario, fault }: Case): string {
  return `${scenario.name}, ${fault.call} fails with ${fault.errno} at ${fault.position}${fault.isForEver ? '+' : ''}`;
}

/** @returns undefined where the run did not come to the call */
async function runCase(one: Case, place: Place): Promise<string[] | undefined> {
  const { scenario, template, recording, target, fault } = one;
  copyPlace(template, place);
  const prints = new Map([...template.prints, ...printsOfPresent(place.claudeDir, template)]);
  const command = [process.execPath, PROGRAM, ...scenario.args(place, template)];
  const output = `${place.directory}.trace`;
  const paths = recording.pathsFor(fault.call, place.directory);
  const exit = await startFailing({ ...fault, paths }, command, output).exit;
  const hits = countHits(output);
  // A fault of Node's own start, before anything of ours has run, is none of ours.
  if (hits === 0 || exit.stderr.includes('node::PlatformInit')) return undefined;
  const run: FaultyRun = {
    ...{ scenario, template, place, prints, hits },
    fault: { ...fault, paths },
    begunBefore: target.begunBefore(fault.position),
    isInTrash: target.isInTrash(fault.position),
  };
  const faults = [...exitFaults(exit), ...heldFaults(run), ...outcomeFaults(run, exit)];
  return [
    ...faults,
    ...(await settledFaults(run, fault.errno === 'ENOENT')).map((settled) => `after a second run: ${settled}`),
  ];
}

const CONTROL_POINTS = 6;

/** The naive pruner under the same faults: something must be lost, torn or changed, or this harness sees nothing. */
async function runControl(template: Template, { directory, isShort }: HarnessOptions): Promise<number> {
  const place = new Place(join(directory, 'control-place'));
  const { claudeDir } = place;
  const script = fileURLToPath(new URL('./controls/copying-prune.js', import.meta.url));
  const trash = join(claudeDir, 'session-sweeper/trash/naive');
  const args = [claudeDir, join(place.stateDir, 'sessions.db'), trash, String(30 * DAY_MS)];
  let caught = 0;
  for (const name of isShort ? ERRNOS.slice(0, 1) : ERRNOS.filter((other) => other !== 'EINTR')) {
    for (let position = 1; position <= CONTROL_POINTS; position += 2) {
      copyPlace(template, place);
      const prints = printsOfPresent(claudeDir, template);
      const fault = { call: 'rename', errno: name, position, isForEver: true, paths: undefined };
      await startFailing(fault, [process.execPath, script, ...args], `${place.directory}.trace`).exit;
      caught += locate(claudeDir, template.sessions, prints).faults.length;
      caught += missingFiles(claudeDir, template.sessions).length;
    }
  }
  return caught;
}
