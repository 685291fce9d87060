/** Decides, for every unit, whether it stays and why. Pure: no clock, no disk, and the order of its input does not matter. */

import { DOUBTS, type Units } from '../../claude-dir/unit.ts';
import { PROTECTIONS, type Protection } from '../../live-sources/live-source.ts';

/** What a transcript says of itself, or that it cannot be asked. */
export type Mark = 'tagged' | 'named' | 'unreadable';

/** Why a unit stays. */
export const KEEP_REASONS = [
  ...PROTECTIONS,
  'tagged',
  'named',
  ...DOUBTS,
  'future-mtime',
  'senseless-mtime',
  'too-young',
  'keep-last',
  'within-retention',
] as const;
export type KeepReason = (typeof KEEP_REASONS)[number];

/** Why a unit goes. */
export const REMOVE_REASONS = ['expired', 'over-size', 'orphan'] as const;
export type RemoveReason = (typeof REMOVE_REASONS)[number];

/** What protects each unit beside its own state; by the rows of the units. */
export interface Protections {
  /** What the live sources say. */
  protection(row: number): Protection | undefined;
  /** What transcripts say of themselves, as far as they were looked into. */
  mark(row: number): Mark | undefined;
}

/** One verdict a unit. */
export interface Plan {
  readonly length: number;
  reason(row: number): KeepReason | RemoveReason;
  isRemoval(row: number): boolean;
}

/** The retention of one project. */
export interface ProjectPolicy {
  readonly maxAgeMs: number | 'never';
  /** The newest sessions of the project that stay, whatever their age. */
  readonly keepLast: number;
  /** The project was told to keep for ever: the size cap spares it too. */
  readonly isSparedBySizeCap: boolean;
}

export interface PrunePolicy {
  /** Nothing younger is removed, whatever else says so. */
  readonly minAgeMs: number;
  /** Where the units together hold more, the oldest go until `SIZE_CAP_TARGET` of it is left. */
  readonly maxTotalBytes: number | 'off';
  /** Times before this are senseless. */
  readonly earliestMtimeMs: number;
  /** @param project undefined for what is left of sessions whose project is unknown */
  forProject(project: string | undefined): ProjectPolicy;
}

/** Below the cap by so much, so that the next session does not bring the next removal. */
const SIZE_CAP_TARGET = 0.8;

/** By the order of their ids where nothing else decides, so that the order of the rows never does. */
export function planPrune(units: Units, protections: Protections, policy: PrunePolicy, nowMs: number): Plan {
  const verdicts = new Verdicts(units.length);
  const policyOf = policyByProject(units, policy);
  for (let row = 0; row < units.length; row += 1) {
    verdicts.set(row, protectionOf(units, row, protections, policy, nowMs) ?? ageVerdict(units, row, policyOf, nowMs));
  }
  keepNewestOfEachProject(units, verdicts, policyOf);
  removeOverSize(units, verdicts, policy, policyOf);
  return verdicts;
}

const REASONS: readonly (KeepReason | RemoveReason)[] = [...KEEP_REASONS, ...REMOVE_REASONS];
const FIRST_REMOVAL = KEEP_REASONS.length;
const CODES: ReadonlyMap<string, number> = new Map(REASONS.map((reason, code) => [reason, code]));

/** A byte a unit. */
class Verdicts implements Plan {
  readonly #reasons: Uint8Array;

  constructor(length: number) {
    this.#reasons = new Uint8Array(length);
  }

  get length(): number {
    return this.#reasons.length;
  }

  set(row: number, reason: KeepReason | RemoveReason): void {
    const code = CODES.get(reason);
    if (code === undefined) throw new Error(`${reason} is no reason of a plan`);
    this.#reasons[row] = code;
  }

