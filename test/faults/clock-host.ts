/** A host for the clock harness: a machine with a Claude directory on it, and the daemon that looks after it. */

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { freshDirectory, Place } from '../support/place.ts';
import { addressOf, type Exit, PROGRAM, type Running } from '../support/process.ts';
import { seriesValue } from '../support/prometheus-text.ts';
import { DAY_MS, makeClaudeDir, makeTree, sessionIdOf } from '../support/tree.ts';
import { until } from '../support/wait.ts';
import { MAX_AGE_MS, ROW_AGE_MAX_MS, type Row, type Run, runsIn, Watch } from './clock-watch.ts';
import { Machine } from './machine.ts';
import { printsOf } from './oracle.ts';

/** No timer of the daemon waits longer for a time that is far away. */
export const LONGEST_WAIT_MS = 31_000;
const PRUNE = 'prune-transcripts';
const OUTCOMES = ['ok', 'partial', 'held', 'failed', 'skipped'];
/** A local day can be 25 hours long. */
const DAILY_INTERVAL_MAX_MS = 26 * 3_600_000;
/** A page of metrics is kept for a moment. */
const PAGE_AGE_MAX_MS = 1_000;
const IDLE_SCRAPES = 3;
const SESSIONS = 14;
/** For how long the rows of the first old sessions have not been used. */
const ROW_AGES_DAYS = [0, 10, 15];

/** What a fault is about: something has gone, something has run, or anything else. */
export type Fault = { readonly kind: 'removal' | 'run' | 'other'; readonly message: string };

export interface HostOptions {
  /** An empty one of its own. */
  readonly directory: string;
  readonly idleClock: string;
  /** True time at the beginning. */
  readonly nowMs: number;
  readonly seed: number;
  /** What runs as the daemon and by hand: the product, or a control, which shows no metrics. */
  readonly program: string;
}

/** When all three jobs run. */
export interface Schedule {
  readonly daily: string;
  readonly zone: string;
}

interface Daemon {
  readonly running: Running;
  readonly address: string;
}

export class Host {
  readonly machine: Machine;
  readonly faults: Fault[] = [];
  readonly #options: HostOptions;
  readonly #place: Place;
  #watch: Watch | undefined;
  #prunesBefore = 0;
  #daemon: Daemon | undefined;
  #log = '';

