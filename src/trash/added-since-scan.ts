/**
 * Finds what has come to a session since the decision to remove it was made: a companion, its own directory, or a transcript.
 * Places that nothing has come into since they were listed are not looked into again.
 */

import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import type { PlaceTimes } from '../claude-dir/directory-fingerprints.ts';
import { COMPANION_PLACES, type CompanionPlace, PROJECTS, projectParts, TO_DO_LISTS } from '../claude-dir/layout.ts';
import type { Part, Unit } from '../claude-dir/unit.ts';
import type { ByteName } from '../files/byte-name.ts';
import type { HeldDirs } from '../files/open-dirs.ts';

const OTHER_PLACES = COMPANION_PLACES.filter((place) => place !== TO_DO_LISTS);

export class Newcomers {
  readonly #claudeDir: ClaudeDir;
  readonly #source: HeldDirs;
  readonly #times: PlaceTimes | undefined;
  /** Into which something may have come. A place that we have moved something out of has other times, so it is one of them. */
  #open: ReadonlySet<CompanionPlace> = new Set(COMPANION_PLACES);
  #openAtLook = this.#open;
  #openProjects: readonly ByteName[] | undefined;
  #toDoListing: { readonly changedAtMs: number; readonly parts: ReadonlyMap<string, readonly Part[]> } | undefined;

  /** @param times from before the decision; without them every place is looked into for every unit */
  constructor(claudeDir: ClaudeDir, source: HeldDirs, times: PlaceTimes | undefined) {
    this.#claudeDir = claudeDir;
    this.#source = source;
    this.#times = times;
  }

  /** Looks at the places. What comes into an unchanged one from here on is found by `lookAgain`. */
  look(): void {
    this.#open = this.#openPlaces();
    this.#openAtLook = this.#open;
    this.#openProjects = undefined;
  }

  /** @returns those of `units`, taken since `look`, that have got something in places which were unchanged then */
  lookAgain(units: readonly Unit[]): readonly Unit[] {
    const changed = new Set([...this.#openPlaces()].filter((place) => !this.#openAtLook.has(place)));
    if (changed.size === 0) return [];
    return units.filter((unit) => this.#isInAny(unit, changed));
  }

  hasAny(unit: Unit): boolean {
    if (this.#isInAny(unit, this.#open)) return true;
    const { sessionId, project } = unit;
    if (project !== undefined) return projectParts(sessionId, project).some((part) => this.#isNew(part, unit));
    // Left-overs whose project is unknown: their transcript may have come back anywhere.
    this.#openProjects ??= this.#listOpenProjects();
    return this.#openProjects.some((name) => projectParts(sessionId, name).some((part) => this.#isNew(part, unit)));
  }

  /** That a part of the unit has gone from a place is our own doing, and no reason to list all of it again. */
  noteOwnMove(unit: Unit): void {
    const places = COMPANION_PLACES.filter(({ directory }) =>
      unit.parts.some((part) => part.directory[0] === directory),
    );
    if (places.length === 0) return;
    this.#open = new Set([...this.#open, ...places]);
    const changedAtMs = this.#toDosChangedAtMs();
    if (places.includes(TO_DO_LISTS) && this.#toDoListing !== undefined && changedAtMs !== undefined) {
      this.#toDoListing = { ...this.#toDoListing, changedAtMs };
    }
  }

  #openPlaces(): Set<CompanionPlace> {
    const isOpen = ({ directory }: CompanionPlace) =>
      this.#times?.isUnchanged([directory], this.#claudeDir.root) !== true;
    return new Set(COMPANION_PLACES.filter(isOpen));
  }

  #listOpenProjects(): ByteName[] {
    const { projects } = this.#claudeDir;
    const directories = projects.entries().filter(({ kind }) => kind === 'directory');
    return directories.map(({ name }) => name).filter((name) => !this.#times?.isUnchanged([PROJECTS, name], projects));
  }

  #isInAny(unit: Unit, places: ReadonlySet<CompanionPlace>): boolean {
    if (places.size === 0) return false;
    for (const place of OTHER_PLACES) {
      if (!places.has(place)) continue;
      const part = { directory: [place.directory], name: place.nameFor(unit.sessionId), kind: place.kind };
      if (this.#isNew(part, unit)) return true;
    }
    return places.has(TO_DO_LISTS) && this.#toDoLists(unit).some((part) => this.#isNew(part, unit));
  }

  #isNew(part: Part, unit: Unit): boolean {
    return (
      !unit.parts.some((known) => isSame(known, part)) && (this.#source.find(part.directory)?.has(part.name) ?? false)
    );
  }

  #toDoLists({ sessionId }: Unit): readonly Part[] {
    const changedAtMs = this.#toDosChangedAtMs();
    if (changedAtMs === undefined) return [];
    // Listed again only when something came or went: there may be many, and the resume map's writers wait.
    if (this.#toDoListing?.changedAtMs !== changedAtMs) this.#toDoListing = { changedAtMs, parts: this.#listToDos() };
    return this.#toDoListing.parts.get(sessionId) ?? [];
  }

  #toDosChangedAtMs(): number | undefined {
    return this.#claudeDir.root.lstat(TO_DO_LISTS.directory)?.ctimeMs;
  }

  #listToDos(): Map<string, Part[]> {
    const directory = [TO_DO_LISTS.directory];
    const partsBySession = new Map<string, Part[]>();
    for (const { name } of this.#source.find(directory)?.entries() ?? []) {
      const sessionId = TO_DO_LISTS.sessionOf(name);
      if (sessionId === undefined) continue;
      const part = { directory, name, kind: TO_DO_LISTS.kind };
      const parts = partsBySession.get(sessionId);
      if (parts === undefined) partsBySession.set(sessionId, [part]);
      else parts.push(part);
    }
    return partsBySession;
  }
}

function isSame(left: Part, right: Part): boolean {
  return (
    left.name === right.name &&
    left.directory[0] === right.directory[0] &&
    left.directory[1] === right.directory[1] &&
    left.directory.length === right.directory.length
  );
}

/** Directories of the Claude directory that one unit can have something in: its project's, and all companion places. */
export const UNIT_DIRECTORIES_MAX = COMPANION_PLACES.length + 2;
