/** Moves units into a trash folder, each only as it was when it was decided on, and puts back what was used meanwhile. */

import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import type { DirectoryFingerprints } from '../claude-dir/directory-fingerprints.ts';
import { Measurer, sameMeasure } from '../claude-dir/measure.ts';
import type { Measure, Part, Unit } from '../claude-dir/unit.ts';
import { errnoError, errorCode, errorMessage, type OperatingError } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { displayName } from '../files/byte-name.ts';
import type { OpenDirs } from '../files/open-dirs.ts';
import { AddedSinceScan } from './added-since-scan.ts';
import { isStopping, isThere, putBack, renamePart, stoppingError, withRemedy } from './move.ts';
import { type Movable, type Moved, type NamedIn, NativeMoves } from './native-moves.ts';
import { OpenPlaces } from './open-places.ts';
import { type Taken, type TakeOutcome, unlikeDecided } from './take-outcome.ts';

/** So many units are moved in one call; between calls it is asked whether the hold is over. */
const UNITS_AT_ONCE = 8;
/** A unit of so many files takes a hold of its own only to be looked at: that is done before it, and once more after it. */
const LARGE_UNIT_FILES = 256;

/** A large unit was like this before anybody was held back. */
interface Measured {
  readonly all: Measurer;
  /** Its files that lie in no directory of its own, the transcript among them: these are looked at in the hold as well. */
  readonly files: Measurer;
}

export class UnitMover {
  readonly #claudeDir: ClaudeDir;
  readonly places: OpenPlaces;
  readonly #added: AddedSinceScan;
  /** Whose places in the trash are made, and known to be free. */
  #prepared: ReadonlySet<Unit> = new Set();
  /** The large ones among those that are taken next. */
  #measured: ReadonlyMap<Unit, Measured> = new Map();
  /** Large ones that lie in the trash, and are to be looked at there. */
  readonly #unconfirmed = new Map<Unit, Measurer>();
  #failure: OperatingError | undefined;
  /** Undefined where Node's calls do all of it. */
  readonly #native: NativeMoves | undefined;

