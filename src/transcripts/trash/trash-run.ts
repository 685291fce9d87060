/** One run's part of the trash: a directory that mirrors the Claude directory, with the manifest beside the files. */

import { errnoError, errorCode, errorMessage, type OperatingError } from '../../errors.ts';
import type { SessionId } from '../../sessions/session-id.ts';
import type { AnchoredDir } from '../anchored-dir.ts';
import { type ByteName, displayName } from '../byte-name.ts';
import type { ClaudeDir } from '../claude-dir.ts';
import { namedParts, projectParts, TO_DO_LISTS } from '../layout.ts';
import { Measurer, type ReadFault, sameMeasure } from '../measure.ts';
import { type Part, partPath, type Unit } from '../unit.ts';
import { HeldDirs } from './held-dirs.ts';
import type { ManifestEvent, ManifestWriter } from './manifest.ts';
import { isStopping, isThere, putBack, renamePart, stoppingError } from './move.ts';
import { makeRunDirectory } from './run-directory.ts';

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

export class TrashRun {
  readonly name: ByteName;
  readonly #claudeDir: ClaudeDir;
  readonly #directory: AnchoredDir;
  readonly #source: HeldDirs;
  readonly #target: HeldDirs;
  readonly #manifest: ManifestWriter;
  #failure: OperatingError | undefined;
  #toDoListing: { readonly mtimeNs: bigint; readonly parts: ReadonlyMap<SessionId, readonly Part[]> } | undefined;

  private constructor(claudeDir: ClaudeDir, name: ByteName, directory: AnchoredDir, manifest: ManifestWriter) {
    this.#claudeDir = claudeDir;
    this.name = name;
    this.#directory = directory;
    this.#source = new HeldDirs(claudeDir.root);
    this.#target = new HeldDirs(directory);
    this.#manifest = manifest;
  }

  /** Makes a new run directory; a taken name is never used again. */
  static begin(claudeDir: ClaudeDir, trash: AnchoredDir, startedAtMs: number): TrashRun {
    try {
      const { name, directory, manifest } = makeRunDirectory(trash, startedAtMs);
      return new TrashRun(claudeDir, name, directory, manifest);
    } catch (error) {
      throw stoppingError('begin a trash run', error);
    }
  }

  /** Makes known, durably, what is about to be moved. */
  intend(units: readonly { readonly unit: Unit; readonly reason: string }[], nowMs: number): void {
    try {
      for (const { unit, reason } of units) {
        const { sessionId, project, files, bytes, newestMtimeMs, parts } = unit;
        this.#manifest.intent({ sessionId, reason, project, files, bytes, newestMtimeMs, parts }, nowMs);
      }
      this.#manifest.sync();
    } catch (error) {
      throw stoppingError('write the trash manifest', error);
    }
  }

  /**
   * Moves one unit that was intended, if it still is what it was, and looks once more afterwards.
   * @throws OperatingError where the whole run has to stop; a unit that is then not where it was, the next run puts back
   */
  take(unit: Unit, nowMs: number): TakeOutcome {
    this.throwIfFailed();
    const outcome = this.#take(unit);
    const event: ManifestEvent = outcome.kind === 'trashed' || outcome.kind === 'recreated' ? 'trashed' : 'kept';
    this.#manifest.event(event, unit.sessionId, nowMs);
    return outcome;
  }

  /** For units that were intended and then found to be live after all. */
  keep(sessionId: SessionId, nowMs: number): void {
    this.#manifest.event('kept', sessionId, nowMs);
  }

  /** Hands the outcomes so far to the system; a kill loses none of them then. */
  flush(): void {
    this.#manifest.flush();
  }

  close(): void {
    try {
      this.#manifest.close();
    } finally {
      this.#source.close();
      this.#target.close();
      this.#directory.close();
    }
  }

