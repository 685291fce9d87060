/** Adds up what a prune saw and did, over all Claude directories, to its report. */

import type { Units } from '../../claude-dir/unit.ts';
import { displayName } from '../../files/byte-name.ts';
import type { Reconciled } from '../../trash/unfinished.ts';
import type { Exposure } from '../exposed.ts';
import { OLDEST_LISTED, type RemovedListing } from '../job.ts';
import type { LiveObservation } from '../observe-live.ts';
import type { ProjectUse, PruneReport, RemovedSession, RunEnd, SessionUse } from '../report.ts';
import { TRANSCRIPT_STATES, type TranscriptState } from '../transcript-states.ts';
import type { AppliedPlan, LateKeepReason } from './applied-plan.ts';
import type { Concluded } from './place.ts';
import type { KeepReason, Plan, RemoveReason } from './plan.ts';

/** Every kept reason is one of the states that the metrics know. */
const STATE_BY_REASON: Readonly<Record<KeepReason | LateKeepReason, TranscriptState>> = {
  live: 'live',
  running: 'live',
  pinned: 'live',
  tagged: 'live',
  named: 'live',
  recreated: 'live',
  changed: 'live',
  'too-young': 'retained',
  'keep-last': 'retained',
  'within-retention': 'retained',
  'class-retention': 'retained',
  'copy-kept': 'retained',
  announced: 'retained',
  busy: 'retained',
  vanished: 'retained',
  held: 'retained',
  unmovable: 'doubtful',
  unrecognised: 'doubtful',
  'hard-linked': 'doubtful',
  'foreign-owner': 'doubtful',
  'other-filesystem': 'doubtful',
  unreadable: 'doubtful',
  'duplicate-id': 'doubtful',
  'projects-unreadable': 'doubtful',
  'future-mtime': 'doubtful',
  'senseless-mtime': 'doubtful',
};

const TOP_SESSIONS = 5;
/** How many are gathered before only the oldest of them are kept. */
const UNLISTED_MAX = 1_000;

export class PruneTally {
  readonly #projects = new Map<string | undefined, { sessions: number; bytes: number; lastUsedMs: number }>();
  readonly #left = new Map<string | undefined, { sessions: number; bytes: number }>();
  readonly #largest = new TopSessions();
  readonly #oldest = new TopSessions();
  readonly #observed = { sessions: 0, files: 0, bytes: 0, diskBytes: 0, orphans: 0 };
  readonly #kept: Record<string, number> = {};
  #removedFiles = 0;
  readonly #removedByReason: Record<RemoveReason, number> = { expired: 0, 'over-size': 0, orphan: 0, asked: 0 };
  readonly #bytesByReason: Record<RemoveReason, number> = { expired: 0, 'over-size': 0, orphan: 0, asked: 0 };
  readonly #listing: RemovedListing;
  #removedSessions: RemovedSession[] = [];
  readonly #states = Object.fromEntries(TRANSCRIPT_STATES.map((state) => [state, { sessions: 0, bytes: 0 }])) as Record<
    TranscriptState,
    { sessions: number; bytes: number }
  >;
  readonly #announced = { sessions: 0, bytes: 0 };
  readonly #trash = { sessions: 0, bytes: 0 };
  readonly #reconciled = { undone: 0, completed: 0 };
  readonly #exposed: Record<string, Exposure> = {};
  readonly #sole: Record<string, number> = {};
  #shielded = 0;
  #reserveBytes = 0;
  readonly #cameBack = { sessions: 0, bytes: 0 };
  #emptyProjects = 0;
  #vanished = 0;

  constructor(listing: RemovedListing) {
    this.#listing = listing;
  }

  /**
   * @param units whose plan it was, as they are on disk
   * @returns how many sessions are left
   */
  addPlan(path: string, units: Units, plan: Plan, applied: AppliedPlan): number {
    let left = 0;
    for (let row = 0; row < plan.length; row += 1) {
      this.#observe(units, row, plan.lastUsedMs(row));
      if (plan.isRemoval(row) && applied.isRemoved(row)) {
        this.#remove(path, units, row, plan);
        continue;
      }
      left += 1;
      // What a stopped run did not come to is within reach of the next one.
      const reason = plan.isRemoval(row) ? (applied.lateReason(row) ?? 'busy') : (plan.reason(row) as KeepReason);
      this.#keep(units.bytes(row), reason);
      this.#leave(units, row);
    }
    return left;
  }

  addReconciled({ undone, completed }: Pick<Reconciled, 'undone' | 'completed'>): void {
    this.#reconciled.undone += undone;
    this.#reconciled.completed += completed;
  }

  addConcluded({ shielded, emptyProjects, copies, vanished }: Concluded): void {
    this.#vanished += vanished;
    this.#cameBack.sessions += copies.sessions;
    this.#cameBack.bytes += copies.bytes;
    this.#shielded += shielded;
    this.#emptyProjects += emptyProjects;
  }

  addGivenUp(bytes: number): void {
    this.#reserveBytes += bytes;
  }

  addExposure(path: string, exposure: Exposure | undefined): void {
    if (exposure !== undefined) this.#exposed[path] = exposure;
  }

  /** @param counts by live source */
  addSole(counts: ReadonlyMap<string, number>): void {
    for (const [source, count] of counts) this.#sole[source] = (this.#sole[source] ?? 0) + count;
  }

  addTrash({ sessions, bytes }: { readonly sessions: number; readonly bytes: number }): void {
    this.#trash.sessions += sessions;
    this.#trash.bytes += bytes;
  }

