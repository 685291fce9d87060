/**
 * Takes what the plan removes into the trash of its place, each session checked again in the very moment, while the writers of the
 * resume map are held back for one short hold.
 */

import type { SessionId } from '../../claude-dir/session-id.ts';
import type { Clock } from '../../clock.ts';
import { OperatingError, operatingError, systemError } from '../../errors.ts';
import type { Hold } from '../../sqlite/short-holds.ts';
import type { TakeOutcome } from '../../trash/take-outcome.ts';
import type { JobContext } from '../job.ts';
import type { RemovalRecorder } from '../ledger-contracts.ts';
import type { LiveHolds } from '../live-holds.ts';
import type { JobFault } from '../report.ts';
import { neededByRun } from '../whole-run-error.ts';
import { AppliedPlan, type LateKeepReason } from './applied-plan.ts';
import type { ObservedPlace, Removal, Taking } from './place.ts';
import type { Plan, RemoveReason } from './plan.ts';
import { removalRecord } from './removal-record.ts';

export interface ApplyOptions {
  readonly holds: LiveHolds;
  readonly recorder: RemovalRecorder;
  readonly clock: Clock;
  readonly context: Pick<JobContext, 'shouldStop' | 'onProgress'>;
}

/** Sessions in one chunk: an fsync may take ten milliseconds, and a kill leaves so many intents to be looked at. */
const CHUNK_UNITS = 2_048;
/** A disk that fails this often is not to be worked on. */
const IO_ERRORS_MAX = 3;

/**
 * @param path of the place, for the record
 * @param rows of the units that the plan removes, in the order in which they are to go
 */
export async function applyPrune(
  path: string,
  place: ObservedPlace,
  plan: Plan,
  rows: Uint32Array,
  options: ApplyOptions,
): Promise<AppliedPlan> {
  const apply = new PruneApply(path, place, plan, options);
  await apply.run(rows);
  return apply.applied;
}

/** What was done while the writers were held back. */
interface HeldBatch {
  /** Removals that it has come to, from the first one on. */
  readonly done: number;
  readonly taken: readonly { readonly removal: Removal; readonly outcome: TakeOutcome }[];
  readonly live: readonly Removal[];
}

class PruneApply {
  readonly applied: AppliedPlan;
  readonly #path: string;
  readonly #place: ObservedPlace;
  readonly #plan: Plan;
  readonly #options: ApplyOptions;
  readonly #faults: JobFault[] = [];
  /** In the trash, and not yet in the ledger. */
  #unrecorded: Removal[] = [];
  #recorded = 0;
  #failure: OperatingError | undefined;
  #stopped = false;
  #ioErrors = 0;

  constructor(path: string, place: ObservedPlace, plan: Plan, options: ApplyOptions) {
    this.applied = new AppliedPlan(plan.length);
    this.#path = path;
    this.#place = place;
    this.#plan = plan;
    this.#options = options;
  }

