/** Runs one job at a time, in the order of their times; a job that is still waiting or at work is not begun again. */

import type { JobName } from '../jobs/job-names.ts';

export interface JobQueueOptions {
  run(job: JobName): Promise<void>;
  /** The job is due again, and its run before is not through. */
  onOverlap(job: JobName): void;
  /** What `run` or `onOverlap` threw; the queue goes on. */
  onError(job: JobName, error: unknown): void;
}

export class JobQueue {
  readonly #options: JobQueueOptions;
  readonly #unfinished = new Set<JobName>();
  #tail: Promise<void> = Promise.resolve();
  #running: JobName | undefined;

  constructor(options: JobQueueOptions) {
    this.#options = options;
  }

  get running(): JobName | undefined {
    return this.#running;
  }

  /** The jobs that are waiting or at work. */
  get unfinished(): readonly JobName[] {
    return [...this.#unfinished];
  }

  /** Whether a job is waiting or at work. */
  has(job: JobName): boolean {
    return this.#unfinished.has(job);
  }

  add(job: JobName): void {
    if (this.#unfinished.has(job)) {
      this.#reportOverlap(job);
      return;
    }
    this.#unfinished.add(job);
    this.#tail = this.#tail.then(() => this.#work(job));
  }

  /** Settles when all that was added is through. */
  idle(): Promise<void> {
    return this.#tail;
  }

  async #work(job: JobName): Promise<void> {
    this.#running = job;
    try {
      await this.#options.run(job);
    } catch (error) {
      this.#options.onError(job, error);
    } finally {
      this.#running = undefined;
      this.#unfinished.delete(job);
    }
  }

  #reportOverlap(job: JobName): void {
    try {
      this.#options.onOverlap(job);
    } catch (error) {
      this.#options.onError(job, error);
    }
  }
}
