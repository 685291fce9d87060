/** Sixty days of one host, by chance from a seed: what its bots, its people and its mishaps do, and what its worker makes of them. */

import { seededRandom } from '../../support/samples.ts';
import { DAY_MS } from '../../support/tree.ts';
import { claudeCleanUp } from './claude-clean-up.ts';
import { Inhabitants } from './inhabitants.ts';
import { LifeHost, type LifeHostOptions } from './life-host.ts';
import { type LifeRules, LifeWatch, type Moment } from './life-watch.ts';
import { Mishaps } from './mishaps.ts';
import { LifeResumeMap } from './resume-map.ts';
import { SessionFiles } from './session-files.ts';

const HOUR_MS = DAY_MS / 24;
/** When the daily prune comes due, as the schedule says by default, and a little later. */
const DUE_MS = 4 * HOUR_MS + 20 * 60_000;
/** For so long after a jump of the clock a guard may hold what comes due. */
const CLOCK_EXCUSE_MS = 28 * HOUR_MS;
/** For so long after much came back a guard may hold it. */
const MASS_EXCUSE_DAYS = 3;
/** The shield leaves so much time before Claude deletes. */
const SHIELD_HOLDS_MS = 2.5 * DAY_MS;

export interface LifeShape extends LifeRules {
  readonly onlyThisHost: boolean;
}

export interface LifeOptions extends Omit<LifeHostOptions, 'settings'> {
  readonly seed: number;
  readonly days: number;
}

export interface LifeReport {
  readonly losses: readonly string[];
  readonly missedDays: readonly string[];
  readonly others: readonly string[];
  /** All that has befallen the host. */
  readonly story: readonly string[];
  readonly days: number;
  readonly dueDays: number;
  readonly removed: number;
  readonly sessions: number;
  readonly deletedByClaude: number;
}

/** As it is before the worker comes due. */
interface Dawn {
  /** How many prunes there have been. */
  readonly prunes: number;
  /** True time at which it came due the last time. */
  readonly cameDueAtMs: number;
}

/** @throws what the harness itself cannot do */
export async function live(options: LifeOptions): Promise<LifeReport> {
  const life = new Life(options);
  try {
    return await life.run();
  } catch (error) {
    throw new Error(`seed ${options.seed}, day ${life.day}: ${String(error)}`, { cause: error });
  } finally {
    await life.host.machine.killAll();
  }
}

export class Life {
  readonly host: LifeHost;
  readonly random: () => number;
  readonly files: SessionFiles;
  readonly map: LifeResumeMap;
  readonly watch: LifeWatch;
  readonly shape: LifeShape;
  readonly #options: LifeOptions;
  readonly #inhabitants: Inhabitants;
  readonly #mishaps: Mishaps;
  readonly #missedDays: string[] = [];
  readonly #losses: string[] = [];
  #told: string[] = [];
  readonly #story: string[] = [];
  #day = 0;
  #workerDay = 0;
  #dueDays = 0;
  #clockTurnedAtMs = Number.NEGATIVE_INFINITY;
  #excusedUntilDay = -1;
  /** How far ahead the clock was, and when: true times. */
  #aheads: { readonly atMs: number; readonly ms: number }[] = [];
  #prunesSeen = 0;
  #cameDueAtMs = Number.POSITIVE_INFINITY;
  #dawn: Dawn = { prunes: 0, cameDueAtMs: Number.POSITIVE_INFINITY };
  #lastGoodPruneMs: number | undefined;

  constructor(options: LifeOptions) {
    this.#options = options;
    this.random = seededRandom(options.seed);
    this.shape = {
      maxAgeMs: this.chance(0.5) ? 30 * DAY_MS : 21 * DAY_MS,
      keepNamed: this.chance(0.5),
      onlyThisHost: this.chance(0.5),
    };
    const { maxAgeMs, keepNamed, onlyThisHost } = this.shape;
    const settings = [
      ...['--max-age', `${maxAgeMs / DAY_MS}d`, keepNamed ? '--keep-named' : '--no-keep-named'],
      onlyThisHost ? '--sessions-only-this-host' : '--no-sessions-only-this-host',
    ];
    this.host = new LifeHost({ ...options, settings });
    const { claudeDir, stateDir } = this.host.place;
    this.files = new SessionFiles(claudeDir, this.random);
    this.map = new LifeResumeMap(stateDir, onlyThisHost);
    this.watch = new LifeWatch(this.files, this.map, this.shape);
    this.#inhabitants = new Inhabitants(this);
    this.#mishaps = new Mishaps(this);
  }

  get day(): number {
    return this.#day;
  }

  chance(share: number): boolean {
    return this.random() < share;
  }

  between(from: number, to: number): number {
    return from + this.random() * (to - from);
  }

