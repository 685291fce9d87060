/** Puts each job into the queue when its time has come by the schedule in force, and with it whatever has missed its own. */

import type { Clock } from '../clock.ts';
import { JOB_NAMES, type JobName } from '../jobs/job-names.ts';
import type { Logger } from '../log.ts';
import type { InForce } from './in-force.ts';
import type { JobQueue } from './job-queue.ts';
import { Schedule, scheduleSettings } from './schedule.ts';

export interface DueJobsContext {
  readonly clock: Clock;
  readonly log: Logger;
  readonly queue: JobQueue;
  /** The configuration and the ledger by which a run would go now. */
  inForce(): InForce;
}

export class DueJobs {
  readonly #context: DueJobsContext;
  /** When each job was last put into the queue. */
  readonly #addedAtMs = new Map<JobName, number>();
  #schedule: Schedule;

  constructor(context: DueJobsContext) {
    this.#context = context;
    this.#schedule = this.#scheduleInForce();
  }

  /** The schedule in force. */
  get schedule(): Schedule {
    return this.#schedule;
  }

  start(): void {
    const inForce = this.#context.inForce();
    // What has never run is held against the first start of all: on a laptop, each start may come after the time of the day's run.
    const { sinceMs } = inForce.clockGuard.look();
    // What has been added since may not be written down yet.
    this.#schedule.start((job) => Math.max(inForce.lastRunMs(job) ?? sinceMs, this.#addedAtMs.get(job) ?? 0));
  }

  /** To be called where the schedule is another one now. */
  restart(): void {
    this.stop();
    this.#schedule = this.#scheduleInForce();
    this.start();
  }

  stop(): void {
    this.#schedule.stop();
  }

  #scheduleInForce(): Schedule {
    const { clock, inForce } = this.#context;
    return new Schedule({ ...scheduleSettings(inForce().config), clock, onDue: (job) => this.#runDue(job) });
  }

  /** Also whatever has missed its time: a run that a guard held, or that a shutdown cut short, is not through for the day. */
  #runDue(job: JobName): void {
    this.#add(job);
    for (const other of JOB_NAMES) {
      if (other !== job && !this.#context.queue.has(other) && this.#isOverdue(other)) this.#add(other);
    }
  }

  /** Where the ledger cannot be asked, nothing is: the job's own time comes all the same. */
  #isOverdue(job: JobName): boolean {
    try {
      return this.#schedule.isOverdue(job, this.#context.inForce().lastRunMs(job));
    } catch (error) {
      this.#context.log.error({ err: error, job }, 'whether a run was missed cannot be told');
      return false;
    }
  }

  /** A time that came before the job was added is the reason for which it was added, and no overlap. */
  #add(job: JobName): void {
    const { clock, queue } = this.#context;
    if (queue.has(job) && !this.#schedule.isMissed(job, this.#addedAtMs.get(job))) return;
    this.#addedAtMs.set(job, clock.now());
    queue.add(job);
  }
}
