/** How long each session stays, by its project and by how it came to be. Pure. */

import type { Units } from '../../claude-dir/unit.ts';
import type { SessionClass } from '../../config/class-ages.ts';

/** What a person has said of a session in its transcript, or that it cannot be asked. */
export type Mark = 'tagged' | 'named' | 'unreadable';

/** What a transcript says of its session. */
export interface Facts {
  readonly mark: Mark | undefined;
  /** The newest time that an entry tells, Unix epoch ms. */
  readonly lastEntryMs: number | undefined;
  readonly sessionClass: SessionClass | undefined;
  /** It was put into the archive, and not used since. */
  readonly isArchived?: boolean;
}

/** What transcripts say, as far as they were looked into; by the rows of the units. */
export type FactsOf = (row: number) => Facts | undefined;

export type AgeVerdict = 'class-retention' | 'within-retention' | 'expired' | 'orphan';

/** The retention of one project. */
export interface ProjectPolicy {
  readonly maxAgeMs: number | 'never';
  /** It was given to this very project. */
  readonly isOwnMaxAge: boolean;
  /** The newest sessions of the project that stay, whatever their age. */
  readonly keepLast: number;
  /** The project was told to keep for ever: the size cap spares it too. */
  readonly isSparedBySizeCap: boolean;
}

export interface PrunePolicy {
  /** Those sessions alone are to go, whatever their age, and no retention counts; what protects, protects them as well. */
  readonly only?: ReadonlySet<string>;
  /** None of those goes where one of them is to stay, or is nowhere. */
  readonly isAllOrNone?: boolean;
  /** Nothing younger is removed, whatever else says so. */
  readonly minAgeMs: number;
  /** Where the units together take more of the disk, the oldest go until `SIZE_CAP_TARGET` of it is left. */
  readonly maxTotalBytes: number | 'off';
  /** Where less would be free even without the trash, the oldest go until it is. */
  readonly minFreeBytes: number | 'off';
  /** What is due stays until it was announced for so long; undefined where it goes at once. */
  readonly noticeMs?: number | undefined;
  /** Times before this are senseless. */
  readonly earliestMtimeMs: number;
  /** How long sessions of a class stay, where that differs. */
  readonly classMaxAgeMs: Readonly<Partial<Record<SessionClass, number | 'never'>>>;
  /**
   * @param project undefined for what is left of sessions whose project is unknown
   * @param paths real ones of its sessions, and `undefined` where some do not tell; of all that may be so, what keeps them longest counts
   */
  forProject(project: string | undefined, paths?: readonly (string | undefined)[]): ProjectPolicy;
  /** Whether the real paths of projects make a difference. */
  readonly asksForPaths?: boolean;
}

export type PolicyOf = (projectIndex: number | undefined) => ProjectPolicy;

/** Globs are matched once a project, not once a session. */
export function policyByProject({ projects }: Units, policy: PrunePolicy): PolicyOf {
  const known: ProjectPolicy[] = [];
  let ofUnknown: ProjectPolicy | undefined;
  return (index) => {
    if (index === undefined) {
      ofUnknown ??= policy.forProject(undefined);
      return ofUnknown;
    }
    const policyOfProject = known[index] ?? policy.forProject(projects[index]);
    known[index] = policyOfProject;
    return policyOfProject;
  };
}

/** No transcript of metadata alone is larger, with the few entries that it has. */
const METADATA_BYTES_MAX = 2_048;

/** How long each session stays, by its project and its class. */
export class AgeRules {
  readonly #units: Units;
  readonly #facts: FactsOf;
  readonly #policy: PrunePolicy;
  readonly #policyOf: PolicyOf;
  /** The shortest life of a class of conversations, and that of metadata. */
  readonly #shortestMs: number;
  readonly #metadataMs: number;

  constructor(units: Units, facts: FactsOf, policy: PrunePolicy, policyOf: PolicyOf) {
    this.#units = units;
    this.#facts = facts;
    this.#policy = policy;
    this.#policyOf = policyOf;
    const { metadata, ...ofConversations } = policy.classMaxAgeMs;
    this.#shortestMs = Math.min(...Object.values(ofConversations).map(asMs));
    this.#metadataMs = asMs(metadata ?? 'never');
  }

  verdict(row: number, nowMs: number): AgeVerdict {
    const ageMs = nowMs - this.#units.newestMtimeMs(row);
    const ofProjectMs = asMs(this.#policyOf(this.#units.projectIndex(row)).maxAgeMs);
    if (!(ageMs > this.maxAgeMs(row))) return ageMs > ofProjectMs ? 'class-retention' : 'within-retention';
    return this.#units.hasTranscript(row) ? 'expired' : 'orphan';
  }

  /** Whether it may be of a class that stays less long than it has stayed; such a one has to be looked into. */
  mayExpireByClass(row: number, nowMs: number): boolean {
    if (!this.#units.hasTranscript(row)) return false;
    const ageMs = nowMs - this.#units.newestMtimeMs(row);
    const mayBeMetadata = this.#units.files(row) === 1 && this.#units.bytes(row) <= METADATA_BYTES_MAX;
    return ageMs > this.#shortestMs || (mayBeMetadata && ageMs > this.#metadataMs);
  }

  isSparedBySizeCap(row: number): boolean {
    return this.#maxAgeOfClass(row) === 'never' || this.#policyOf(this.#units.projectIndex(row)).isSparedBySizeCap;
  }

  isSparedByClaude(row: number): boolean {
    return this.#facts(row)?.sessionClass === 'desktop';
  }

  maxAgeMs(row: number): number {
    const { maxAgeMs, isOwnMaxAge } = this.#policyOf(this.#units.projectIndex(row));
    const ofProjectMs = asMs(maxAgeMs);
    const ofClass = this.#maxAgeOfClass(row);
    if (ofClass === undefined) return ofProjectMs;
    // What is no conversation stays no longer than one would; where nothing is to go, it stays too.
    if (this.#facts(row)?.sessionClass === 'metadata')
      return maxAgeMs === 'never' ? ofProjectMs : Math.min(ofProjectMs, asMs(ofClass));
    return isOwnMaxAge ? Math.max(ofProjectMs, asMs(ofClass)) : asMs(ofClass);
  }

  #maxAgeOfClass(row: number): number | 'never' | undefined {
    const { sessionClass, isArchived = false } = this.#facts(row) ?? {};
    const { classMaxAgeMs } = this.#policy;
    const ofArchived = isArchived ? classMaxAgeMs.archived : undefined;
    return ofArchived ?? (sessionClass === undefined ? undefined : classMaxAgeMs[sessionClass]);
  }
}

function asMs(age: number | 'never'): number {
  return age === 'never' ? Number.POSITIVE_INFINITY : age;
}