  async run(rows: Uint32Array): Promise<void> {
    if (rows.length === 0) return;
    let taking: Taking | undefined;
    try {
      taking = this.#place.take(this.#options.clock.now());
      for (const chunk of this.#chunksOf(rows)) {
        if (await this.#shouldStop()) break;
        await this.#removeChunk(taking, chunk);
        const done = this.#recorded + this.#unrecorded.length;
        this.#options.context.onProgress({ phase: 'remove', done, total: rows.length });
      }
      taking.end(this.#recorded);
    } catch (error) {
      const action = 'move sessions to the trash';
      this.#failure = operatingError('internal', action, systemError(action, error));
    } finally {
      this.#close(taking);
      this.applied.end({ faults: this.#faults, failure: this.#failure, stopped: this.#stopped });
    }
  }

  /** Units become objects only for as long as their chunk is at hand. */
  *#chunksOf(rows: Uint32Array): Generator<readonly Removal[]> {
    for (let start = 0; start < rows.length; start += CHUNK_UNITS) {
      yield Array.from(rows.subarray(start, start + CHUNK_UNITS), (row): Removal => {
        return { row, unit: this.#place.unit(row), reason: this.#plan.reason(row) as RemoveReason };
      });
    }
  }

  async #removeChunk(taking: Taking, chunk: readonly Removal[]): Promise<void> {
    taking.intend(chunk, this.#options.clock.now());
    let next = 0;
    try {
      while (next < chunk.length && !(await this.#shouldStop())) {
        const batch = chunk.slice(next, next + this.#options.holds.units);
        await taking.prepare(batch);
        next += await this.#removeBatch(taking, batch);
        taking.throwIfFailed();
      }
      // So that the next run does not have to find out what has become of them.
      for (const removal of chunk.slice(next)) taking.keep(removal, this.#options.clock.now());
    } finally {
      taking.flush();
      this.#recordRemovals(taking);
    }
  }

  /** @returns how many it has come to, from the first one on */
  async #removeBatch(taking: Taking, batch: readonly Removal[]): Promise<number> {
    const ids = batch.map(({ unit }) => unit.sessionId);
    const held = await this.#options.holds.take(ids, (live, hold) => this.#removeHeld(taking, batch, live, hold));
    // Whatever nobody has to wait for is done while the writers have their turn.
    if (held === undefined) {
      for (const removal of batch) this.#keep(taking, removal, 'busy');
      return batch.length;
    }
    for (const removal of held.live) this.#keep(taking, removal, 'live');
    this.#note(taking, held.taken);
    return held.done;
  }

  async #removeHeld(
    taking: Taking,
    batch: readonly Removal[],
    live: ReadonlySet<SessionId>,
    hold: Hold,
  ): Promise<HeldBatch> {
    const removals = live.size === 0 ? batch : batch.filter(({ unit }) => !live.has(unit.sessionId));
    let ioErrors = this.#ioErrors;
    const outcomes = await taking.takeBatch(removals, this.#options.clock.now(), (outcome) => {
      if (isIoError(outcome)) ioErrors += 1;
      return hold.isOver() || ioErrors >= IO_ERRORS_MAX;
    });
    const [firstLeft] = removals.slice(outcomes.length);
    const done = firstLeft === undefined ? batch.length : batch.indexOf(firstLeft);
    return {
      done,
      taken: outcomes.flatMap((outcome, index) => {
        const removal = removals[index];
        return removal === undefined || outcome === undefined ? [] : [{ removal, outcome }];
      }),
      live: batch.slice(0, done).filter(({ unit }) => live.has(unit.sessionId)),
    };
  }

  #note(taking: Taking, taken: HeldBatch['taken']): void {
    const inTrash = taken.filter(({ outcome }) => outcome.kind === 'trashed').map(({ removal }) => removal);
    const others = taking.confirm(inTrash, this.#options.clock.now());
    const recreated = taking.findRecreated(inTrash.filter((removal) => !others.has(removal)));
    for (const { removal, outcome: atFirst } of taken) {
      const outcome = others.get(removal) ?? atFirst;
      if (recreated.has(removal)) this.#noteKept(removal, { kind: 'recreated' });
      else if (outcome.kind !== 'trashed') this.#noteKept(removal, outcome);
      else {
        this.#unrecorded.push(removal);
        this.applied.removed(removal.row);
      }
    }
    const last = taken.at(-1)?.outcome;
    if (this.#ioErrors < IO_ERRORS_MAX || last?.kind !== 'unmovable') return;
    throw new OperatingError(
      'io',
      `move sessions to the trash: ${this.#ioErrors} I/O errors, the last: ${last.message}`,
    );
  }

  #noteKept({ row, unit }: Removal, outcome: Exclude<TakeOutcome, { readonly kind: 'trashed' }>): void {
    const { sessionId } = unit;
    this.applied.kept(row, outcome.kind);
    if (isIoError(outcome)) this.#ioErrors += 1;
    if (outcome.kind === 'recreated') {
      this.#fault(
        `session ${sessionId} was written anew while it was moved: its older part is in the trash, the newer one stays`,
      );
    }
    if (outcome.kind === 'unmovable') this.#fault(`move session ${sessionId} to the trash: ${outcome.message}`);
  }

  #keep(taking: Taking, removal: Removal, reason: LateKeepReason): void {
    taking.keep(removal, this.#options.clock.now());
    this.applied.kept(removal.row, reason);
  }

  #recordRemovals(taking: Taking): void {
    const { clock, recorder } = this.#options;
    if (this.#unrecorded.length === 0) return;
    const nowMs = clock.now();
    const records = this.#unrecorded.map((removal) => {
      const { trashRun, removedAtMs } = taking.record(removal, nowMs);
      return removalRecord({ ...removal.unit, reason: removal.reason }, this.#path, trashRun, removedAtMs);
    });
    neededByRun(() => recorder.recordRemovals(records));
    this.#recorded += records.length;
    this.#unrecorded = [];
  }

  #fault(message: string): void {
    this.#faults.push({ kind: 'io', message });
  }

  async #shouldStop(): Promise<boolean> {
    this.#stopped ||= await this.#options.context.shouldStop();
    return this.#stopped;
  }

  #close(taking: Taking | undefined): void {
    try {
      taking?.close();
    } catch (error) {
      this.#failure ??= operatingError('io', 'close the trash manifest', error);
    }
  }
}

function isIoError(outcome: TakeOutcome): boolean {
  return outcome.kind === 'unmovable' && outcome.code === 'EIO';
}
