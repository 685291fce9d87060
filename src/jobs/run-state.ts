/** How a run of any job stands: what went wrong, what a guard holds, and whether anything more is to be begun. */

import { OperatingError, systemError } from '../errors.ts';
import type { Held } from './guards/guards.ts';
import type { JobContext } from './job.ts';
import type { JobFault, RunEnd } from './report.ts';
import { WholeRunError } from './whole-run-error.ts';

export class RunState {
  readonly #context: Pick<JobContext, 'dryRun' | 'shouldStop'>;
  readonly #faults: JobFault[] = [];
  /** What went wrong in single places: Claude directories and session stores. */
  readonly #failures: JobFault[] = [];
  readonly #held: Held[] = [];
  #placesDone = 0;
  #failure: JobFault | undefined;
  #stopped = false;

  constructor(context: Pick<JobContext, 'dryRun' | 'shouldStop'>) {
    this.#context = context;
  }

  /** Nothing more is to be begun. */
  get isOver(): boolean {
    return this.#stopped || this.#failure !== undefined;
  }

  /** Asks whether the run is to stop, and remembers it. */
  async shouldStop(): Promise<boolean> {
    this.#stopped ||= await this.#context.shouldStop();
    return this.#stopped;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** What is met with more than once is told once. */
  addFaults(faults: readonly JobFault[]): void {
    const told = new Set(this.#faults.map(({ message }) => message));
    for (const fault of faults) if (!told.has(fault.message)) this.#faults.push(fault);
  }

  addFault(message: string): void {
    this.addFaults([{ kind: 'io', message }]);
  }

  /** Notes what a guard says. A dry run shows the plan all the same. @returns whether what was planned is to stay undone */
  isHeld(held: Held | undefined): boolean {
    if (held === undefined) return false;
    this.#held.push(held);
    return !this.#context.dryRun;
  }

  /** Ends the whole run. */
  fail({ kind, message }: OperatingError): void {
    this.#failure ??= { kind, message };
  }

  /** Notes what ended the work in one place, after which the others go on; or the whole run, where it is no place's own trouble. */
  failPlace(error: OperatingError): void {
    if (error instanceof WholeRunError) this.fail(error);
    else this.#failures.push({ kind: error.kind, message: error.message });
  }

  /**
   * Works in one place, unless nothing more is to be begun: what goes wrong in it is told, and does not keep the others from their turn.
   * @param action what is being done, e.g. `prune /srv/bot/.claude`
   * @throws what is a programmer's error
   */
  async inPlace(action: string, work: () => Promise<void>): Promise<void> {
    if (this.isOver) return;
    const failuresBefore = this.#failures.length;
    await this.attempt(action, work);
    if (this.#failures.length === failuresBefore) this.#placesDone += 1;
  }

  /** The same for what is no more than a beginning. @returns whether it went well */
  async attempt(action: string, work: () => void | Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      const failure = systemError(action, error);
      if (!(failure instanceof OperatingError)) throw error;
      this.failPlace(failure);
      return false;
    }
  }

  /** The part of a report that every job has. A run has failed where nothing could be done anywhere. */
  end(): RunEnd {
    const [first, ...others] = this.#failures;
    const failure = this.#failure ?? (this.#placesDone === 0 ? first : undefined);
    const told = failure === first ? others : this.#failures;
    return {
      faults: [...told, ...this.#faults],
      ...(failure === undefined ? {} : { failure }),
      ...(this.#failures.length > 0 ? { incomplete: true } : {}),
      ...(this.#held.length > 0 ? { held: this.#held } : {}),
      ...(this.#stopped ? { stopped: true } : {}),
    };
  }
}