  constructor(options: HostOptions) {
    this.#options = options;
    this.machine = new Machine(freshDirectory(options.directory, 'machine'), options.idleClock, options.nowMs);
    this.#place = new Place(options.directory);
    makeClaudeDir(this.#place.claudeDir);
  }

  /** Sessions of all ages, and rows for some of the old ones. */
  async furnish(): Promise<void> {
    const nowMs = this.machine.trueMs;
    const { claudeDir, stateDir } = this.#place;
    const sessions = makeTree(claudeDir, { sessions: SESSIONS, seed: this.#options.seed, nowMs });
    const old = sessions.filter(({ mtimeMs }) => nowMs - mtimeMs > MAX_AGE_MS);
    const rows = old.slice(0, ROW_AGES_DAYS.length).map(
      ({ id }, index): Row => ({
        key: `forgejo:a:acme/app:${index}`,
        sessionId: id,
        usedAtMs: Math.floor(nowMs - (ROW_AGES_DAYS[index] ?? 0) * DAY_MS),
      }),
    );
    // Makes the database; any row will do.
    await this.#command(PROGRAM, ['map', 'set', 'forgejo:a:acme/other:1', sessionIdOf(1)]);
    const database = new Database(join(stateDir, 'sessions.db'));
    const insert = database.prepare('INSERT INTO claude_sdk_sessions VALUES (@key, @sessionId, @usedAtMs, @usedAtMs)');
    for (const row of rows) insert.run(row);
    database.close();
    const prints = printsOf(claudeDir, sessions);
    this.#watch = new Watch({ claudeDir, stateDir, sessions, prints, rows });
  }

  /** A run by hand that goes well: the ledger knows this host afterwards, and there may be something in the trash. */
  async runFirst(): Promise<void> {
    const { code, stdout, stderr } = await this.#command(PROGRAM, ['--run-now']);
    if (code !== 0) throw new Error(`the first run ended with ${code}: ${stdout}${stderr}`);
    this.look();
    this.#prunesBefore = runsIn(this.#place.stateDir, PRUNE).length;
  }

  async runNow(...flags: readonly string[]): Promise<Exit> {
    const exit = await this.#command(this.#options.program, ['--run-now', ...flags]);
    this.look();
    return exit;
  }

  async startDaemon(schedule: Schedule): Promise<void> {
    await this.startBusyDaemon(schedule);
    await this.settle();
  }

  /** As `startDaemon`, but nobody waits for what it begins to do. */
  async startBusyDaemon({ daily, zone }: Schedule): Promise<void> {
    const times = ['prune', 'sweep', 'purge'].flatMap((job) => [`--schedule-${job}`, daily]);
    const args = [...times, '--schedule-time-zone', zone, '--schedule-jitter', '1ms', '--listen', '127.0.0.1:0'];
    const running = this.#start(this.#options.program, args);
    this.#daemon = { running, address: await addressOf(running) };
  }

  async stopDaemon(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const { running } = this.#running();
    running.kill(signal);
    const { code, stderr } = await running.exit;
    this.#daemon = undefined;
    this.#log += stderr;
    if (signal === 'SIGTERM' && code !== 0) this.fault('other', `the daemon left with ${code}`);
    this.look();
  }

  /** Lets time pass until the wall clock shows this. */
  async passTo(wallMs: number): Promise<void> {
    await this.pass(wallMs - this.machine.wallMs);
  }

  async pass(durationMs: number): Promise<void> {
    await this.machine.pass(durationMs);
    await this.settle();
  }

  /** Goes shortly before a time, and then through it at the pace of real life. */
  async passThrough(wallMs: number): Promise<void> {
    await this.passTo(wallMs - 600);
    await sleep(wallMs + 200 - this.machine.wallMs);
    await this.settle();
  }

  async jump(byMs: number): Promise<void> {
    await this.machine.jump(byMs);
    await this.pass(LONGEST_WAIT_MS);
  }

  async suspend(durationMs: number): Promise<void> {
    await this.machine.suspend(durationMs);
    await this.pass(LONGEST_WAIT_MS);
  }

  /** Waits until the daemon has done what its clocks made due, and looks at everything. */
  async settle(): Promise<void> {
    if (this.#daemon === undefined) return;
    let idle = 0;
    await until('the daemon to come to rest', async () => {
      idle = /run_in_progress\{[^}]*\} 1/.test(await this.#scrape()) ? 0 : idle + 1;
      // What has just come due is begun a moment later.
      return idle === IDLE_SCRAPES;
    });
    if (this.#options.program === PROGRAM) await this.#judgeMetrics();
    this.look();
  }

  look(): void {
    const { wrong = [], damaged = [] } = this.#watch?.look(this.machine.trueMs, this.machine.wallMs) ?? {};
    for (const message of wrong) this.fault('removal', message);
    for (const message of damaged) this.fault('other', message);
  }

  /** The prunes after the first one. */
  prunes(): readonly Run[] {
    return runsIn(this.#place.stateDir, PRUNE).slice(this.#prunesBefore);
  }

  /** How many sessions are not where they were made. */
  removedCount(): number {
    return this.#watch?.removedCount() ?? 0;
  }

  /** The last prune took all that had expired by then. */
  expectPruned(): void {
    const last = this.prunes().findLast(({ outcome }) => outcome === 'ok');
    this.expect(last !== undefined, 'run', () => 'no prune has ended well');
    if (last === undefined) return;
    const overlooked = this.#watch?.overlooked(last.startedAtMs - this.machine.errorMs) ?? [];
    for (const message of overlooked) this.fault('other', message);
  }

  expect(isTrue: boolean, kind: Fault['kind'], message: () => string): void {
    if (!isTrue) this.fault(kind, message());
  }

  fault(kind: Fault['kind'], message: string): void {
    this.faults.push({ kind, message });
  }

  /** All that the daemons have logged. */
  get log(): string {
    return this.#log + (this.#daemon?.running.log() ?? '');
  }

  /** What is shown comes to be what the ledger holds, and the next run is ahead of the moment in which the page was asked for. */
  async #judgeMetrics(): Promise<void> {
    const askedMs = this.machine.wallMs;
    const metrics = await until('/metrics to show the runs of the ledger', async () => {
      const page = await this.#scrape();
      const runs = runsIn(this.#place.stateDir, PRUNE);
      const isShown = (outcome: string) =>
        seriesValue(page, `session_sweeper_runs_total{job="${PRUNE}",outcome="${outcome}"}`) ===
        runs.filter((run) => run.outcome === outcome).length;
      return OUTCOMES.every(isShown) && page;
    });
    const nextMs = (seriesValue(metrics, `session_sweeper_run_next_timestamp_seconds{job="${PRUNE}"}`) ?? 0) * 1_000;
    const isSoon = nextMs > askedMs - PAGE_AGE_MAX_MS && nextMs < this.machine.wallMs + DAILY_INTERVAL_MAX_MS;
    this.expect(isSoon, 'other', () => `/metrics shows the next run at ${new Date(nextMs).toISOString()}`);
  }

  #running(): Daemon {
    if (this.#daemon === undefined) throw new Error('there is no daemon');
    return this.#daemon;
  }

  async #scrape(): Promise<string> {
    const response = await fetch(`${this.#running().address}/metrics`, { headers: { connection: 'close' } });
    return response.text();
  }

  #start(program: string, args: readonly string[]): Running {
    const ages = ['--sessions-max-age', `${ROW_AGE_MAX_MS / DAY_MS}d`];
    return this.machine.start([process.execPath, program, ...this.#place.flags, ...ages, ...args]);
  }

  #command(program: string, args: readonly string[]): Promise<Exit> {
    return this.#start(program, args).exit;
  }
}