  reason(row: number): KeepReason | RemoveReason {
    const reason = REASONS[this.#reasons[row] ?? -1];
    if (reason === undefined) throw new Error(`no verdict on row ${row}`);
    return reason;
  }

  isRemoval(row: number): boolean {
    return (this.#reasons[row] ?? 0) >= FIRST_REMOVAL;
  }
}

/** What no retention can overrule. The order is that of what an operator most wants to know. */
function protectionOf(
  units: Units,
  row: number,
  protections: Protections,
  policy: PrunePolicy,
  nowMs: number,
): KeepReason | undefined {
  const protection = protections.protection(row) ?? units.doubt(row) ?? protections.mark(row);
  if (protection !== undefined) return protection;
  const newestMtimeMs = units.newestMtimeMs(row);
  if (newestMtimeMs > nowMs) return 'future-mtime';
  // Written so that a time which is no number at all is senseless too.
  if (!(newestMtimeMs >= policy.earliestMtimeMs)) return 'senseless-mtime';
  if (nowMs - newestMtimeMs < policy.minAgeMs) return 'too-young';
  return undefined;
}

function ageVerdict(units: Units, row: number, policyOf: PolicyOf, nowMs: number): KeepReason | RemoveReason {
  const { maxAgeMs } = policyOf(units.projectIndex(row));
  if (maxAgeMs === 'never' || nowMs - units.newestMtimeMs(row) <= maxAgeMs) return 'within-retention';
  return units.hasTranscript(row) ? 'expired' : 'orphan';
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

/** The newest sessions of each project that have a transcript; they count whatever else keeps them. */
function keepNewestOfEachProject(units: Units, verdicts: Verdicts, policyOf: PolicyOf): void {
  const keepLastOf = (row: number) => policyOf(units.projectIndex(row)).keepLast;
  const rows = rowsWhere(units, (row) => {
    return units.projectIndex(row) !== undefined && units.hasTranscript(row) && keepLastOf(row) > 0;
  });
  const projectOf = (row: number) => units.projectIndex(row) ?? -1;
  rows.sort((left, right) => projectOf(left) - projectOf(right) || byAge(units, right, left));
  let project = -1;
  let place = 0;
  for (const row of rows) {
    place = projectOf(row) === project ? place + 1 : 0;
    project = projectOf(row);
    if (place < keepLastOf(row) && isByAge(verdicts.reason(row))) verdicts.set(row, 'keep-last');
  }
}

/** Whether one that stays does so by its age or its rank alone: nothing is known of it that names it. */
export function isKeptByAge(reason: KeepReason | RemoveReason): boolean {
  return reason === 'within-retention' || reason === 'keep-last' || reason === 'too-young';
}

function isByAge(reason: KeepReason | RemoveReason): boolean {
  return reason === 'within-retention' || reason === 'expired' || reason === 'orphan';
}

/**
 * Over the size cap, the oldest of what is within its retention goes too. What expires counts towards the target, but not
 * towards the trigger: otherwise a shorter `maxAge` could end up removing less than a longer one.
 */
function removeOverSize(units: Units, verdicts: Verdicts, policy: PrunePolicy, policyOf: PolicyOf): void {
  if (policy.maxTotalBytes === 'off') return;
  let totalBytes = 0;
  let remainingBytes = 0;
  for (let row = 0; row < units.length; row += 1) {
    const bytes = units.bytes(row);
    totalBytes += bytes;
    if (!verdicts.isRemoval(row)) remainingBytes += bytes;
  }
  if (totalBytes <= policy.maxTotalBytes) return;
  const targetBytes = policy.maxTotalBytes * SIZE_CAP_TARGET;
  const candidates = rowsWhere(units, (row) => {
    return verdicts.reason(row) === 'within-retention' && !policyOf(units.projectIndex(row)).isSparedBySizeCap;
  });
  candidates.sort((left, right) => byAge(units, left, right));
  for (const row of candidates) {
    if (remainingBytes <= targetBytes) break;
    verdicts.set(row, 'over-size');
    remainingBytes -= units.bytes(row);
  }
}

function rowsWhere({ length }: Units, isWanted: (row: number) => boolean): Uint32Array {
  let count = 0;
  for (let row = 0; row < length; row += 1) if (isWanted(row)) count += 1;
  const rows = new Uint32Array(count);
  let next = 0;
  for (let row = 0; row < length && next < count; row += 1) {
    if (!isWanted(row)) continue;
    rows[next] = row;
    next += 1;
  }
  return rows;
}

/** Oldest first. */
function byAge(units: Units, left: number, right: number): number {
  return units.newestMtimeMs(left) - units.newestMtimeMs(right) || units.compareIds(left, right);
}
