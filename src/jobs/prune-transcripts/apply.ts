/**
 * Moves what the plan removes into the trash, each unit checked again in the very moment, while the writers of the resume map
 * are held back for one short batch.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../clock.ts';
import { BusyError, type ErrorKind, OperatingError, operatingError, systemError } from '../../errors.ts';
import { type LiveSource, withLiveOfAll } from '../../sessions/live-sources/live-source.ts';
import type { SessionId } from '../../sessions/session-id.ts';
import { displayName } from '../../transcripts/byte-name.ts';
import type { Intent } from '../../transcripts/trash/manifest.ts';
import type { Trash } from '../../transcripts/trash/trash.ts';
import type { TakeOutcome, TrashRun } from '../../transcripts/trash/trash-run.ts';
import type { Unit } from '../../transcripts/unit.ts';
import type { JobContext, JobFault } from '../job.ts';
import type { LateKeepReason } from './applied-plan.ts';
import type { RemoveReason } from './plan.ts';

/** A unit that is to go. */
export interface Removal {
  readonly unit: Unit;
  readonly reason: RemoveReason;
}

export interface ApplyResult {
  readonly removed: readonly Removal[];
  readonly kept: ReadonlyMap<Unit, LateKeepReason>;
  readonly faults: readonly JobFault[];
  /** What ended the run before it was through; what was removed until then is in the trash. */
  readonly failure: OperatingError | undefined;
  readonly stopped: boolean;
}

/** One session that went to the trash; names as `displayName` gives them, times in Unix epoch ms. */
export interface RemovalRecord {
  readonly sessionId: SessionId;
  readonly claudeDir: string;
  readonly trashRun: string;
  readonly project: string | undefined;
  readonly reason: string;
  readonly files: number;
  readonly bytes: number;
  readonly newestMtimeMs: number;
  readonly removedAtMs: number;
}

/** Takes note of what went; a part of the ledger. What it has noted already stays as it is. */
export interface RemovalRecorder {
  recordRemovals(removals: readonly RemovalRecord[]): void;
}

export interface ApplyOptions {
  /** For the record: the Claude directory's path. */
  readonly claudeDir: string;
  readonly trash: Trash;
  readonly sources: readonly LiveSource[];
  readonly recorder: RemovalRecorder;
  readonly clock: Clock;
  readonly context: Pick<JobContext, 'shouldStop' | 'onProgress'>;
}

/** Units whose intent is made durable with one fsync. */
const INTENT_BATCH_UNITS = 256;
/** Units that are moved while the writers of the resume map wait: some milliseconds. */
const HOLD_BATCH_UNITS = 16;
/** On a slow disk, or a busy machine, a batch ends with the unit in hand: hosts wait for it. */
const HOLD_MAX_MS = 5;
const PAUSE_MIN_MS = 2;
/** A disk that fails this often is not to be worked on. */
const IO_ERRORS_MAX = 3;
/** Each one is a full timeout's wait: after as many in a row, whoever holds the map will not let go soon. */
const BUSY_BATCHES_MAX = 3;

export async function applyPrune(removals: readonly Removal[], options: ApplyOptions): Promise<ApplyResult> {
  const apply = new PruneApply(options);
  await apply.run(removals);
  return apply.result();
}

class PruneApply {
  readonly #options: ApplyOptions;
  readonly #removed: Removal[] = [];
  readonly #kept = new Map<Unit, LateKeepReason>();
  readonly #faults: JobFault[] = [];
  #failure: OperatingError | undefined;
  #stopped = false;
  #ioErrors = 0;
  #busyBatches = 0;

  constructor(options: ApplyOptions) {
    this.#options = options;
  }

