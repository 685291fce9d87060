/** Decides, for every unit, whether it stays and why. Pure: no clock, no disk, and the order of its input does not matter. */

import type { SessionId } from '../../sessions/session-id.ts';
import type { Doubt, Unit } from '../../transcripts/unit.ts';

/** What a transcript says of itself, or that it cannot be asked. */
export type Mark = 'tagged' | 'named' | 'unreadable';

export type KeepReason =
  | Doubt
  | Mark
  | 'live'
  | 'running'
  | 'pinned'
  | 'future-mtime'
  | 'senseless-mtime'
  | 'too-young'
  | 'keep-last'
  | 'within-retention';

export type RemoveReason = 'expired' | 'over-size' | 'orphan';

export type Decision =
  | { readonly unit: Unit; readonly remove: false; readonly reason: KeepReason }
  | { readonly unit: Unit; readonly remove: true; readonly reason: RemoveReason };

/** The ids that each kind of live source protects. */
export interface LiveIds {
  readonly live: ReadonlySet<SessionId>;
  readonly running: ReadonlySet<SessionId>;
  readonly pinned: ReadonlySet<SessionId>;
  /** Of those whose transcripts were looked into. */
  readonly marks: ReadonlyMap<SessionId, Mark>;
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

/** One decision a unit, in the order of the input. */
export function planPrune(
  units: readonly Unit[],
  live: LiveIds,
  policy: PrunePolicy,
  nowMs: number,
): readonly Decision[] {
  const policyOf = rememberPolicies(policy);
  const lastOfProjects = newestOfEachProject(units, policyOf);
  const decisions = units.map((unit): Decision => {
    const protection = protectionOf(unit, live, policy, nowMs);
    if (protection !== undefined) return { unit, remove: false, reason: protection };
    if (lastOfProjects.has(unit)) return { unit, remove: false, reason: 'keep-last' };
    const { maxAgeMs } = policyOf(unit.project);
    if (maxAgeMs === 'never' || nowMs - unit.newestMtimeMs <= maxAgeMs) {
      return { unit, remove: false, reason: 'within-retention' };
    }
    return { unit, remove: true, reason: unit.hasTranscript ? 'expired' : 'orphan' };
  });
  return overSize(decisions, policy, policyOf);
}

/** What no retention can overrule. The order is that of what an operator most wants to know. */
function protectionOf(unit: Unit, live: LiveIds, policy: PrunePolicy, nowMs: number): KeepReason | undefined {
  if (live.live.has(unit.sessionId)) return 'live';
  if (live.running.has(unit.sessionId)) return 'running';
  if (live.pinned.has(unit.sessionId)) return 'pinned';
  if (unit.doubt !== undefined) return unit.doubt;
  const mark = live.marks.get(unit.sessionId);
  if (mark !== undefined) return mark;
  if (unit.newestMtimeMs > nowMs) return 'future-mtime';
  // Written so that a time which is no number at all is senseless too.
  if (!(unit.newestMtimeMs >= policy.earliestMtimeMs)) return 'senseless-mtime';
  if (nowMs - unit.newestMtimeMs < policy.minAgeMs) return 'too-young';
  return undefined;
}

type PolicyOf = (project: string | undefined) => ProjectPolicy;

/** Globs are matched once a project, not once a session. */
function rememberPolicies(policy: PrunePolicy): PolicyOf {
  const known = new Map<string | undefined, ProjectPolicy>();
  return (project) => {
    const policyOfProject = known.get(project) ?? policy.forProject(project);
    known.set(project, policyOfProject);
    return policyOfProject;
  };
}

/** The units that `keepLast` keeps: of each project, the newest with a transcript. */
function newestOfEachProject(units: readonly Unit[], policyOf: PolicyOf): ReadonlySet<Unit> {
  const unitsByProject = new Map<string, Unit[]>();
  for (const unit of units) {
    if (unit.project === undefined || !unit.hasTranscript || policyOf(unit.project).keepLast === 0) continue;
    const ofProject = unitsByProject.get(unit.project);
    if (ofProject === undefined) unitsByProject.set(unit.project, [unit]);
    else ofProject.push(unit);
  }
  const kept = new Set<Unit>();
  for (const [project, ofProject] of unitsByProject) {
    const newestFirst = ofProject.sort((left, right) => byAge(right, left));
    for (const unit of newestFirst.slice(0, policyOf(project).keepLast)) kept.add(unit);
  }
  return kept;
}

/**
 * Over the size cap, the oldest of what is within its retention goes too. What expires counts towards the target, but not
 * towards the trigger: otherwise a shorter `maxAge` could end up removing less than a longer one.
 */
function overSize(decisions: readonly Decision[], policy: PrunePolicy, policyOf: PolicyOf): readonly Decision[] {
  const totalBytes = decisions.reduce((total, { unit }) => total + unit.bytes, 0);
  if (policy.maxTotalBytes === 'off' || totalBytes <= policy.maxTotalBytes) return decisions;
  const targetBytes = policy.maxTotalBytes * SIZE_CAP_TARGET;
  const candidates = decisions
    .filter(({ unit, reason }) => reason === 'within-retention' && !policyOf(unit.project).isSparedBySizeCap)
    .sort((left, right) => byAge(left.unit, right.unit));
  let remainingBytes = decisions.reduce((rest, { unit, remove }) => (remove ? rest - unit.bytes : rest), totalBytes);
  const removed = new Set<Unit>();
  for (const { unit } of candidates) {
    if (remainingBytes <= targetBytes) break;
    removed.add(unit);
    remainingBytes -= unit.bytes;
  }
  return decisions.map((decision) =>
    removed.has(decision.unit) ? { unit: decision.unit, remove: true, reason: 'over-size' } : decision,
  );
}

/** Oldest first; equal ages in the order of their ids, so that the outcome never depends on the order of a directory. */
function byAge(left: Unit, right: Unit): number {
  return left.newestMtimeMs - right.newestMtimeMs || (left.sessionId < right.sessionId ? -1 : 1);
}
