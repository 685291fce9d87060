/** A host that lives for weeks: a machine, a Claude directory, and a worker that a timer starts once a day or that stays as a daemon. */

import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { freshDirectory, Place } from '../../support/place.ts';
import { addressOf, type Exit, PROGRAM, type Running } from '../../support/process.ts';
import { makeClaudeDir } from '../../support/tree.ts';
import { until } from '../../support/wait.ts';
import { type Run, runsIn } from '../clock-watch.ts';
import { Machine } from '../machine.ts';

const PRUNE = 'prune-transcripts';
/** No timer of the daemon waits longer for a time that is far away. */
const LONGEST_WAIT_MS = 31_000;
const IDLE_SCRAPES = 4;
const GOOD_OUTCOMES = ['ok', 'partial'];

/** The product as a daemon, by a timer, a control in its place, or nobody at all. */
export type WorkerForm = 'daemon' | 'timer' | 'nobody';

export interface LifeHostOptions {
  /** An empty one of its own. */
  readonly directory: string;
  readonly idleClock: string;
  /** True time at the beginning. */
  readonly nowMs: number;
  readonly settings: readonly string[];
  readonly form: WorkerForm;
  /** What the timer starts: the product, or a control. */
  readonly program: string;
}

export class LifeHost {
  readonly machine: Machine;
  readonly place: Place;
  readonly faults: string[] = [];
  form: WorkerForm;
  readonly #options: LifeHostOptions;
  #daemon: { readonly running: Running; readonly address: string } | undefined;
  /** Prunes in ledgers that are lost. */
  #prunesBefore = 0;

  constructor(options: LifeHostOptions) {
    this.#options = options;
    this.form = options.form;
    this.machine = new Machine(freshDirectory(options.directory, 'machine'), options.idleClock, options.nowMs);
    this.place = new Place(options.directory);
    makeClaudeDir(this.place.claudeDir);
  }

  /** A command of the product, whoever is the worker. */
  async command(...args: readonly string[]): Promise<Exit> {
    return this.#start(PROGRAM, args).exit;
  }

  /** The machine comes up, and whoever is to work with it. */
  async wake(): Promise<void> {
    if (this.form !== 'daemon') return;
    // A sweep each hour would be most of what is waited for.
    const schedule = ['--schedule-sweep', '5 4 * * *', '--schedule-jitter', '1ms'];
    const running = this.#start(this.#options.program, [...schedule, '--listen', '127.0.0.1:0']);
    this.#daemon = { running, address: await addressOf(running) };
    await this.#settle();
  }

  /** A timer that has come due; a daemon has a timer of its own. */
  async comeDue(): Promise<void> {
    if (this.form === 'timer') this.#judgeExit(await this.#start(this.#options.program, ['--run-now']).exit);
    else await this.#settle();
  }

  /** Somebody looks at what a guard holds, and says that all is right. */
  async allow(): Promise<void> {
    if (this.form !== 'nobody') this.#judgeExit(await this.command('--run-now', '--allow-mass-removal'));
  }

  /** Kills the worker in the middle of its work, and what it has started. */
  async killAtWork(afterMs: number): Promise<void> {
    if (this.form === 'nobody') return;
    if (this.form === 'timer') this.#start(this.#options.program, ['--run-now']);
    await sleep(afterMs);
    await this.machine.killAll();
    this.#daemon = undefined;
    await this.wake();
  }

  async pass(durationMs: number): Promise<void> {
    await this.machine.pass(durationMs);
    await this.#settle();
  }

  /** As `pass`, and nobody waits for what begins to be done. */
  async passUnwatched(durationMs: number): Promise<void> {
    await this.machine.pass(durationMs);
  }

  async suspend(durationMs: number): Promise<void> {
    await this.machine.suspend(durationMs);
    await this.machine.pass(LONGEST_WAIT_MS);
    await this.#settle();
  }

  async jump(byMs: number): Promise<void> {
    await this.machine.jump(byMs);
    await this.machine.pass(LONGEST_WAIT_MS);
    await this.#settle();
  }

  /** @param wallMs what the clock shows at first; undefined where it is right */
  async reboot(offMs: number, wallMs?: number): Promise<void> {
    await this.stop();
    await this.machine.reboot(offMs);
    if (wallMs !== undefined) await this.machine.jump(wallMs - this.machine.wallMs);
    await this.wake();
  }

  async stop(): Promise<void> {
    if (this.#daemon === undefined) return;
    const { running } = this.#daemon;
    this.#daemon = undefined;
    running.kill('SIGTERM');
    const { code, stderr } = await running.exit;
    if (code !== 0) this.faults.push(`the daemon left with ${code}: ${stderr.slice(-300)}`);
  }

  /** All that is in the state directory, or the ledger alone. */
  async loseState(which: 'all' | 'ledger'): Promise<void> {
    await this.stop();
    this.#prunesBefore = this.prunes();
    const { stateDir } = this.place;
    if (which === 'all') rmSync(stateDir, { recursive: true, force: true });
    else for (const suffix of ['', '-wal', '-shm']) rmSync(`${stateDir}/ledger.db${suffix}`, { force: true });
    await this.wake();
  }

  /** How many prunes have done their work since the beginning. */
  prunes(): number {
    return this.#prunesBefore + this.#runs().filter(({ outcome }) => GOOD_OUTCOMES.includes(outcome)).length;
  }

  lastRun(): string {
    const run = this.#runs().at(-1);
    return run === undefined ? 'none' : `${run.outcome} of ${new Date(run.startedAtMs).toISOString()}`;
  }

  #runs(): readonly Run[] {
    try {
      return runsIn(this.place.stateDir, PRUNE);
    } catch (error) {
      // One that was killed in the moment in which it made its ledger.
      if (String(error).includes('no such table')) return [];
      throw error;
    }
  }

  #judgeExit({ code, signal, stdout, stderr }: Exit): void {
    // Held by a guard: whether that was right, the days without a prune say.
    if (code === 0 || code === 77) return;
    this.faults.push(`a run ended with ${code ?? signal}: ${(stdout + stderr).slice(-400)}`);
  }

  /** Waits until the daemon has done what its clocks made due. */
  async #settle(): Promise<void> {
    if (this.#daemon === undefined) return;
    const { address, running } = this.#daemon;
    let idle = 0;
    await until('the daemon to come to rest', async () => {
      const ended = running.ended();
      if (ended !== undefined) throw new Error(`the daemon ended with ${ended.code}: ${ended.stderr.slice(-400)}`);
      const response = await fetch(`${address}/metrics`, { headers: { connection: 'close' } });
      idle = /run_in_progress\{[^}]*\} 1/.test(await response.text()) ? 0 : idle + 1;
      return idle === IDLE_SCRAPES;
    });
  }

  #start(program: string, args: readonly string[]): Running {
    const settings = [...this.place.flags, ...this.#options.settings, '--schedule-time-zone', 'UTC'];
    return this.machine.start([process.execPath, program, ...settings, ...args]);
  }
}
