/** One run's part of the trash: a directory that mirrors the Claude directory, with the manifest beside the files. */

import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import type { DirectoryFingerprints } from '../claude-dir/directory-fingerprints.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import type { Unit } from '../claude-dir/unit.ts';
import { errnoError } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { type ByteName, displayName } from '../files/byte-name.ts';
import { mountIdOf } from '../files/mount-id.ts';
import { makeTrashFolder, type TrashFolder } from './folder.ts';
import type { KnownFolder } from './known-folders.ts';
import type { ManifestWriter } from './manifest.ts';
import { stoppingError } from './move.ts';
import type { Taken, TakeOutcome } from './take-outcome.ts';
import { UnitMover } from './unit-mover.ts';

export class TakeIntoTrash {
  readonly name: ByteName;
  readonly #directory: AnchoredDir;
  readonly #mover: UnitMover;
  readonly #manifest: ManifestWriter;
  #intended = 0;
  readonly #ended = { sessions: 0, bytes: 0, kept: 0 };

  private constructor(
    claudeDir: ClaudeDir,
    { name, directory, manifest }: TrashFolder,
    fingerprints?: DirectoryFingerprints,
  ) {
    this.name = name;
    this.#directory = directory;
    this.#manifest = manifest;
    this.#mover = new UnitMover(claudeDir, directory, fingerprints);
  }

  /**
   * Makes a new trash folder; a taken name is never used again.
   * @param fingerprints from before the decision; without them every unit's companion places are looked into
   */
  static begin(
    claudeDir: ClaudeDir,
    trash: AnchoredDir,
    startedAtMs: number,
    fingerprints?: DirectoryFingerprints,
  ): TakeIntoTrash {
    try {
      throwIfForeign(claudeDir, trash);
      return new TakeIntoTrash(claudeDir, makeTrashFolder(trash, startedAtMs), fingerprints);
    } catch (error) {
      throw stoppingError('begin a trash folder', error);
    }
  }

  /** Makes known, durably, what is about to be moved. */
  intend(units: readonly { readonly unit: Unit; readonly reason: string }[], nowMs: number): void {
    try {
      for (const { unit, reason } of units) {
        const { sessionId, project, files, bytes, diskBytes, newestMtimeMs, parts } = unit;
        this.#manifest.intent({ sessionId, reason, project, files, bytes, diskBytes, newestMtimeMs, parts }, nowMs);
      }
      this.#intended += units.length;
      this.#manifest.sync();
    } catch (error) {
      throw stoppingError('write the trash manifest', error);
    }
  }

  /**
   * Does what can be done for the units that are taken next before anybody has to wait for it. What fails for one of them, `takeBatch` tells.
   * @throws OperatingError where the whole run has to stop
   */
  prepare(units: readonly Unit[]): void {
    this.#mover.prepare(units);
  }

  /**
   * Moves units that were intended, one after the other, each if it still is what it was; where they lie is looked over together at the
   * end. What makes the whole run stop is thrown by `throwIfFailed`, so that what was taken before it is told first.
   * @param isLast asked after each unit, with what has become of it so far
   * @returns what has become of each, as far as it has come; undefined for one that could not be brought back whole, which the
   *   next run sees to
   */
  takeBatch(
    units: readonly Unit[],
    nowMs: number,
    isLast: (outcome: TakeOutcome) => boolean,
  ): (TakeOutcome | undefined)[] {
    this.throwIfFailed();
    const batch: Taken[] = [];
    let settled = 0;
    try {
      this.#mover.places.beginBatch();
      this.#mover.look();
      for (let isOver = false; !isOver && batch.length < units.length; ) {
        if (!this.#mover.places.hasRoom()) {
          this.#mover.settle(batch.slice(settled));
          settled = batch.length;
          this.#mover.places.makeRoom();
          this.#mover.places.beginBatch();
          this.#mover.look();
        }
        const before = batch.length;
        this.#mover.take(units.slice(before), batch);
        for (const { outcome } of batch.slice(before)) {
          isOver = (outcome !== undefined && isLast(outcome)) || this.#mover.failure !== undefined || isOver;
        }
      }
    } catch (error) {
      this.#mover.fail(stoppingError('move sessions to the trash', error));
    }
    try {
      this.#mover.settle(batch.slice(settled));
    } catch (error) {
      this.#mover.fail(stoppingError('move sessions to the trash', error));
    } finally {
      this.#mover.places.endBatch();
    }
    for (const { unit, outcome } of batch) {
      if (outcome?.kind !== 'trashed') this.#mover.forget(unit);
      if (outcome !== undefined && !this.#mover.isUnconfirmed(unit)) this.#end(unit, outcome, nowMs);
    }
    return batch.map(({ outcome }) => outcome);
  }

  /**
   * Looks at large units once more that have been taken, when nobody is held back any more: what is not as it was before it was taken
   * has been used meanwhile, and goes back at once.
   * @returns what has become of those that do not lie in the trash as they were
   */
  confirm(units: readonly Unit[], nowMs: number): ReadonlyMap<Unit, TakeOutcome> {
    const others = new Map<Unit, TakeOutcome>();
    try {
      for (const unit of units) {
        const outcome = this.#mover.confirm(unit);
        if (outcome === undefined) continue;
        this.#end(unit, outcome, nowMs);
        if (outcome.kind !== 'trashed') others.set(unit, outcome);
      }
    } catch (error) {
      this.#mover.fail(stoppingError('look at a session in the trash', error));
    }
    return others;
  }

  /** Those of the units, all in the trash by now, that have been written anew under their old names. */
  findRecreated(units: readonly Unit[]): Unit[] {
    try {
      return this.#mover.recreated(units);
    } catch (error) {
      // They lie in the trash whole, and that is to be told before the run stops.
      this.#mover.fail(stoppingError('look at a session', error));
      return [];
    } finally {
      this.#mover.places.endBatch();
    }
  }

  /** For units that were intended and then found to be live after all. */
  keep(sessionId: SessionId, nowMs: number): void {
    this.#manifest.event('kept', sessionId, nowMs);
    this.#ended.kept += 1;
  }

  #end({ sessionId, bytes }: Unit, { kind }: TakeOutcome, nowMs: number): void {
    if (kind !== 'trashed' && kind !== 'recreated') {
      this.keep(sessionId, nowMs);
      return;
    }
    this.#manifest.event('trashed', sessionId, nowMs);
    this.#ended.sessions += 1;
    this.#ended.bytes += bytes;
  }

  /** Hands the outcomes so far to the system; a kill loses none of them then. */
  flush(): void {
    this.#manifest.flush();
  }

  /** @throws OperatingError where the run has to stop after what it took last */
  throwIfFailed(): void {
    if (this.#mover.failure !== undefined) throw this.#mover.failure;
  }

  /** Tells what it holds, to be asked for when all of it is done; undefined where something is unfinished. */
  summary(): KnownFolder | undefined {
    const { sessions, bytes, kept } = this.#ended;
    if (sessions + kept !== this.#intended) return undefined;
    return { sessions, bytes, manifest: this.#manifest.identity() };
  }

  close(): void {
    try {
      this.#manifest.close();
    } finally {
      this.#mover.places.close();
      this.#directory.close();
    }
  }
}

/** A trash in another mount takes nothing by a rename: that is no session's trouble. @throws an error with EXDEV */
function throwIfForeign({ surroundings }: ClaudeDir, trash: AnchoredDir): void {
  if (trash.dev === surroundings.dev && mountIdOf(trash.fd) === surroundings.mountId) return;
  throw errnoError('EXDEV', `${displayName(trash.currentPath())} is a mount of its own; umount it`);
}
