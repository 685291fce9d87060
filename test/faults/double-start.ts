/** Several workers that are started at once on one Claude directory: one works, the others end with 75, and no death keeps the lock. */

import { spawnSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freshDirectory, Place } from '../support/place.ts';
import { killed, PROGRAM } from '../support/process.ts';
import { seededRandom } from '../support/samples.ts';
import { DAY_MS, type MadeSession, makeTree } from '../support/tree.ts';
import { until } from '../support/wait.ts';
import { type Harness, type HarnessOptions, type HarnessResult, inParallel } from './harness.ts';
import { locate, type Prints, printsOf } from './oracle.ts';
import { freezeHolder, type SharedPlace, type Started, type Starter, startOne, thaw } from './starters.ts';

const HANDS = 2;
const ROUNDS = 100;
const ROUNDS_SHORT = 6;
const CONTROL_ROUNDS = 4;
const STARTS = 4;
const SESSIONS = 12;
const MAX_AGE_MS = 30 * DAY_MS;
const LOCKED = 75;
/** Starts are as far apart as the program takes to come to its lock. */
const STAGGER_MAX_MS = 40;
/** A run that is over before it can be caught in the middle proves nothing; the round is begun anew. */
const TRIES = 5;
const PID_FILE_LOCK = fileURLToPath(new URL('./controls/pid-file-lock.js', import.meta.url));

const daemon: Starter = { kind: 'daemon', state: 0, isContained: false };
const run: Starter = { kind: 'run', state: 0, isContained: false };

type Group = readonly Starter[];

interface Kind {
  readonly name: string;
  /** Is at work, in the middle of a run, before the others are started. */
  readonly first?: Starter;
  readonly starters: Group;
}

const fourOf = (starter: Starter): Group => Array.from({ length: STARTS }, () => starter);
const apart = (group: Group): Group => group.map((starter, state) => ({ ...starter, state }));
const contained = (group: Group): Group => apart(group).map((starter) => ({ ...starter, isContained: true }));
const mixed: Group = [daemon, run, daemon, run];

const KINDS: readonly Kind[] = [
  { name: 'four daemons', starters: fourOf(daemon) },
  { name: 'four runs by hand', starters: fourOf(run) },
  { name: 'four daemons in containers', starters: contained(fourOf(daemon)) },
  {
    name: 'a daemon at work, then a daemon and runs',
    first: { ...daemon, kind: 'busy daemon' },
    starters: [daemon, run, run],
  },
  { name: 'four runs in containers', starters: contained(fourOf(run)) },
  { name: 'two daemons and two runs in containers', starters: contained(mixed) },
  { name: 'four daemons with a state of their own', starters: apart(fourOf(daemon)) },
  { name: 'four runs with a state of their own', starters: apart(fourOf(run)) },
  { name: 'two daemons and two runs', starters: mixed },
];

interface Template {
  readonly directory: string;
  readonly sessions: readonly MadeSession[];
}

export const doubleStart: Harness = {
  name: 'double-start',
  missing: () => {
    const { status } = spawnSync('unshare', ['-m', '-p', '-f', '--mount-proc', 'true']);
    return status === 0 ? undefined : 'it takes root, or whoever else may make namespaces';
  },
  run: runDoubleStart,
};

async function runDoubleStart(options: HarnessOptions): Promise<HarnessResult> {
  const random = seededRandom(options.seed);
  const template = freshDirectory(options.directory, 'template');
  const sessions = makeTree(template, { sessions: SESSIONS, seed: options.seed % 1_000 });
  const made: Template = { directory: template, sessions };
  const rounds = Array.from({ length: options.isShort ? ROUNDS_SHORT : ROUNDS }, (_, round) => round);
  const failures: string[] = [];
  const waitsMs: number[] = [];
  await inParallel(rounds, HANDS, async (round) => {
    const kind = KINDS[round % KINDS.length] as Kind;
    const result = await playRound(kind, made, random, {
      directory: join(options.directory, `round-${round}`),
      program: PROGRAM,
    });
    failures.push(...result.faults.map((fault) => `round ${round}, ${kind.name}: ${fault}`));
    waitsMs.push(...result.waitsMs);
  });
  const control: string[] = [];
  for (let round = 0; round < CONTROL_ROUNDS; round += 1) {
    const kind = KINDS[round % 2 === 0 ? 0 : 2] as Kind;
    const directory = join(options.directory, `control-${round}`);
    control.push(...(await playRound(kind, made, random, { directory, program: PID_FILE_LOCK })).faults);
  }
  return {
    cases: rounds.length,
    failures,
    control: `lock by pid file: ${control.length} faults in ${CONTROL_ROUNDS} rounds`,
    isControlCaught: control.length > 0,
    figures: `after a kill, the next one worked within ${Math.round(Math.max(...waitsMs))} ms`,
  };
}

interface Played {
  readonly faults: readonly string[];
  readonly waitsMs: readonly number[];
}

