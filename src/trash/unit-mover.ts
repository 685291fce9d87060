/** Moves units into a trash folder, each only as it was when it was decided on, and puts back what was used meanwhile. */

import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import type { DirectoryFingerprints } from '../claude-dir/directory-fingerprints.ts';
import { type LinkedFile, Measurer, type ReadFault, sameMeasure } from '../claude-dir/measure.ts';
import { type Part, partPath, type Unit } from '../claude-dir/unit.ts';
import { errnoError, errorCode, errorMessage, type OperatingError } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { displayName } from '../files/byte-name.ts';
import { OpenDirs } from '../files/open-dirs.ts';
import { shellWord } from '../format/shell-word.ts';
import { AddedSinceScan, UNIT_DIRECTORIES_MAX } from './added-since-scan.ts';
import { isStopping, isThere, putBack, renamePart, stoppingError } from './move.ts';

/** What became of one unit. Everything but `trashed` leaves it where it was. */
export type TakeOutcome =
  | { readonly kind: 'trashed' }
  /** It is not as it was when the decision was made. */
  | { readonly kind: 'changed' }
  /** It had gone already. */
  | { readonly kind: 'vanished' }
  /** The system would not move it: `code` says why. */
  | { readonly kind: 'unmovable'; readonly code: string; readonly message: string }
  /** It was written anew under its old name in the very instant: the older part is in the trash, the newer one stays. */
  | { readonly kind: 'recreated' };

/** A unit with what has become of it so far; undefined where it could not be brought back whole. */
export interface Taken {
  readonly unit: Unit;
  outcome: TakeOutcome | undefined;
}

/** A unit of so many files takes a hold of its own only to be looked at: that is done before it, and once more after it. */
const LARGE_UNIT_FILES = 256;

/** What a large unit was before anybody was held back. */
interface Measured {
  readonly all: Measurer;
  /** Its files that lie in no directory of its own, the transcript among them: these are looked at in the hold as well. */
  readonly files: Measurer;
}

export class UnitMover {
  readonly #claudeDir: ClaudeDir;
  readonly #source: OpenDirs;
  readonly #target: OpenDirs;
  readonly #added: AddedSinceScan;
  /** Whose places in the trash are made, and known to be free. */
  #prepared: ReadonlySet<Unit> = new Set();
  /** The large ones among those that are taken next. */
  #measured: ReadonlyMap<Unit, Measured> = new Map();
  /** Large ones that lie in the trash, and are to be looked at there. */
  readonly #unconfirmed = new Map<Unit, Measurer>();
  #failure: OperatingError | undefined;

  /**
   * @param folder the trash folder
   * @param fingerprints from before the decision; without them every unit's companion places are looked into
   */
  constructor(claudeDir: ClaudeDir, folder: AnchoredDir, fingerprints?: DirectoryFingerprints) {
    this.#claudeDir = claudeDir;
    this.#source = new OpenDirs(claudeDir.root);
    this.#target = new OpenDirs(folder);
    this.#added = new AddedSinceScan(claudeDir, this.#source, fingerprints);
  }

  /** Why the run has to stop after what was moved last: the first of all reasons. */
  get failure(): OperatingError | undefined {
    return this.#failure;
  }

  fail(failure: OperatingError): void {
    this.#failure ??= failure;
  }