  /**
   * @param folder the trash folder
   * @param fingerprints from before the decision; without them every unit's companion places are looked into
   */
  constructor(claudeDir: ClaudeDir, folder: AnchoredDir, fingerprints?: DirectoryFingerprints) {
    this.#claudeDir = claudeDir;
    this.places = new OpenPlaces(claudeDir.root, folder);
    this.#added = new AddedSinceScan(claudeDir, this.places.source, fingerprints);
    this.#native = NativeMoves.within(claudeDir.surroundings);
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
      this.places.makeRoom();
      this.places.beginBatch();
      this.look();
      for (const unit of units) {
        if (!this.places.hasRoom()) break;
        if (this.#native !== undefined && unit.files < LARGE_UNIT_FILES) {
          // Whether they are free is seen when the unit is taken.
          this.#makePlaces(unit);
          continue;
        }
        // Looked at once more when it is taken, and found sooner then.
        this.#added.hasAny(unit);
        if (this.#isPlaceFree(unit)) prepared.add(unit);
        if (unit.files < LARGE_UNIT_FILES) continue;
        measured.set(unit, { files: this.#measureFiles(unit), all: this.#measure(unit, this.places.source) });
      }
    } catch (error) {
      if (isStopping(error) || errorCode(error) === undefined) throw stoppingError('move sessions to the trash', error);
    } finally {
      this.places.endBatch();
    }
    this.#prepared = prepared;
    this.#measured = measured;
  }

  /**
   * Takes some of the units: the first one, or as many from there on as go in one call.
   * @param taken gets each with what has become of it, also before anything is thrown
   * @throws OperatingError where the whole run has to stop
   */
  take(units: readonly Unit[], taken: Taken[]): void {
    const movable = this.#movable(units);
    const told = movable.length === 0 ? [] : (this.#native?.move(movable) ?? []);
    const moved = told.findIndex(({ kind }) => kind !== 'moved');
    const done = units.slice(0, moved === -1 ? told.length : moved);
    for (const unit of done) taken.push({ unit, outcome: { kind: 'trashed' } });
    this.#added.noteOwnMoves(done);
    const next = units[done.length];
    const isCut = done.length > 0 && done.length === told.length;
    if (next !== undefined && !isCut) taken.push({ unit: next, outcome: this.#takeAlone(next, told[done.length]) });
  }

  #takeAlone(unit: Unit, moved: Moved | undefined): TakeOutcome {
    if (moved === undefined || moved.kind === 'left') return this.#take(unit);
    if (moved.kind !== 'failed') return this.#settled(unit, unit.parts, unit);
    return this.#undo(
      unit.parts.slice(0, moved.parts),
      withRemedy(this.#claudeDir, moved.error, unit.parts[moved.parts]),
    );
  }

  /** Finds as many of those that go next, from the first one on, as the native part can move at once. */
  #movable(units: readonly Unit[]): Movable[] {
    const movable: Movable[] = [];
    let files = 0;
    for (const unit of units.slice(0, this.#native === undefined ? 0 : UNITS_AT_ONCE)) {
      files += unit.files;
      if (files >= LARGE_UNIT_FILES || !this.places.hasRoom()) break;
      const one = this.places.movable(unit, this.#added);
      if (one === undefined) break;
      movable.push(one);
    }
    return movable;
  }

  #take(unit: Unit): TakeOutcome {
    const measured = this.#measured.get(unit);
    let before: Measurer;
    try {
      if (this.#added.hasAny(unit)) return { kind: 'changed' };
      if (measured !== undefined && !sameMeasure(measured.files, this.#measureFiles(unit))) return { kind: 'changed' };
      before = measured?.all ?? this.#measure(unit, this.places.source);
    } catch (error) {
      // One unit that cannot be looked at any more does not stop the others.
      if (isStopping(error) || errorCode(error) === undefined) throw stoppingError('look at a session', error);
      return { kind: 'unmovable', code: errorCode(error) ?? 'unknown', message: errorMessage(error) };
    }
    const found = unlikeDecided(before, unit);
    if (found !== undefined) return found;
    const moved: Part[] = [];
    try {
      for (const part of unit.parts) {
        renamePart(part, this.places.source, this.places.target, this.#prepared.has(unit));
        moved.push(part);
      }
    } catch (error) {
      return this.#undo(moved, withRemedy(this.#claudeDir, error, unit.parts[moved.length]));
    }
    const outcome: TakeOutcome = measured === undefined ? this.#settled(unit, moved, before) : { kind: 'trashed' };
    if (measured !== undefined) this.#unconfirmed.set(unit, before);
    if (outcome.kind === 'trashed') this.#added.noteOwnMoves([unit]);
    return outcome;
  }

  /** Settles what has become of a unit that was moved: it stays in the trash only as it was before. */
  #settled(unit: Unit, moved: readonly Part[], before: Measure): TakeOutcome {
    let after: Measurer;
    try {
      after = this.#measure(unit, this.places.target);
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
    const [fromElsewhere, toElsewhere] = [this.places.source.movedAway(), this.places.target.movedAway()];
    const hasMovedAway = ({ directory }: Part) =>
      isIn(fromElsewhere, this.places.source.find(directory)) || isIn(toElsewhere, this.places.target.find(directory));
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

  /** Those of the units under one of whose old names something stands again. */
  recreated(units: readonly Unit[]): Unit[] {
    const recreated: Unit[] = [];
    for (let next = 0; next < units.length; ) {
      this.places.makeRoom();
      this.places.beginBatch();
      const names: NamedIn[][] = [];
      for (; next < units.length && this.places.hasRoom(); next += 1)
        names.push(this.places.oldNames(units[next]?.parts ?? []));
      const some = units.slice(next - names.length, next);
      const isAbsent = this.#native?.areAbsent(names);
      const isBack = ({ parts }: Unit) => parts.some((part) => isThere(part, this.places.source));
      recreated.push(...some.filter((unit, index) => isAbsent?.[index] !== true && isBack(unit)));
    }
    return recreated;
  }

  #isPlaceFree(unit: Unit): boolean {
    this.#makePlaces(unit);
    return unit.parts.every(({ directory, name }) => !this.places.target.findOrMake(directory).has(name));
  }

  #makePlaces({ parts }: Unit): void {
    for (const { directory } of parts) {
      this.places.target.findOrMake(directory);
      this.places.source.find(directory);
    }
  }

  /** Notes what has changed since the scan in the directories that companions lie in. */
  look(): void {
    this.#added.look();
  }

  #measureFiles(unit: Unit): Measurer {
    return this.#measure({ parts: unit.parts.filter(({ kind }) => kind === 'file') }, this.places.source);
  }

  #measure(unit: Pick<Unit, 'parts'>, tree: OpenDirs): Measurer {
    const measurer = new Measurer(this.#claudeDir.surroundings);
    for (const part of unit.parts) {
      const parent = tree.find(part.directory);
      if (parent !== undefined) measurer.add(parent, part);
    }
    return measurer;
  }

  #undo(moved: readonly Part[], error: unknown): TakeOutcome {
    const stuck = putBack(moved, this.places.source, this.places.target);
    if (error !== undefined && (isStopping(error) || errorCode(error) === undefined)) {
      throw stoppingError('move a session to the trash', error);
    }
    if (stuck.length > 0) return { kind: 'recreated' };
    if (error === undefined) return { kind: 'changed' };
    const code = errorCode(error) ?? 'unknown';
    return code === 'ENOENT' ? { kind: 'changed' } : { kind: 'unmovable', code, message: errorMessage(error) };
  }
}

function isIn(directories: ReadonlySet<AnchoredDir>, directory: AnchoredDir | undefined): boolean {
  return directory !== undefined && directories.has(directory);
}