  choose<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.random() * items.length)];
  }

  tell(what: string): void {
    this.#told.push(what);
    this.#story.push(`day ${this.#day}: ${what}`);
  }

  async run(): Promise<LifeReport> {
    await this.#inhabitants.moveIn();
    await this.host.wake();
    const startMs = this.host.machine.trueMs;
    while (this.#day < this.#options.days) {
      await this.#liveDay(startMs + this.#day * DAY_MS);
      // A machine that sleeps for days passes over some.
      this.#day = Math.max(this.#day + 1, Math.floor((this.host.machine.trueMs - startMs + 60_000) / DAY_MS));
    }
    await this.host.stop();
    const { others, removed, deletedByClaude } = this.watch;
    return {
      losses: this.#losses,
      missedDays: this.#missedDays,
      story: this.#story,
      others: [...this.host.faults, ...others],
      ...{ days: this.#day, dueDays: this.#dueDays, removed, deletedByClaude, sessions: this.files.sessions.length },
    };
  }

  async #liveDay(fromMs: number): Promise<void> {
    this.#dawn = this.#beforeDue();
    const isKilled = this.chance(0.1);
    if (this.chance(0.25)) await this.sleepTo(fromMs + 8 * HOUR_MS);
    else if (isKilled) await this.host.passUnwatched(Math.max(0, fromMs + DUE_MS - this.host.machine.trueMs));
    else await this.passTo(fromMs + DUE_MS);
    if (isKilled) await this.#mishaps.killAtWork();
    await this.#comeDue();
    await this.passTo(fromMs + 9 * HOUR_MS);
    await this.#inhabitants.work();
    this.#startClaude();
    await this.passTo(fromMs + 12 * HOUR_MS);
    await this.#mishaps.befall();
    this.look();
    await this.passTo(fromMs + 17 * HOUR_MS);
    await this.#inhabitants.work();
    this.#startClaude();
    const isNextDay = this.host.machine.trueMs >= fromMs + DAY_MS;
    // One that has slept for days ends the day on which it woke up.
    await this.passTo(Math.ceil(this.host.machine.trueMs / DAY_MS) * DAY_MS);
    this.look();
    // What was due on that day was judged then.
    if (!isNextDay) this.#judgeDay(this.#dawn);
  }

  /** Sleeps over a day or more: what was missed is caught up on the day of waking. */
  async sleepForDays(trueMs: number): Promise<void> {
    // Until then, this day had its own.
    this.#judgeDay(this.#dawn);
    const before = this.#beforeDue();
    await this.sleepTo(trueMs);
    await this.#comeDue();
    this.#judgeDay(before);
  }

  #beforeDue(): Dawn {
    return { prunes: this.host.prunes(), cameDueAtMs: this.#cameDueAtMs };
  }

  async #comeDue(): Promise<void> {
    await this.host.comeDue();
    this.#cameDueAtMs = this.host.machine.trueMs;
    this.look();
  }

  /** @param trueMs nothing happens where that is past */
  async passTo(trueMs: number): Promise<void> {
    await this.#mishaps.correctClock();
    const durationMs = trueMs - this.host.machine.trueMs;
    if (durationMs > 0) await this.host.pass(durationMs);
    this.look();
    await this.#mishaps.correctClock();
  }

  async sleepTo(trueMs: number): Promise<void> {
    const durationMs = trueMs - this.host.machine.trueMs;
    if (durationMs > 0) await this.host.suspend(durationMs);
    this.look();
  }

  /** The clock has been turned, or is about to be. */
  noteClock(): void {
    const { trueMs, errorMs } = this.host.machine;
    this.#clockTurnedAtMs = trueMs;
    this.#aheads.push({ atMs: trueMs, ms: errorMs });
  }

  /** A guard may hold what comes due for some days. */
  excuse(): void {
    this.#excusedUntilDay = this.#day + MASS_EXCUSE_DAYS;
  }

  look(): void {
    this.#noteGoodPrune();
    this.watch.look(this.#moment());
    this.#takeLosses();
  }

  #moment(): Moment {
    const { trueMs, errorMs } = this.host.machine;
    this.#aheads = this.#aheads.filter(({ atMs }) => trueMs - atMs < CLOCK_EXCUSE_MS);
    // No clock is believed that is ahead for longer than that.
    const aheadMs = Math.min(CLOCK_EXCUSE_MS, Math.max(0, errorMs, ...this.#aheads.map(({ ms }) => ms)));
    return { trueMs, aheadMs, workerDay: this.#workerDay };
  }

  #noteGoodPrune(): void {
    const prunes = this.host.prunes();
    if (prunes > this.#prunesSeen) this.#lastGoodPruneMs = this.host.machine.trueMs;
    this.#prunesSeen = prunes;
  }

  /** Its clean-up comes with its first start of a day; where the clock is far off, nobody has started it. */
  #startClaude(): void {
    const { trueMs, wallMs, errorMs } = this.host.machine;
    if (Math.abs(errorMs) > HOUR_MS) return;
    const deleted = claudeCleanUp(this.host.place.claudeDir, wallMs);
    if (deleted === undefined) return;
    const lastMs = this.#lastGoodPruneMs;
    // What was written by a wrong clock since then looks old to Claude at once.
    const holds = lastMs !== undefined && lastMs > this.#clockTurnedAtMs && trueMs - lastMs < SHIELD_HOLDS_MS;
    this.watch.noteDeletedByClaude(deleted, holds ? lastMs : undefined);
    this.#takeLosses();
  }

  #judgeDay({ prunes, cameDueAtMs }: Dawn): void {
    const dayMs = Math.floor(this.host.machine.trueMs / DAY_MS - 1 / 24) * DAY_MS;
    // What a clock has done since the last run, the next one sees all at once.
    const excusesFromMs = Math.min(dayMs + DUE_MS - CLOCK_EXCUSE_MS, cameDueAtMs);
    const isExcused = this.#clockTurnedAtMs > excusesFromMs || this.#day <= this.#excusedUntilDay || this.map.isLost;
    const hasPruned = this.host.prunes() > prunes;
    if (!isExcused) {
      this.#dueDays += 1;
      if (!hasPruned) this.#missedDays.push(this.#said(`no prune, the last one is ${this.host.lastRun()}`));
    }
    if (!isExcused || hasPruned) this.#workerDay += 1;
    this.#told = [];
  }

  #takeLosses(): void {
    this.#losses.push(...this.watch.losses.splice(0).map((loss) => this.#said(loss)));
  }

  #said(what: string): string {
    const told = this.#told.length === 0 ? '' : ` (${this.#told.join(', ')})`;
    return `seed ${this.#options.seed}, day ${this.#day}: ${what}${told}`;
  }
}
