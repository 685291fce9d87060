/**
 * Finds what has come to a session since the decision to remove it was made: a companion, its own directory, or a transcript.
 * Places that nothing has come into since they were listed are not looked into again.
 */

import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import type { DirectoryFingerprints } from '../claude-dir/directory-fingerprints.ts';
import { isClosedByOther } from '../claude-dir/foreign-place.ts';
import { headOf, type IrregularParts } from '../claude-dir/irregular-parts.ts';
import {
  COMPANION_PATHS,
  COMPANION_PLACES,
  type CompanionPlace,
  PROJECTS,
  projectParts,
} from '../claude-dir/layout.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import { isSamePath, type Part, UNIT_PROJECTS_MAX, type Unit } from '../claude-dir/unit.ts';
import type { ByteName } from '../files/byte-name.ts';
import { factsBelow } from '../files/facts-below.ts';
import type { OpenDirs } from '../files/open-dirs.ts';

/** The irregular parts of a place, by session. */
interface Listing {
  /** When the place had last changed as it was listed; our own moves out of it do not count. */
  readonly changedAtMs: number;
  readonly parts: ReadonlyMap<SessionId, readonly Part[]>;
}

export class AddedSinceScan {
  readonly #claudeDir: ClaudeDir;
  readonly #source: OpenDirs;
  readonly #times: DirectoryFingerprints | undefined;
  /** Into which something may have come. A place that we have moved something out of has other times, so it is one of them. */
  #open: ReadonlySet<CompanionPlace> = new Set(COMPANION_PLACES);
  #openAtLook = this.#open;
  #openProjects: readonly ByteName[] | undefined;
  readonly #listings = new Map<CompanionPlace, Listing>();