  report({
    sources,
    counts: liveIds,
    malformed,
    stale,
  }: Pick<LiveObservation, 'sources' | 'counts' | 'malformed' | 'stale'>): Omit<PruneReport, keyof RunEnd> {
    const { undone, completed } = this.#reconciled;
    return {
      job: 'prune-transcripts',
      observed: this.#observed,
      kept: this.#kept,
      removed: {
        sessions: sumOf(this.#removedByReason),
        files: this.#removedFiles,
        bytes: sumOf(this.#bytesByReason),
        byReason: this.#removedByReason,
        bytesByReason: this.#bytesByReason,
      },
      ...(this.#listing === 'none' ? {} : { removedSessions: this.#listed() }),
      trash: this.#trash,
      sources: Object.fromEntries(
        Object.entries(sources).map(([name, source]) => {
          const onlyIts = this.#sole[name];
          return [name, onlyIts === undefined ? source : { ...source, onlyIts }];
        }),
      ),
      liveIds,
      ...(Object.keys(malformed).length > 0 ? { malformedIds: malformed } : {}),
      ...(Object.keys(stale).length > 0 ? { staleRecords: stale } : {}),
      ...(this.#shielded > 0 ? { shielded: this.#shielded } : {}),
      ...(this.#emptyProjects > 0 ? { emptyProjects: this.#emptyProjects } : {}),
      ...(this.#reserveBytes > 0 ? { reserveGivenUp: this.#reserveBytes } : {}),
      ...(this.#cameBack.sessions > 0 ? { cameBack: this.#cameBack } : {}),
      ...(this.#vanished > 0 ? { vanished: this.#vanished } : {}),
      exposed: this.#exposed,
      ...(undone + completed > 0 ? { reconciled: { undone, completed } } : {}),
      announced: this.#announced,
      transcripts: this.#states,
      projects: Array.from(
        this.#projects,
        ([project, use]): ProjectUse => ({ project: project && displayName(project), ...use }),
      ),
      left: Array.from(this.#left, ([project, amount]) => ({
        project: project && displayName(project),
        ...amount,
      })).sort((one, other) => other.bytes - one.bytes),
      largest: this.#largest.list(),
      oldest: this.#oldest.list(),
    };
  }

  #observe(units: Units, row: number, lastUsedMs: number): void {
    const bytes = units.bytes(row);
    add(this.#observed, units.files(row), bytes);
    this.#observed.diskBytes += units.diskBytes(row);
    if (!units.hasTranscript(row)) this.#observed.orphans += 1;
    const index = units.projectIndex(row);
    const project = index === undefined ? undefined : units.projects[index];
    let use = this.#projects.get(project);
    if (use === undefined) {
      use = { sessions: 0, bytes: 0, lastUsedMs: 0 };
      this.#projects.set(project, use);
    }
    use.sessions += 1;
    use.bytes += bytes;
    use.lastUsedMs = Math.max(use.lastUsedMs, lastUsedMs);
    const show = () => ({
      sessionId: units.sessionId(row),
      project: project && displayName(project),
      bytes,
      lastUsedMs,
    });
    this.#largest.add(-bytes, show);
    this.#oldest.add(lastUsedMs, show);
  }

  #leave(units: Units, row: number): void {
    const index = units.projectIndex(row);
    const project = index === undefined ? undefined : units.projects[index];
    const left = this.#left.get(project) ?? { sessions: 0, bytes: 0 };
    left.sessions += 1;
    left.bytes += units.bytes(row);
    this.#left.set(project, left);
  }

  #keep(bytes: number, reason: KeepReason | LateKeepReason): void {
    this.#kept[reason] = (this.#kept[reason] ?? 0) + 1;
    if (reason === 'announced') {
      this.#announced.sessions += 1;
      this.#announced.bytes += bytes;
    }
    const state = this.#states[STATE_BY_REASON[reason]];
    state.sessions += 1;
    state.bytes += bytes;
  }

  #remove(claudeDir: string, units: Units, row: number, plan: Plan): void {
    const reason = plan.reason(row) as RemoveReason;
    const [files, bytes] = [units.files(row), units.bytes(row)];
    this.#removedFiles += files;
    this.#removedByReason[reason] += 1;
    this.#bytesByReason[reason] += bytes;
    if (this.#listing === 'none') return;
    const index = units.projectIndex(row);
    const project = index === undefined ? undefined : units.projects[index];
    this.#removedSessions.push({
      sessionId: units.sessionId(row),
      claudeDir,
      project: project && displayName(project),
      reason,
      files,
      bytes,
      lastUsedMs: plan.lastUsedMs(row),
    });
    if (this.#listing === 'oldest' && this.#removedSessions.length > UNLISTED_MAX) {
      this.#removedSessions = this.#listed();
    }
  }

  #listed(): RemovedSession[] {
    if (this.#listing === 'all') return this.#removedSessions;
    return this.#removedSessions.toSorted((left, right) => left.lastUsedMs - right.lastUsedMs).slice(0, OLDEST_LISTED);
  }
}

function sumOf(valueByReason: Readonly<Record<string, number>>): number {
  return Object.values(valueByReason).reduce((total, value) => total + value, 0);
}

function add(sum: { sessions: number; files: number; bytes: number }, files: number, bytes: number): void {
  sum.sessions += 1;
  sum.files += files;
  sum.bytes += bytes;
}

/** The first few of an order, of any number. */
class TopSessions {
  #top: { readonly rank: number; readonly session: SessionUse }[] = [];

  /** @param rank lowest first; of equal ones, the first that came */
  add(rank: number, show: () => SessionUse): void {
    const last = this.#top[TOP_SESSIONS - 1];
    if (last !== undefined && !(rank < last.rank)) return;
    const top = [...this.#top, { rank, session: show() }];
    this.#top = top.sort((left, right) => left.rank - right.rank).slice(0, TOP_SESSIONS);
  }

  list(): SessionUse[] {
    return this.#top.map(({ session }) => session);
  }
}