  #take(unit: Unit): TakeOutcome {
    let before: Measurer;
    try {
      if (this.#hasNewParts(unit)) return { kind: 'changed' };
      before = this.#measure(unit, this.#source);
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
    const moved: Part[] = [];
    try {
      for (const part of unit.parts) {
        renamePart(part, this.#source, this.#target);
        moved.push(part);
      }
    } catch (error) {
      return this.#undo(moved, error);
    }
    let after: Measurer;
    let isRecreated: boolean;
    try {
      after = this.#measure(unit, this.#target);
      isRecreated = unit.parts.some((part) => isThere(part, this.#source));
    } catch (error) {
      // It lies in the trash whole, and that is to be told before the run stops.
      this.#failure = stoppingError('look at a session in the trash', error);
      return { kind: 'trashed' };
    }
    if (after.unreadable !== undefined) {
      return this.#undo(
        moved,
        errnoError(after.unreadable.code, `look at ${displayName(after.unreadable.path)} in the trash`),
      );
    }
    // Between the last look and the rename a session may have written: then the unit goes straight back.
    if (!sameMeasure(after, before)) return this.#undo(moved, undefined);
    this.#noteOwnMoves(unit);
    return isRecreated ? { kind: 'recreated' } : { kind: 'trashed' };
  }

  /** That a to-do list of the unit has gone is our own doing, and no reason to list them all again. */
  #noteOwnMoves(unit: Unit): void {
    if (!unit.parts.some((part) => part.directory[0] === TO_DO_LISTS.directory)) return;
    const mtimeNs = this.#claudeDir.root.lstatExact(TO_DO_LISTS.directory)?.mtimeNs;
    if (mtimeNs !== undefined && this.#toDoListing !== undefined) this.#toDoListing = { ...this.#toDoListing, mtimeNs };
  }

  /** @throws OperatingError where the run has to stop after what it took last */
  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** What was not there when the decision was made: a companion, or the session's own directory, or a transcript. */
  #hasNewParts(unit: Unit): boolean {
    const known = new Set(unit.parts.map(partPath));
    const isNew = (part: Part) => !known.has(partPath(part)) && isThere(part, this.#source);
    if (namedParts(unit.sessionId, unit.project).some(isNew)) return true;
    if (this.#toDoLists(unit.sessionId).some(isNew)) return true;
    // Left-overs whose project is unknown: their transcript may have come back anywhere.
    return unit.project === undefined && this.#inAnyProject(unit.sessionId).some(isNew);
  }

  #toDoLists(sessionId: SessionId): readonly Part[] {
    const mtimeNs = this.#claudeDir.root.lstatExact(TO_DO_LISTS.directory)?.mtimeNs;
    if (mtimeNs === undefined) return [];
    // Listed again only when something came or went: there may be many, and the resume map's writers wait.
    if (this.#toDoListing?.mtimeNs !== mtimeNs) this.#toDoListing = { mtimeNs, parts: this.#listToDos() };
    return this.#toDoListing.parts.get(sessionId) ?? [];
  }

  #listToDos(): Map<SessionId, Part[]> {
    const directory = [TO_DO_LISTS.directory];
    const partsBySession = new Map<SessionId, Part[]>();
    for (const { name } of this.#source.find(directory)?.entries() ?? []) {
      const sessionId = TO_DO_LISTS.sessionOf(name);
      if (sessionId === undefined) continue;
      const parts = partsBySession.get(sessionId) ?? [];
      partsBySession.set(sessionId, [...parts, { directory, name, kind: TO_DO_LISTS.kind }]);
    }
    return partsBySession;
  }

  #inAnyProject(sessionId: SessionId): Part[] {
    const projects = this.#claudeDir.projects.entries().filter((entry) => entry.kind === 'directory');
    return projects.flatMap(({ name }) => projectParts(sessionId, name));
  }

  #measure(unit: Unit, tree: HeldDirs): Measurer {
    const measurer = new Measurer(this.#claudeDir.surroundings);
    for (const part of unit.parts) {
      const parent = tree.find(part.directory);
      if (parent !== undefined) measurer.add(parent, part);
    }
    return measurer;
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

function unreadMessage({ code, path }: ReadFault): string {
  return `look at ${displayName(path)}: ${code}`;
}
