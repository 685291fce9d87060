/**
 * Tells who is at work and at what: in each Claude directory which daemon holds it, for whoever finds the lock taken; and in the state
 * directory, for `status`, what it does. A Claude directory may hang, and is written to at the start and at the end alone.
 */

import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { removeWorkerRecord, writeWorkerRecord } from '../claude-dir/worker-record.ts';
import type { Clock } from '../clock.ts';
import { JOB_NAMES, type JobName } from '../jobs/job-names.ts';
import { type Activity, writeActivity } from './activity-record.ts';

export interface PresenceOptions {
  readonly version: string;
  readonly clock: Clock;
  claudeDirs(): readonly ClaudeDir[];
  stateDir(): string;
  nextRunMs(job: JobName): number | undefined;
  /** What it does is another. */
  onChange(): void;
}

export class Presence {
  readonly #options: PresenceOptions;
  readonly #startedAtMs: number;
  #activity: Activity | undefined;
  /** By the clock that no jump moves. */
  #endsBy: number | undefined;

  constructor(options: PresenceOptions) {
    this.#options = options;
    this.#startedAtMs = options.clock.now();
  }

  /** At the start, and where the directories are others. */
  enter(): void {
    const start = { version: this.#options.version, startedAtMs: this.#startedAtMs };
    for (const claudeDir of this.#options.claudeDirs()) writeWorkerRecord(claudeDir, start);
    this.#tell();
  }

  /** @param deadlineMs for how long it may be at work */
  begin(job: JobName, deadlineMs: number): void {
    this.#activity = { job, sinceMs: this.#options.clock.now() };
    this.#endsBy = performance.now() + deadlineMs;
    this.#tell();
  }

  /** May be called often: written down where it is another. */
  phase(phase: string): void {
    if (this.#activity === undefined || this.#activity.phase === phase) return;
    this.#activity = { ...this.#activity, phase };
    this.#tell();
  }

  end(): void {
    this.#activity = undefined;
    this.#endsBy = undefined;
    this.#tell();
  }

  /** For how long the job at work has been so beyond the time that it was given, in milliseconds; not more than 0 where there is none. */
  get overdueMs(): number {
    return this.#endsBy === undefined ? 0 : performance.now() - this.#endsBy;
  }

  /** One line for whoever looks at the service. */
  status(): string {
    if (this.#activity !== undefined) {
      const { job, phase } = this.#activity;
      return phase === undefined ? `${job} at work` : `${job} at work: ${phase}`;
    }
    const next = JOB_NAMES.flatMap((job) => {
      const timeMs = this.#options.nextRunMs(job);
      return timeMs === undefined ? [] : [{ job, timeMs }];
    }).sort((one, other) => one.timeMs - other.timeMs)[0];
    return next === undefined ? 'waiting' : `waiting; next ${next.job} at ${new Date(next.timeMs).toISOString()}`;
  }

  leave(claudeDirs: readonly ClaudeDir[]): void {
    for (const claudeDir of claudeDirs) removeWorkerRecord(claudeDir);
  }

  #tell(): void {
    const { stateDir, nextRunMs } = this.#options;
    const nextRuns = JOB_NAMES.flatMap((job) => {
      const timeMs = nextRunMs(job);
      return timeMs === undefined ? [] : [[job, timeMs] as const];
    });
    const activity = this.#activity === undefined ? {} : { activity: this.#activity };
    const who = { pid: process.pid, startedAtMs: this.#startedAtMs };
    writeActivity(stateDir(), { ...who, nextRunsMs: Object.fromEntries(nextRuns), ...activity });
    this.#options.onChange();
  }
}