  /** @param times from before the decision; without them every place is looked into for every unit */
  constructor(claudeDir: ClaudeDir, source: OpenDirs, times: DirectoryFingerprints | undefined) {
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
    if (project !== undefined) {
      return projectsOf(unit).some((name) => projectParts(sessionId, name).some((part) => this.#isNew(part, unit)));
    }
    // Left-overs whose project is unknown: their transcript may have come back anywhere.
    this.#openProjects ??= this.#listOpenProjects();
    return this.#openProjects.some((name) => projectParts(sessionId, name).some((part) => this.#isNew(part, unit)));
  }

  /** The names under which nothing may be, so that looking at each tells what `hasAny` does; undefined where that takes more. */
  absentNames(unit: Unit): readonly Part[] | undefined {
    const { sessionId, project } = unit;
    if (project === undefined) return undefined;
    const parts = projectsOf(unit).flatMap((name) => projectParts(sessionId, name));
    for (const { directory, regular, irregular } of this.#open) {
      if (irregular !== undefined && irregular.nameFor === undefined) {
        if (this.#source.find(directory) !== undefined) return undefined;
      } else if (irregular?.nameFor !== undefined) {
        parts.push({ directory, name: irregular.nameFor(sessionId), kind: 'directory' });
      }
      if (regular !== undefined) parts.push({ directory, name: regular.nameFor(sessionId), kind: regular.kind });
    }
    return parts.filter((part) => !isKnown(part, unit));
  }

  /** That parts of units have gone from a place is our own doing, and no reason to list all of it again. */
  noteOwnMoves(units: readonly Unit[]): void {
    const places = COMPANION_PLACES.filter(({ directory }) =>
      units.some(({ parts }) => parts.some((part) => isSamePath(part.directory, directory))),
    );
    if (places.length === 0) return;
    this.#open = new Set([...this.#open, ...places]);
    for (const place of places) {
      const listing = this.#listings.get(place);
      const changedAtMs = listing && this.#changedAtMs(place);
      if (listing !== undefined && changedAtMs !== undefined) this.#listings.set(place, { ...listing, changedAtMs });
    }
  }

  #openPlaces(): Set<CompanionPlace> {
    const isOpen = ({ directory }: CompanionPlace) =>
      this.#times?.isUnchanged(directory, this.#claudeDir.root) !== true &&
      !isClosedByOther(this.#claudeDir, directory, (path) => this.#source.find(path));
    return new Set(COMPANION_PLACES.filter(isOpen));
  }

  #listOpenProjects(): ByteName[] {
    const { root, projects } = this.#claudeDir;
    const directories = projects.entries().filter(({ kind }) => kind === 'directory');
    return directories.map(({ name }) => name).filter((name) => !this.#times?.isUnchanged([PROJECTS, name], root));
  }

  #isInAny(unit: Unit, places: ReadonlySet<CompanionPlace>): boolean {
    for (const place of places) {
      if (this.#possibleParts(place, unit).some((part) => this.#isNew(part, unit))) return true;
    }
    return false;
  }

  /** A session may have these parts in a place. */
  #possibleParts(place: CompanionPlace, unit: Unit): readonly Part[] {
    const { directory, regular, irregular } = place;
    const { sessionId } = unit;
    const parts: Part[] = [];
    if (regular !== undefined) parts.push({ directory, name: regular.nameFor(sessionId), kind: regular.kind });
    if (irregular === undefined) return parts;
    if (irregular.nameFor === undefined) return [...parts, ...(this.#list(place, irregular).get(sessionId) ?? [])];
    const part: Part = { directory, name: irregular.nameFor(sessionId), kind: 'directory' };
    return this.#isNew(part, unit) && this.#isOwn(part, irregular, sessionId) ? [...parts, part] : parts;
  }

  #isNew(part: Part, unit: Unit): boolean {
    if (isKnown(part, unit)) return false;
    return this.#source.find(part.directory)?.has(part.name) ?? false;
  }

  #isOwn({ directory, name, kind }: Part, irregular: IrregularParts, sessionId: SessionId): boolean {
    const held = this.#source.find(directory);
    const owner = held && irregular.find({ name, kind }, held)?.owner;
    if (owner === undefined) return false;
    return 'head' in owner ? owner.head === headOf(sessionId) : owner.sessionId === sessionId;
  }

  /** Listed again only when something came or went: there may be many, and the resume map's writers wait. */
  #list(place: CompanionPlace, irregular: IrregularParts): Listing['parts'] {
    const changedAtMs = this.#changedAtMs(place);
    if (changedAtMs === undefined) return new Map();
    let listing = this.#listings.get(place);
    if (listing?.changedAtMs !== changedAtMs) {
      listing = { changedAtMs, parts: this.#irregularParts(place, irregular) };
      this.#listings.set(place, listing);
    }
    return listing.parts;
  }

  #changedAtMs({ directory }: CompanionPlace): number | undefined {
    return factsBelow(this.#claudeDir.root, directory)?.ctimeMs;
  }

  #irregularParts({ directory, regular }: CompanionPlace, irregular: IrregularParts): Map<SessionId, Part[]> {
    const partsBySession = new Map<SessionId, Part[]>();
    const held = this.#source.find(directory);
    for (const entry of held?.entries() ?? []) {
      const isRegular = regular?.sessionOf(entry.name) !== undefined;
      const found = held === undefined || isRegular ? undefined : irregular.find(entry, held);
      if (found === undefined || !('sessionId' in found.owner)) continue;
      const part = { directory, name: entry.name, kind: found.kind };
      const parts = partsBySession.get(found.owner.sessionId);
      if (parts === undefined) partsBySession.set(found.owner.sessionId, [part]);
      else parts.push(part);
    }
    return partsBySession;
  }
}

function isKnown(part: Part, { parts, undecided }: Unit): boolean {
  return parts.some((known) => isSame(known, part)) || undecided.some((known) => isSame(known, part));
}

function isSame(left: Part, right: Part): boolean {
  return left.name === right.name && isSamePath(left.directory, right.directory);
}

/** The projects that a unit has something in; mostly one. */
function projectsOf({ parts }: Unit): ByteName[] {
  return [
    ...new Set(
      parts.flatMap(({ directory: [place, name] }) => (place === PROJECTS && name !== undefined ? [name] : [])),
    ),
  ];
}

/** Directories of the Claude directory that one unit can have something in, those on the way included. */
export const UNIT_DIRECTORIES_MAX = COMPANION_PATHS.length + 1 + UNIT_PROJECTS_MAX;