async function playRound(
  kind: Kind,
  { directory, sessions }: Template,
  random: () => number,
  where: { readonly directory: string; readonly program: string },
): Promise<Played> {
  for (let tries = 1; ; tries += 1) {
    const place = new Place(freshDirectory(where.directory, ''));
    cpSync(directory, place.claudeDir, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
    const round = new Round(kind, sessions, Object.assign(place, { program: where.program }), random);
    try {
      if (await round.play()) return round;
    } catch (error) {
      return { faults: [...round.faults, String(error)], waitsMs: [] };
    } finally {
      await round.end();
    }
    if (tries === TRIES) return { faults: ['no run can be caught in the middle'], waitsMs: [] };
  }
}

class Round implements Played {
  readonly faults: string[] = [];
  readonly waitsMs: number[] = [];
  readonly #kind: Kind;
  readonly #sessions: readonly MadeSession[];
  readonly #place: SharedPlace;
  readonly #prints: Prints;
  readonly #random: () => number;
  readonly #all: Started[] = [];
  readonly #frozen: number[] = [];

  constructor(kind: Kind, sessions: readonly MadeSession[], place: SharedPlace, random: () => number) {
    this.#kind = kind;
    this.#sessions = sessions;
    this.#place = place;
    this.#random = random;
    this.#prints = printsOf(place.claudeDir, sessions);
  }

  /** @returns false where a run was over before it could be caught in the middle: the round proves nothing */
  async play(): Promise<boolean> {
    const { first, starters } = this.#kind;
    if (first !== undefined) {
      const busy = this.#start(first);
      const frozen = await this.#freeze(() => busy.code() !== undefined);
      if (frozen === undefined) throw new Error(`the first daemon ended with ${busy.code()}`);
    }
    const group: Started[] = [];
    for (const starter of starters) {
      group.push(this.#start(starter));
      await sleep(this.#random() * STAGGER_MAX_MS);
    }
    const runs = group.filter(({ starter }) => starter.kind === 'run');
    const daemons = group.filter(({ starter }) => starter.kind === 'daemon');
    const workers = first === undefined ? 1 : 0;
    if (workers > 0 && runs.length > 0) {
      await this.#freeze(() => runs.every(hasEnded));
      if (runs.some(({ code }) => code() === 0)) return false;
    }
    await until('the others to end', () => {
      return runs.filter(isThere).length <= workers && daemons.every((one) => hasEnded(one) || one.isAtWork());
    });
    if (runs.some(({ code }) => code() === 0)) return false;
    this.#expectOne('runs', runs, workers);
    this.#expectOne('daemons', daemons, workers);
    await this.end();
    await this.#expectNext();
    return true;
  }

  #expectOne(what: string, group: readonly Started[], workers: number): void {
    if (group.length === 0) return;
    const there = group.filter(isThere).length;
    if (there !== workers) this.faults.push(`of ${group.length} ${what}, ${there} work, not ${workers}`);
    for (const code of group.filter(hasEnded).map((one) => one.code())) {
      if (code !== LOCKED) this.faults.push(`one of the ${what} that do not work ends with ${code}`);
    }
  }

  /** All are dead: a daemon works at once, and beside it a run by hand. */
  async #expectNext(): Promise<void> {
    const killedAt = performance.now();
    const { starters } = this.#kind;
    const next = starters[Math.floor(this.#random() * starters.length)] as Starter;
    const worker = this.#start({ ...next, kind: 'daemon' });
    await until('the next daemon', () => hasEnded(worker) || worker.isAtWork());
    this.waitsMs.push(performance.now() - killedAt);
    if (!worker.isAtWork()) this.faults.push(`after the kill, the next daemon ends with ${worker.code()}`);
    if (starters.every(({ kind }) => kind === 'daemon')) return;
    const { code, stderr } = await this.#start({ ...next, kind: 'run' }).running.exit;
    if (code !== 0) this.faults.push(`after the kill, the next run ends with ${code}: ${stderr.slice(0, 300)}`);
    this.#expectPruned();
  }

  #expectPruned(): void {
    const { places, faults } = locate(this.#place.claudeDir, this.#sessions, this.#prints);
    this.faults.push(...faults);
    for (const { id, mtimeMs } of this.#sessions) {
      const expected = Date.now() - mtimeMs > MAX_AGE_MS ? 'trashed' : 'here';
      if (places.get(id) !== expected) this.faults.push(`session ${id} is ${places.get(id)}, not ${expected}`);
    }
  }

  #start(starter: Starter): Started {
    const started = startOne(this.#place, starter, this.#all.length);
    this.#all.push(started);
    return started;
  }

  async #freeze(isOver: () => boolean): Promise<number | undefined> {
    const pid = await freezeHolder(this.#place, isOver);
    if (pid !== undefined) this.#frozen.push(pid);
    return pid;
  }

  /** SIGKILL for all that were started. The run of a daemon that was killed ends by itself, as soon as it can. */
  async end(): Promise<void> {
    await Promise.all(this.#all.map(({ running }) => killed(running)));
    await Promise.all(this.#frozen.map(thaw));
  }
}

const hasEnded = ({ code }: Started) => code() !== undefined;
const isThere = (started: Started) => !hasEnded(started);
