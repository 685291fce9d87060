/**
 * Moves what the plan removes into the trash, each unit checked again in the very moment, while the writers of the resume map
 * are held back for one short batch.
 */

import type { PlaceTimes } from '../../claude-dir/directory-fingerprints.ts';
import type { SessionId } from '../../claude-dir/session-id.ts';
import type { Unit } from '../../claude-dir/unit.ts';
import type { Clock } from '../../clock.ts';
import { OperatingError, operatingError, systemError } from '../../errors.ts';
import { displayName } from '../../files/byte-name.ts';
import type { Hold } from '../../sqlite/short-holds.ts';
import type { Intent } from '../../trash/manifest.ts';
import type { TakeOutcome, TrashRun } from '../../trash/take.ts';
import type { Trash } from '../../trash/trash.ts';
import type { JobContext, JobFault } from '../job.ts';
import type { LiveHolds } from '../live-holds.ts';
import type { RemovalRecord, RemovalRecorder } from '../ports.ts';
import type { ApplyEnd, LateKeepReason } from './applied-plan.ts';
import type { RemoveReason } from './plan.ts';

/** A unit that is to go. */
export interface Removal {
  readonly unit: Unit;
  readonly reason: RemoveReason;
}

/** What is to go: grouped by project, oldest first, and made a chunk at a time. A chunk's intents are made durable with one fsync. */
export interface Removals {
  readonly total: number;
  readonly chunks: Iterable<readonly Removal[]>;
}

export interface ApplyOptions {
  /** For the record: the Claude directory's path. */
  readonly claudeDir: string;
  readonly trash: Trash;
  readonly holds: LiveHolds;
  readonly recorder: RemovalRecorder;
  readonly clock: Clock;
  readonly context: Pick<JobContext, 'shouldStop' | 'onProgress'>;
  /** From before the scan that the decisions were made on: spares looking for what has come since. */
  readonly placeTimes?: PlaceTimes | undefined;
  readonly onRemoved: (removal: Removal) => void;
  readonly onKept: (removal: Removal, reason: LateKeepReason) => void;
}

/** Units in one chunk: an fsync may take ten milliseconds, and a kill leaves so many intents to be looked at. */
export const CHUNK_UNITS = 2_048;
/** A disk that fails this often is not to be worked on. */
const IO_ERRORS_MAX = 3;

export async function applyPrune(removals: Removals, options: ApplyOptions): Promise<ApplyEnd> {
  const apply = new PruneApply(options);
  await apply.run(removals);
  return apply.end();
}

/** What was done while the writers were held back. */
interface HeldBatch {
  /** Units that it has come to, from the first one on. */
  readonly done: number;
  readonly taken: readonly { readonly removal: Removal; readonly outcome: TakeOutcome }[];
  readonly live: readonly Removal[];
}

class PruneApply {
  readonly #options: ApplyOptions;
  readonly #faults: JobFault[] = [];
  /** In the trash, and not yet in the ledger. */
  #unrecorded: Removal[] = [];
  #removed = 0;
  #recorded = 0;
  #trashRun: ApplyEnd['trashRun'];
  #failure: OperatingError | undefined;
  #stopped = false;
  #ioErrors = 0;

  constructor(options: ApplyOptions) {
    this.#options = options;
  }

