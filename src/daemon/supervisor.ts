/**
 * Tells the service manager that has started the daemon how it is, as sd_notify(3) does: ready, at what, alive, about to leave. Node has
 * no datagrams of a local socket, so that systemd's own program sends them. Nothing that goes wrong with it is worth a run.
 */

import { execFile } from 'node:child_process';
import { errorMessage } from '../errors.ts';
import { shownText } from '../format/shown-text.ts';
import type { Logger } from '../log.ts';

const PROGRAM = 'systemd-notify';
/** A manager that does not take a word by then is not listening. */
const SEND_TIMEOUT_MS = 5_000;
/** How often it is looked whether the daemon is ready by now. */
const READY_INTERVAL_MS = 2_000;
/** Of the time after which the manager takes the daemon for hung, this part goes by between two signs of life. */
const WATCHDOG_SHARE = 0.4;

export interface SupervisorOptions {
  /** The process's own: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` as systemd sets them. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  /** What keeps the daemon from its work, one sentence; undefined for nothing. */
  fault(): Promise<string | undefined>;
  /** What it does, one line. */
  status(): string;
  /** Whether all that it has in hand moves on. Asked in the event loop: one that hangs gives no sign of life. */
  isMoving(): boolean;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  /** Each is one message. */
  readonly #waiting: Readonly<Record<string, string>>[] = [];
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #isAbsent: boolean;
  #sending: Promise<void> | undefined;
  #hasFailed = false;
  #isReady = false;
  #lastStatus: string | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#isAbsent = !options.environment.NOTIFY_SOCKET;
  }

  /** From here on it is ready as soon as nothing keeps it from its work. */
  start(): void {
    if (this.#isAbsent) return;
    this.#every(READY_INTERVAL_MS, () => void this.#lookWhetherReady());
    const watchdogMs = watchdogMsOf(this.#options.environment);
    void this.#lookWhetherReady();
    if (watchdogMs === undefined) return;
    this.#every(watchdogMs * WATCHDOG_SHARE, () => this.#giveSignOfLife());
    this.#giveSignOfLife();
  }

  /** What it does is another. */
  changed(): void {
    if (!this.#isReady || this.#timers.length === 0) return;
    this.#tellStatus(this.#options.status());
  }

  reloading(): void {
    // The manager takes the moment from its own clock, and an answer to another reload for none.
    const nowUs = process.hrtime.bigint() / 1_000n;
    if (this.#isReady) this.#tell({ RELOADING: '1', MONOTONIC_USEC: String(nowUs) });
  }

  reloaded(): void {
    if (this.#isReady) this.#tell({ READY: '1', STATUS: this.#options.status() });
  }

  /** Settles when the manager knows, or cannot be told. */
  async stopping(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers.length = 0;
    this.#tell({ STOPPING: '1', STATUS: 'stopping' });
    await this.#sending;
  }

  #every(intervalMs: number, act: () => void): void {
    this.#timers.push(setInterval(act, intervalMs).unref());
  }

  async #lookWhetherReady(): Promise<void> {
    if (this.#isReady) return;
    const fault = await this.#options.fault();
    if (this.#isReady || this.#timers.length === 0) return;
    if (fault !== undefined) return this.#tellStatus(`not ready: ${shownText(fault)}`);
    this.#isReady = true;
    this.#tell({ READY: '1', STATUS: this.#options.status() });
  }

  #giveSignOfLife(): void {
    if (this.#options.isMoving()) this.#tell({ WATCHDOG: '1' });
  }

  #tellStatus(status: string): void {
    if (status === this.#lastStatus) return;
    this.#lastStatus = status;
    this.#tell({ STATUS: status });
  }

  #tell(assignments: Readonly<Record<string, string>>): void {
    if (this.#isAbsent) return;
    const kind = Object.keys(assignments).join();
    const before = this.#waiting.findIndex((message) => Object.keys(message).join() === kind);
    // Of two of a kind only the later counts; those that end and begin something are told one by one.
    if (before >= 0) this.#waiting.splice(before, 1);
    this.#waiting.push(assignments);
    this.#sending ??= this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    for (let message = this.#waiting.shift(); message !== undefined; message = this.#waiting.shift()) {
      await this.#send(Object.entries(message).map(([name, value]) => `${name}=${value}`));
    }
    this.#sending = undefined;
  }

  #send(words: readonly string[]): Promise<void> {
    const { environment, log } = this.#options;
    const { NOTIFY_SOCKET, PATH } = environment;
    return new Promise((resolve) => {
      const bounds = { timeout: SEND_TIMEOUT_MS, killSignal: 'SIGKILL' } as const;
      execFile(PROGRAM, words, { env: { NOTIFY_SOCKET, PATH }, ...bounds }, (error) => {
        if (error !== null && !this.#hasFailed) {
          // No log is filled with that: once is enough, also where the next word arrives.
          this.#hasFailed = true;
          log.warn({ error: shownText(errorMessage(error)) }, 'the service manager cannot be told how the daemon is');
        }
        resolve();
      });
    });
  }
}

/** @returns undefined where nobody waits for signs of life of this process */
function watchdogMsOf({
  WATCHDOG_USEC,
  WATCHDOG_PID,
}: Readonly<Record<string, string | undefined>>): number | undefined {
  const intervalUs = Number(WATCHDOG_USEC);
  const isOurs = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid;
  return isOurs && Number.isFinite(intervalUs) && intervalUs > 0 ? intervalUs / 1_000 : undefined;
}
