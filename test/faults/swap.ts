/**
 * An attacker exchanges what the worker works on with symlinks and other directories, hundreds of thousands of times, while
 * the worker restores, prunes and purges. Nothing outside of the Claude directory changes, and nothing in it is lost.
 */

import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gccMissing } from '../support/compile.ts';
import { freshDirectory } from '../support/place.ts';
import { type Exit, PROGRAM, run, runProgram } from '../support/process.ts';
import type { Harness, HarnessOptions, HarnessResult } from './harness.ts';
import { runInjected, straceMissing } from './strace.ts';
import { type AttackedPlace, addRecords, common, makePlace, PRUNE, Watch } from './swap-place.ts';
import { SHAPES, type Shape } from './swap-shapes.ts';
import { compileSwapper, type Swapper, startSwapper } from './swapper.ts';

const SWAPS_OF_SHAPE = 250_000;
const RUNS_OF_SHAPE = 24;
const ROUNDS_MAX = 16;
const SESSIONS = 240;
const SESSIONS_SHORT = 120;
const REVIVED_SESSIONS = 10;
/** A worker that finds its root swapped gives up: it is to come to work all the same. */
const ATTEMPTS_MAX = 6;
const CONTROL_MS = 4_000;
const CONTROL_SHORT_MS = 800;

/** Widens the gap between looking and acting. */
const DELAYS = 'rename,renameat2,link,unlink,rmdir,mkdir,access,openat:delay_enter=200';
const RUN_TIMEOUT_MS = 60_000;

/** The worker may find no way to work, but it must find that out itself. */
const CODES: ReadonlySet<number | null> = new Set([0, 65, 73, 74, 75]);

interface Step {
  readonly name: 'restore' | 'prune' | 'purge';
  args(place: AttackedPlace): readonly string[];
}

const prune: Step = { name: 'prune', args: () => PRUNE };
const purge: Step = { name: 'purge', args: () => ['--run-now', '--job', 'purge-trash', '--trash-keep', '1ms'] };
const restore = (from: number, to: number): Step => ({
  name: 'restore',
  args: ({ removable }) => {
    const [first, last] = [from, to].map((share) => Math.floor(removable.length * share));
    return ['trash', 'restore', ...removable.slice(first, last)];
  },
});

const STEPS: readonly Step[] = [restore(0, 0.6), prune, restore(0.4, 1), prune, restore(0.1, 0.3), purge];
const STEPS_SHORT: readonly Step[] = [restore(0, 0.6), prune, purge];

interface Tally {
  swaps: number;
  runs: number;
  pruned: number;
  restored: number;
  purged: number;
  /** What the naive remover did outside. */
  lostByControl: number;
  readonly failures: string[];
}

export const swap: Harness = {
  name: 'swap',
  missing: () => (process.geteuid?.() === 0 ? (gccMissing() ?? straceMissing()) : 'it needs root'),
  run: runSwap,
};

async function runSwap(options: HarnessOptions): Promise<HarnessResult> {
  const directory = freshDirectory(options.directory, 'memory');
  const unmount = mountMemory(directory);
  try {
    const program = compileSwapper(directory);
    const tallies: Tally[] = [];
    for (const shape of SHAPES) tallies.push(await runShape(shape, program, { ...options, directory }));
    return resultOf(tallies);
  } finally {
    unmount();
  }
}

/** In memory, far more is exchanged in the same time. Where nothing may be mounted, the disk does as well. */
function mountMemory(directory: string): () => void {
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'mode=0700', 'swap', directory]);
  return status === 0 ? () => spawnSync('umount', ['--lazy', directory]) : () => undefined;
}

function resultOf(tallies: readonly Tally[]): HarnessResult {
  const sum = (of: (tally: Tally) => number) => tallies.reduce((total, tally) => total + of(tally), 0);
  const done = `${sum(({ pruned }) => pruned)} sessions pruned, ${sum(({ restored }) => restored)} restored, ${sum(({ purged }) => purged)} purged`;
  return {
    cases: sum(({ swaps }) => swaps),
    failures: tallies.flatMap(({ failures }) => failures),
    control: `naive remover: ${tallies.map(({ lostByControl }) => lostByControl).join(', ')} changes outside`,
    isControlCaught: tallies.every(({ lostByControl }) => lostByControl > 0),
    figures: `swaps during ${sum(({ runs }) => runs)} runs: ${done}`,
  };
}