  /**
   * Does what can be done for the units that are taken next before anybody has to wait for it. What fails for one of them, `take` tells.
   * @throws OperatingError where the whole run has to stop
   */
  prepare(units: readonly Unit[]): void {
    const prepared = new Set<Unit>();
    const measured = new Map<Unit, Measured>();
    try {
      this.makeRoom();
      this.beginBatch();
      this.look();
      for (const unit of units) {
        if (!this.hasRoom()) break;
        // Looked at once more when it is taken, and found sooner then.
        this.#added.hasAny(unit);
        if (this.#isPlaceFree(unit)) prepared.add(unit);
        if (unit.files < LARGE_UNIT_FILES) continue;
        measured.set(unit, { files: this.#measureFiles(unit), all: this.#measure(unit, this.#source) });
      }
    } catch (error) {
      if (isStopping(error) || errorCode(error) === undefined) throw stoppingError('move sessions to the trash', error);
    } finally {
      this.endBatch();
    }
    this.#prepared = prepared;
    this.#measured = measured;
  }

  /** @throws OperatingError where the whole run has to stop */
  take(unit: Unit): TakeOutcome {
    const measured = this.#measured.get(unit);
    let before: Measurer;
    try {
      if (this.#added.hasAny(unit)) return { kind: 'changed' };
      if (measured !== undefined && !sameMeasure(measured.files, this.#measureFiles(unit))) return { kind: 'changed' };
      before = measured?.all ?? this.#measure(unit, this.#source);
    } catch (error) {
      // One unit that cannot be looked at any more does not stop the others.
      if (isStopping(error) || errorCode(error) === undefined) throw stoppingError('look at a session', error);
      return { kind: 'unmovable', code: errorCode(error) ?? 'unknown', message: errorMessage(error) };
    }
    // What cannot be read is not seen, which looks like a change; but an operator has to hear of a failing disk.
    const unread = before.unreadable;
    if (unread !== undefined) return { kind: 'unmovable', code: unread.code, message: unreadMessage(unread) };
    if (before.files === 0 && unit.files > 0) return { kind: 'vanished' };
    if (before.doubt !== undefined || !sameMeasure(before, unit)) return { kind: 'changed' };
    if (before.linked.some((file) => isLinkedSince(file, unit))) return { kind: 'changed' };
    const moved: Part[] = [];
    try {
      for (const part of unit.parts) {
        renamePart(part, this.#source, this.#target, this.#prepared.has(unit));
        moved.push(part);
      }
    } catch (error) {
      return this.#undo(moved, this.#withRemedy(error, unit.parts[moved.length]));
    }
    const outcome: TakeOutcome = measured === undefined ? this.#settled(unit, moved, before) : { kind: 'trashed' };
    if (measured !== undefined) this.#unconfirmed.set(unit, before);
    if (outcome.kind === 'trashed') this.#added.noteOwnMove(unit);
    return outcome;
  }

  /** What has become of a unit that was moved: it stays in the trash only as it was before. */
  #settled(unit: Unit, moved: readonly Part[], before: Measurer): TakeOutcome {
    let after: Measurer;
    try {
      after = this.#measure(unit, this.#target);
    } catch (error) {
      // It lies in the trash whole, and that is to be told before the run stops.
      this.fail(stoppingError('look at a session in the trash', error));
      return { kind: 'trashed' };
    }
    if (after.unreadable !== undefined) {
      return this.#undo(
        moved,
        errnoError(after.unreadable.code, `look at ${displayName(after.unreadable.path)} in the trash`),
      );
    }
    // Between the last look and the rename a session may have written: then the unit goes straight back.
    return sameMeasure(after, before) ? { kind: 'trashed' } : this.#undo(moved, undefined);
  }

  /**
   * Takes back what was taken out of a directory, or into one, that somebody has moved away meanwhile, and what has got a
   * companion meanwhile.
   */
  settle(batch: readonly Taken[]): void {
    const taken = batch.filter(({ outcome }) => outcome?.kind === 'trashed');
    if (taken.length === 0) return;
    const [fromElsewhere, toElsewhere] = [this.#source.movedAway(), this.#target.movedAway()];
    const hasMovedAway = ({ directory }: Part) =>
      isIn(fromElsewhere, this.#source.find(directory)) || isIn(toElsewhere, this.#target.find(directory));
    const changed = new Set(this.#added.lookAgain(taken.map(({ unit }) => unit)));
    const hasAnyMovedAway = fromElsewhere.size + toElsewhere.size > 0;
    for (const one of taken) {
      if (!changed.has(one.unit) && !(hasAnyMovedAway && one.unit.parts.some(hasMovedAway))) continue;
      one.outcome = undefined;
      one.outcome = this.#undo(one.unit.parts, undefined);
    }
  }

  /** Whether it lies in the trash, and is to be looked at there once more. */
  isUnconfirmed(unit: Unit): boolean {
    return this.#unconfirmed.has(unit);
  }

  /** It does not lie in the trash after all, and there is nothing to look at. */
  forget(unit: Unit): void {
    this.#unconfirmed.delete(unit);
  }

  /**
   * Looks at a large unit once more that was taken: what is not as it was before it was taken has been used meanwhile, and goes back.
   * @returns undefined where it was looked at already
   */
  confirm(unit: Unit): TakeOutcome | undefined {
    const before = this.#unconfirmed.get(unit);
    this.#unconfirmed.delete(unit);
    return before && this.#settled(unit, unit.parts, before);
  }

  /** Whether something stands under one of its old names again. */
  isRecreated({ parts }: Unit): boolean {
    return parts.some((part) => isThere(part, this.#source));
  }

  #isPlaceFree({ parts }: Unit): boolean {
    return parts.every((part) => {
      const target = this.#target.findOrMake(part.directory);
      this.#source.find(part.directory);
      return !target.has(part.name);
    });
  }

  beginBatch(): void {
    this.#source.beginBatch();
    this.#target.beginBatch();
  }

  /** Notes what has changed since the scan in the directories that companions lie in. */
  look(): void {
    this.#added.look();
  }

  endBatch(): void {
    this.#source.endBatch();
    this.#target.endBatch();
  }

  /** Whether the directories of one more unit can be held open. */
  hasRoom(): boolean {
    return this.#source.hasRoom(UNIT_DIRECTORIES_MAX) && this.#target.hasRoom(UNIT_DIRECTORIES_MAX);
  }

  makeRoom(): void {
    if (this.hasRoom()) return;
    this.endBatch();
    this.#source.close();
    this.#target.close();
  }

  close(): void {
    this.#source.close();
    this.#target.close();
  }

  #measureFiles(unit: Unit): Measurer {
    return this.#measure({ parts: unit.parts.filter(({ kind }) => kind === 'file') }, this.#source);
  }

  #measure(unit: Pick<Unit, 'parts'>, tree: OpenDirs): Measurer {
    const measurer = new Measurer(this.#claudeDir.surroundings);
    for (const part of unit.parts) {
      const parent = tree.find(part.directory);
      if (parent !== undefined) measurer.add(parent, part);
    }
    return measurer;
  }

  /** One part may lie where no rename leads from: all others can still be moved. */
  #withRemedy(error: unknown, part: Part | undefined): unknown {
    if (part === undefined || errorCode(error) !== 'EXDEV') return error;
    const path = `${Buffer.from(this.#claudeDir.path).toString('latin1')}/${partPath(part)}`;
    const [word, aside] = [shellWord(path), shellWord(`${path}.aside`)];
    const why = `${displayName(path)} comes from an image's layer, or is under another project quota or in a mount`;
    return errnoError('EXDEV', `${why}; for the first, mv ${word} ${aside} && mv ${aside} ${word}`);
  }

  #undo(moved: readonly Part[], error: unknown): TakeOutcome {
    const stuck = putBack(moved, this.#source, this.#target);
    if (error !== undefined && (isStopping(error) || errorCode(error) === undefined)) {
      throw stoppingError('move a session to the trash', error);
    }
    if (stuck.length > 0) return { kind: 'recreated' };
    if (error === undefined) return { kind: 'changed' };
    const code = errorCode(error) ?? 'unknown';
    return code === 'ENOENT' ? { kind: 'changed' } : { kind: 'unmovable', code, message: errorMessage(error) };
  }
}

/** A rename changes no number of names, so those that the scan saw are still enough, wherever they are by now. */
function isLinkedSince({ inode, names }: LinkedFile, { seenNames }: Unit): boolean {
  return names > (seenNames.get(inode) ?? 1);
}

function isIn(directories: ReadonlySet<AnchoredDir>, directory: AnchoredDir | undefined): boolean {
  return directory !== undefined && directories.has(directory);
}

function unreadMessage({ code, path }: ReadFault): string {
  return `look at ${displayName(path)}: ${code}`;
}