  async run({ chunks, total }: Removals): Promise<void> {
    if (total === 0) return;
    let trashRun: TrashRun | undefined;
    try {
      trashRun = this.#options.trash.beginRun(this.#options.clock.now(), this.#options.placeTimes);
      for (const chunk of chunks) {
        if (await this.#shouldStop()) break;
        await this.#removeChunk(trashRun, chunk);
        this.#options.context.onProgress({ phase: 'remove', done: this.#removed, total });
      }
      const known = trashRun.summary();
      // What was written anew meanwhile lies in the trash too, and is for the next run to record.
      if (known?.sessions === this.#recorded) this.#trashRun = { name: trashRun.name, known };
    } catch (error) {
      const action = 'move sessions to the trash';
      this.#failure = operatingError('internal', action, systemError(action, error));
    } finally {
      this.#close(trashRun);
    }
  }

  end(): ApplyEnd {
    return { faults: this.#faults, failure: this.#failure, stopped: this.#stopped, trashRun: this.#trashRun };
  }

  async #removeChunk(trashRun: TrashRun, chunk: readonly Removal[]): Promise<void> {
    trashRun.intend(chunk, this.#options.clock.now());
    let next = 0;
    try {
      while (next < chunk.length && !(await this.#shouldStop())) {
        const batch = chunk.slice(next, next + this.#options.holds.units);
        trashRun.prepare(batch.map(({ unit }) => unit));
        next += await this.#removeBatch(trashRun, batch);
        trashRun.throwIfFailed();
      }
      // So that the next run does not have to find out what has become of them.
      for (const { unit } of chunk.slice(next)) trashRun.keep(unit.sessionId, this.#options.clock.now());
    } finally {
      trashRun.flush();
      this.#recordRemovals(trashRun.name);
    }
  }

  /** @returns how many units it has come to, from the first one on */
  async #removeBatch(trashRun: TrashRun, batch: readonly Removal[]): Promise<number> {
    const ids = batch.map(({ unit }) => unit.sessionId);
    const held = await this.#options.holds.take(ids, (live, hold) => this.#removeHeld(trashRun, batch, live, hold));
    // Whatever nobody has to wait for is done while the writers have their turn.
    if (held === undefined) {
      for (const removal of batch) this.#keep(trashRun, removal, 'busy');
      return batch.length;
    }
    for (const removal of held.live) this.#keep(trashRun, removal, 'live');
    this.#note(trashRun, held.taken);
    return held.done;
  }

  #removeHeld(trashRun: TrashRun, batch: readonly Removal[], live: ReadonlySet<SessionId>, hold: Hold): HeldBatch {
    const removals = live.size === 0 ? batch : batch.filter(({ unit }) => !live.has(unit.sessionId));
    const units = removals.map(({ unit }) => unit);
    let ioErrors = this.#ioErrors;
    const outcomes = trashRun.takeBatch(units, this.#options.clock.now(), (outcome) => {
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

  #note(trashRun: TrashRun, taken: HeldBatch['taken']): void {
    const trashed = taken.filter(({ outcome }) => outcome.kind === 'trashed').map(({ removal }) => removal.unit);
    const recreated = new Set(trashRun.findRecreated(trashed));
    for (const { removal, outcome } of taken) {
      if (recreated.has(removal.unit)) this.#noteKept(removal, { kind: 'recreated' });
      else if (outcome.kind !== 'trashed') this.#noteKept(removal, outcome);
      else {
        this.#removed += 1;
        this.#unrecorded.push(removal);
        this.#options.onRemoved(removal);
      }
    }
    const last = taken.at(-1)?.outcome;
    if (this.#ioErrors < IO_ERRORS_MAX || last?.kind !== 'unmovable') return;
    throw new OperatingError(
      'io',
      `move sessions to the trash: ${this.#ioErrors} I/O errors, the last: ${last.message}`,
    );
  }

  #noteKept(removal: Removal, outcome: Exclude<TakeOutcome, { readonly kind: 'trashed' }>): void {
    const { sessionId } = removal.unit;
    this.#options.onKept(removal, outcome.kind);
    if (isIoError(outcome)) this.#ioErrors += 1;
    if (outcome.kind === 'recreated') {
      this.#fault(
        `session ${sessionId} was written anew while it was moved: its older part is in the trash, the newer one stays`,
      );
    }
    if (outcome.kind === 'unmovable') this.#fault(`move session ${sessionId} to the trash: ${outcome.message}`);
  }

  #keep(trashRun: TrashRun, removal: Removal, reason: LateKeepReason): void {
    trashRun.keep(removal.unit.sessionId, this.#options.clock.now());
    this.#options.onKept(removal, reason);
  }

  #recordRemovals(trashRun: string): void {
    const { claudeDir, clock, recorder } = this.#options;
    if (this.#unrecorded.length === 0) return;
    const removedAtMs = clock.now();
    recorder.recordRemovals(
      this.#unrecorded.map(({ unit, reason }) => removalRecord({ ...unit, reason }, claudeDir, trashRun, removedAtMs)),
    );
    this.#recorded += this.#unrecorded.length;
    this.#unrecorded = [];
  }

  #fault(message: string): void {
    this.#faults.push({ kind: 'io', message });
  }

  async #shouldStop(): Promise<boolean> {
    this.#stopped ||= await this.#options.context.shouldStop();
    return this.#stopped;
  }

  #close(trashRun: TrashRun | undefined): void {
    try {
      trashRun?.close();
    } catch (error) {
      this.#failure ??= operatingError('io', 'close the trash manifest', error);
    }
  }
}

export function removalRecord(
  session: Pick<Intent, 'sessionId' | 'project' | 'reason' | 'files' | 'bytes' | 'newestMtimeMs'>,
  claudeDir: string,
  trashRun: string,
  removedAtMs: number,
): RemovalRecord {
  const { sessionId, reason, files, bytes, newestMtimeMs } = session;
  const project = session.project && displayName(session.project);
  return { sessionId, claudeDir, trashRun, project, reason, files, bytes, newestMtimeMs, removedAtMs };
}

function isIoError(outcome: TakeOutcome): boolean {
  return outcome.kind === 'unmovable' && outcome.code === 'EIO';
}