async function runShape(shape: Shape, program: string, options: HarnessOptions): Promise<Tally> {
  const tally: Tally = { swaps: 0, runs: 0, pruned: 0, restored: 0, purged: 0, lostByControl: 0, failures: [] };
  const isEnough = () => options.isShort || (tally.swaps >= SWAPS_OF_SHAPE && tally.runs >= RUNS_OF_SHAPE);
  for (let round = 0; round < ROUNDS_MAX && (round === 0 || !isEnough()); round += 1) {
    await runRound(shape, round, { program, options, tally });
  }
  const { swaps, runs, pruned, restored, purged } = tally;
  console.error(
    `swap: ${shape.name}: ${swaps} in ${runs} runs, ${pruned} pruned, ${restored} restored, ${purged} purged`,
  );
  if (!isEnough()) tally.failures.push(`${shape.name}: only ${swaps} swaps in ${runs} runs`);
  if (Math.min(pruned, restored, purged) === 0) tally.failures.push(`${shape.name}: the worker never got to work`);
  return tally;
}

interface RoundContext {
  readonly program: string;
  readonly options: HarnessOptions;
  readonly tally: Tally;
}

async function runRound(shape: Shape, round: number, { program, options, tally }: RoundContext): Promise<void> {
  const seed = (options.seed % 1_000) + round;
  const directory = freshDirectory(options.directory, shape.name);
  const place = await makePlace(directory, {
    sessions: options.isShort ? SESSIONS_SHORT : SESSIONS,
    seed,
    isOwnedByOther: round % 2 === 1,
  });
  try {
    const watch = new Watch(place);
    const revived = new Set(place.removable.slice(-REVIVED_SESSIONS));
    const purgeable = new Set(place.removable.filter((id) => !revived.has(id)));
    const attack = (number: number) => startSwapper(program, place.stage, shape.attack(place), seed * 100 + number);
    for (const [index, step] of (options.isShort ? STEPS_SHORT : STEPS).entries()) {
      if (step === purge) addRecords(place, [...revived]);
      for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
        const isDelayed = (round + index + attempt) % 3 === 1;
        const swapper = await attack(index * ATTEMPTS_MAX + attempt);
        const { result: exit, swaps } = await underAttack(swapper, () => runStep(step, place, isDelayed));
        tally.swaps += swaps;
        const faults = [...exitFaults(exit), ...watch.judge(step === purge ? purgeable : new Set())];
        tally.failures.push(...faults.map((fault) => `${shape.name}, round ${round}, ${step.name}: ${fault}`));
        if (count(tally, exit)) break;
      }
    }
    if (round > 0) return;
    for (let attempt = 0; attempt < ATTEMPTS_MAX && tally.lostByControl === 0; attempt += 1) {
      await underAttack(await attack(STEPS.length * ATTEMPTS_MAX + attempt), () => runControl(place, options));
      tally.lostByControl = watch.judge(new Set()).filter((fault) => fault.startsWith('outside')).length;
    }
  } finally {
    place.close();
    rmSync(directory, { recursive: true });
  }
}

async function underAttack<T>(swapper: Swapper, work: () => Promise<T>): Promise<{ result: T; swaps: number }> {
  try {
    const result = await work();
    return { result, swaps: await swapper.stop() };
  } catch (error) {
    await swapper.stop();
    throw error;
  }
}

async function runStep(step: Step, place: AttackedPlace, isDelayed: boolean): Promise<Exit> {
  const args = [...common(place), ...step.args(place)];
  if (isDelayed) return runInjected(DELAYS, [process.execPath, PROGRAM, ...args]);
  return runProgram(args, { timeout: RUN_TIMEOUT_MS, killSignal: 'SIGKILL' });
}

interface Document {
  readonly jobs?: readonly { readonly removed?: { sessions: number }; readonly purged?: { sessions: number } }[];
  readonly sessions?: readonly { readonly restored: boolean }[];
}

/** @returns whether the worker has done anything */
function count(tally: Tally, { stdout }: Exit): boolean {
  tally.runs += 1;
  if (stdout === '') return false;
  const { jobs = [], sessions = [] } = JSON.parse(stdout) as Document;
  const restored = sessions.filter((session) => session.restored).length;
  const pruned = jobs[0]?.removed?.sessions ?? 0;
  const purged = jobs[0]?.purged?.sessions ?? 0;
  tally.restored += restored;
  tally.pruned += pruned;
  tally.purged += purged;
  return restored + pruned + purged > 0;
}

function exitFaults({ code, signal, stderr }: Exit): string[] {
  return CODES.has(code) ? [] : [`the worker ended with ${code ?? signal}: ${stderr.slice(0, 500)}`];
}

async function runControl({ claudeDir }: AttackedPlace, { isShort }: HarnessOptions): Promise<Exit> {
  const script = fileURLToPath(new URL('./controls/naive-remove.js', import.meta.url));
  return run(process.execPath, [script, claudeDir, String(isShort ? CONTROL_SHORT_MS : CONTROL_MS)]);
}
