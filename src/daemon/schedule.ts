/** When jobs run: cron times in a time zone, with jitter, and one catch-up of what was missed. The only importer of croner. */

import { Cron } from 'croner';
import type { Clock } from '../clock.ts';
import type { Settings } from '../config/settings.ts';
import { timeZoneName } from '../config/values.ts';
import { JOB_NAMES, type JobName } from '../jobs/job-names.ts';

export interface ScheduleOptions {
  readonly patterns: Readonly<Record<JobName, string>>;
  readonly timeZone: string;
  readonly jitterMs: number;
  readonly clock: Clock;
  onDue(job: JobName): void;
}

/** A catch-up starts soon, but not in the very moment of the start: hosts that boot together must not scan together. */
const CATCH_UP_DELAY_MAX_MS = 10_000;
/** A time that came less long ago may not have been heard of yet: croner looks at the clock every 30 s, whatever it does meanwhile. */
const START_MAX_MS = 60_000;
/** A clock that is put back by less is being corrected; one that is put back by more is another one. */
const STEP_MAX_MS = 10 * 60_000;

export class Schedule {
  readonly #options: ScheduleOptions;
  readonly #crons = new Map<JobName, Cron>();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** When each job last came due or ran. */
  readonly #lastMs = new Map<JobName, number>();

  constructor(options: ScheduleOptions) {
    this.#options = options;
    for (const job of JOB_NAMES) {
      this.#crons.set(job, new Cron(options.patterns[job], { timezone: options.timeZone, paused: true }));
    }
  }

  /** Starts the clockwork. @param lastRunMs when a job last ran, or since when it could have run */
  start(lastRunMs: (job: JobName) => number | undefined): void {
    for (const job of JOB_NAMES) {
      const cron = this.#cron(job);
      const lastMs = lastRunMs(job);
      if (lastMs !== undefined) this.#lastMs.set(job, lastMs);
      // An error of the callback is ours to see: croner would stop the job for it.
      cron.schedule(() => this.#fire(job));
      cron.resume();
      if (this.isMissed(job, lastMs)) {
        this.#fireLater(job, Math.min(this.#options.jitterMs, CATCH_UP_DELAY_MAX_MS));
      }
    }
  }

  /** Whether a run should have started since the last one. */
  isMissed(job: JobName, lastRunMs: number | undefined): boolean {
    if (lastRunMs === undefined) return false;
    const dueMs = this.dueAfterMs(job, lastRunMs);
    return dueMs !== undefined && dueMs <= this.#options.clock.now();
  }

  /** Whether a run should have started since the last one, and its own time is not just about to start it. */
  isOverdue(job: JobName, lastRunMs: number | undefined): boolean {
    if (lastRunMs === undefined) return false;
    const dueMs = this.dueAfterMs(job, lastRunMs);
    return dueMs !== undefined && dueMs + this.#options.jitterMs + START_MAX_MS <= this.#options.clock.now();
  }

  /** The next scheduled time, jitter not counted; undefined where the pattern never comes again. */
  nextRunMs(job: JobName): number | undefined {
    return this.dueAfterMs(job, this.#options.clock.now());
  }

  dueAfterMs(job: JobName, timeMs: number): number | undefined {
    return this.#cron(job).nextRun(new Date(timeMs))?.getTime();
  }

  stop(): void {
    for (const cron of this.#crons.values()) cron.stop();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  /** Never so late that it comes near the next time. */
  #jitterMaxMs(job: JobName): number {
    const nowMs = this.#options.clock.now();
    const nextMs = this.dueAfterMs(job, nowMs) ?? nowMs;
    return Math.min(this.#options.jitterMs, (nextMs - nowMs) / 2);
  }

  #fire(job: JobName): void {
    const nowMs = this.#options.clock.now();
    if (this.#isRepeat(job, nowMs)) return;
    this.#lastMs.set(job, nowMs);
    this.#fireLater(job, this.#jitterMaxMs(job));
  }

  /** Whether the clock was put back a little after a time, which therefore comes again. */
  #isRepeat(job: JobName, nowMs: number): boolean {
    const lastMs = this.#lastMs.get(job);
    return lastMs !== undefined && Math.abs(nowMs - lastMs) < STEP_MAX_MS && !this.isMissed(job, lastMs);
  }

  #fireLater(job: JobName, delayMaxMs: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#options.onDue(job);
    }, Math.random() * delayMaxMs);
    this.#timers.add(timer);
  }

  #cron(job: JobName): Cron {
    const cron = this.#crons.get(job);
    if (cron === undefined) throw new Error(`no schedule for ${job}`);
    return cron;
  }
}

/** What the configuration says of the schedule. */
export function scheduleSettings(
  config: Pick<
    Settings,
    'schedule.sweep' | 'schedule.prune' | 'schedule.purge' | 'schedule.timeZone' | 'schedule.jitter'
  >,
): Pick<ScheduleOptions, 'patterns' | 'timeZone' | 'jitterMs'> {
  return {
    patterns: {
      'sweep-sessions': config['schedule.sweep'],
      'prune-transcripts': config['schedule.prune'],
      'purge-trash': config['schedule.purge'],
    },
    timeZone: timeZoneName(config['schedule.timeZone']),
    jitterMs: config['schedule.jitter'],
  };
}

/** Why a pattern is none; undefined where it is one. */
export function cronFault(pattern: string, timeZone: string): string | undefined {
  try {
    const cron = new Cron(pattern, { timezone: timeZoneName(timeZone), paused: true });
    return cron.nextRun() === null ? 'the pattern never comes' : undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