  async run(removals: readonly Removal[]): Promise<void> {
    if (removals.length === 0) return;
    const inProjectOrder = removals.toSorted((left, right) => compareProjects(left.unit, right.unit));
    let trashRun: TrashRun | undefined;
    try {
      trashRun = this.#options.trash.beginRun(this.#options.clock.now());
      for (const chunk of chunks(inProjectOrder, INTENT_BATCH_UNITS)) {
        if (this.#shouldStop()) break;
        await this.#removeChunk(trashRun, chunk);
        this.#options.context.onProgress({ phase: 'remove', done: this.#removed.length, total: removals.length });
      }
    } catch (error) {
      const action = 'move sessions to the trash';
      this.#failure = operatingError('internal', action, systemError(action, error));
    } finally {
      this.#close(trashRun);
    }
  }

  result(): ApplyResult {
    return {
      removed: this.#removed,
      kept: this.#kept,
      faults: this.#faults,
      failure: this.#failure,
      stopped: this.#stopped,
    };
  }

  async #removeChunk(trashRun: TrashRun, chunk: readonly Removal[]): Promise<void> {
    const firstRemoved = this.#removed.length;
    trashRun.intend(chunk, this.#options.clock.now());
    try {
      for (let next = 0; next < chunk.length; ) {
        if (this.#shouldStop()) return;
        next += await this.#removeBatch(trashRun, chunk.slice(next, next + HOLD_BATCH_UNITS));
        trashRun.throwIfFailed();
      }
    } finally {
      trashRun.flush();
      const removed = this.#removed.slice(firstRemoved);
      if (removed.length > 0) {
        this.#options.recorder.recordRemovals(this.#recordsOf(trashRun.name, removed));
      }
    }
  }

  #recordsOf(trashRun: string, removed: readonly Removal[]): RemovalRecord[] {
    const { claudeDir, clock } = this.#options;
    const removedAtMs = clock.now();
    return removed.map(({ unit, reason }) => removalRecord({ ...unit, reason }, claudeDir, trashRun, removedAtMs));
  }

  /** @returns how many units it has come to, from the first one on */
  async #removeBatch(trashRun: TrashRun, batch: readonly Removal[]): Promise<number> {
    const ids = batch.map(({ unit }) => unit.sessionId);
    try {
      let heldAt = 0;
      const done = await withLiveOfAll(this.#options.sources, ids, (live) => {
        heldAt = performance.now();
        return this.#removeHeld(trashRun, batch, live);
      });
      // SQLite's waiters poll: without a pause as long as the hold, a writer could miss its turn again and again.
      await sleep(Math.max(PAUSE_MIN_MS, performance.now() - heldAt));
      this.#busyBatches = 0;
      return done;
    } catch (error) {
      if (!(error instanceof BusyError)) throw error;
      this.#busyBatches += 1;
      for (const { unit } of batch) this.#keep(trashRun, unit, 'busy');
      if (this.#busyBatches >= BUSY_BATCHES_MAX) throw error;
      return batch.length;
    }
  }

  /** @returns how many units it has come to */
  #removeHeld(trashRun: TrashRun, batch: readonly Removal[], live: ReadonlySet<SessionId>): number {
    const heldAtMs = this.#options.clock.now();
    for (const [index, removal] of batch.entries()) {
      this.#remove(trashRun, removal, live);
      if (this.#options.clock.now() - heldAtMs >= HOLD_MAX_MS) return index + 1;
    }
    return batch.length;
  }

  #remove(trashRun: TrashRun, removal: Removal, live: ReadonlySet<SessionId>): void {
    const { unit } = removal;
    if (live.has(unit.sessionId)) {
      this.#keep(trashRun, unit, 'live');
      return;
    }
    const outcome = trashRun.take(unit, this.#options.clock.now());
    if (outcome.kind === 'trashed') this.#removed.push(removal);
    else this.#note(unit, outcome);
  }

  #note(unit: Unit, outcome: Exclude<TakeOutcome, { readonly kind: 'trashed' }>): void {
    this.#kept.set(unit, outcome.kind);
    if (outcome.kind === 'recreated') {
      this.#fault(
        'io',
        `session ${unit.sessionId} was written anew while it was moved: its older part is in the trash, the newer one stays`,
      );
    }
    if (outcome.kind !== 'unmovable') return;
    this.#fault('io', `move session ${unit.sessionId} to the trash: ${outcome.message}`);
    if (outcome.code !== 'EIO') return;
    this.#ioErrors += 1;
    if (this.#ioErrors >= IO_ERRORS_MAX) {
      throw new OperatingError(
        'io',
        `move sessions to the trash: ${this.#ioErrors} I/O errors, the last: ${outcome.message}`,
      );
    }
  }

  #keep(trashRun: TrashRun, unit: Unit, reason: LateKeepReason): void {
    trashRun.keep(unit.sessionId, this.#options.clock.now());
    this.#kept.set(unit, reason);
  }

  #fault(kind: ErrorKind, message: string): void {
    this.#faults.push({ kind, message });
  }

  #shouldStop(): boolean {
    this.#stopped ||= this.#options.context.shouldStop();
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

function compareProjects(left: Unit, right: Unit): number {
  const [a, b] = [left.project ?? '', right.project ?? ''];
  if (a !== b) return a < b ? -1 : 1;
  return left.newestMtimeMs - right.newestMtimeMs;
}

function* chunks<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
