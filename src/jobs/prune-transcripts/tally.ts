/** Adds up what a prune saw and did, over all Claude directories, to its report. */

import type { OperatingError } from '../../errors.ts';
import { displayName } from '../../transcripts/byte-name.ts';
import type { Reconciled } from '../../transcripts/trash/trash.ts';
import type { Unit } from '../../transcripts/unit.ts';
import type { JobContext, JobFault, JobReport, ProjectUse, RemovedSession, SessionUse } from '../job.ts';
import type { ApplyResult, LateKeepReason, Removal } from './apply.ts';
import type { LiveObservation } from './observe.ts';
import type { Decision, KeepReason, RemoveReason } from './plan.ts';

/** The states that the metrics know; every kept reason is one of them. */
export type TranscriptState = 'live' | 'retained' | 'doubtful';
export const TRANSCRIPT_STATES: readonly TranscriptState[] = ['live', 'retained', 'doubtful'];

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
  busy: 'retained',
  vanished: 'retained',
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

export class PruneTally {
  readonly #projects = new Map<string | undefined, { sessions: number; bytes: number; newestMtimeMs: number }>();
  readonly #largest = new TopSessions((left, right) => right.bytes - left.bytes);
  readonly #oldest = new TopSessions((left, right) => left.newestMtimeMs - right.newestMtimeMs);
  readonly #observed = { sessions: 0, files: 0, bytes: 0, orphans: 0 };
  readonly #kept: Record<string, number> = {};
  readonly #removed = { sessions: 0, files: 0, bytes: 0 };
  readonly #removedByReason: Record<RemoveReason, number> = { expired: 0, 'over-size': 0, orphan: 0 };
  readonly #bytesByReason: Record<RemoveReason, number> = { expired: 0, 'over-size': 0, orphan: 0 };
  readonly #removedSessions: RemovedSession[] = [];
  readonly #states = Object.fromEntries(TRANSCRIPT_STATES.map((state) => [state, { sessions: 0, bytes: 0 }])) as Record<
    TranscriptState,
    { sessions: number; bytes: number }
  >;
  readonly #trash = { sessions: 0, bytes: 0 };
  readonly #reconciled = { undone: 0, completed: 0 };
  readonly #leftSessions: Record<string, number> = {};
  readonly #faults: JobFault[] = [];
  #shielded = 0;
  #failure: OperatingError | undefined;
  #stopped = false;

  /** Nothing more is to be begun. */
  get isOver(): boolean {
    return this.#stopped || this.#failure !== undefined;
  }

  fail(error: OperatingError): void {
    this.#failure ??= error;
  }

  /** A dry run shows the plan all the same, and that it would be refused. */
  refuse(refusal: OperatingError, { dryRun }: Pick<JobContext, 'dryRun'>): void {
    if (!dryRun) throw refusal;
    this.addFaults([{ kind: refusal.kind, message: refusal.message }]);
  }

  stop(): void {
    this.#stopped = true;
  }

  addFaults(faults: readonly JobFault[]): void {
    this.#faults.push(...faults);
  }

  addDecisions(path: string, decisions: readonly Decision[], applied: ApplyResult): void {
    const removed: ReadonlySet<Unit> = new Set(applied.removed.map(({ unit }) => unit));
    for (const decision of decisions) {
      this.#observe(decision.unit);
      if (!decision.remove) this.#keep(decision.unit, decision.reason);
      else if (removed.has(decision.unit)) this.#remove(path, decision);
      // What a stopped run did not come to is within reach of the next one.
      else this.#keep(decision.unit, applied.kept.get(decision.unit) ?? 'busy');
    }
    this.#leftSessions[path] = decisions.length - applied.removed.length;
    this.addFaults(applied.faults);
    this.#failure ??= applied.failure;
    this.#stopped ||= applied.stopped;
  }

  addReconciled({ undone, completed, unreadableRuns }: Reconciled): void {
    this.#reconciled.undone += undone;
    this.#reconciled.completed += completed;
    for (const { run, code } of unreadableRuns)
      this.addFaults([{ kind: 'io', message: `read the trash run ${run}: ${code}` }]);
  }

  addShielded(sessions: number): void {
    this.#shielded += sessions;
  }

  addTrash(sessions: readonly { readonly bytes: number }[]): void {
    this.#trash.sessions += sessions.length;
    this.#trash.bytes += sessions.reduce((total, session) => total + session.bytes, 0);
  }

  report({ counts: liveIds, malformed }: Pick<LiveObservation, 'counts' | 'malformed'>): JobReport {
    const { undone, completed } = this.#reconciled;
    return {
      observed: this.#observed,
      kept: this.#kept,
      removed: { ...this.#removed, byReason: this.#removedByReason, bytesByReason: this.#bytesByReason },
      removedSessions: this.#removedSessions,
      trash: this.#trash,
      liveIds,
      knownIds: liveIds,
      ...(Object.keys(malformed).length > 0 ? { malformedIds: malformed } : {}),
      ...(this.#shielded > 0 ? { shielded: this.#shielded } : {}),
      ...(undone + completed > 0 ? { reconciled: { undone, completed } } : {}),
      transcripts: this.#states,
      leftSessions: this.#leftSessions,
      projects: Array.from(
        this.#projects,
        ([project, use]): ProjectUse => ({ project: project && displayName(project), ...use }),
      ),
      largest: this.#largest.list(),
      oldest: this.#oldest.list(),
      faults: this.#faults,
      ...(this.#failure === undefined ? {} : { failure: { kind: this.#failure.kind, message: this.#failure.message } }),
      ...(this.#stopped ? { stopped: true } : {}),
    };
  }

  #observe(unit: Unit): void {
    add(this.#observed, unit);
    if (!unit.hasTranscript) this.#observed.orphans += 1;
    const use = this.#projects.get(unit.project) ?? { sessions: 0, bytes: 0, newestMtimeMs: 0 };
    use.sessions += 1;
    use.bytes += unit.bytes;
    use.newestMtimeMs = Math.max(use.newestMtimeMs, unit.newestMtimeMs);
    this.#projects.set(unit.project, use);
    this.#largest.add(unit);
    this.#oldest.add(unit);
  }

  #keep(unit: Unit, reason: KeepReason | LateKeepReason): void {
    this.#kept[reason] = (this.#kept[reason] ?? 0) + 1;
    const state = this.#states[STATE_BY_REASON[reason]];
    state.sessions += 1;
    state.bytes += unit.bytes;
  }

  #remove(claudeDir: string, { unit, reason }: Removal): void {
    add(this.#removed, unit);
    this.#removedByReason[reason] += 1;
    this.#bytesByReason[reason] += unit.bytes;
    const { sessionId, project, files, bytes, newestMtimeMs } = unit;
    this.#removedSessions.push({
      sessionId,
      claudeDir,
      project: project && displayName(project),
      reason,
      files,
      bytes,
      newestMtimeMs,
    });
  }
}

function add(sum: { sessions: number; files: number; bytes: number }, unit: Unit): void {
  sum.sessions += 1;
  sum.files += unit.files;
  sum.bytes += unit.bytes;
}

/** The first few of an order, of any number. */
class TopSessions {
  readonly #compare: (left: Unit, right: Unit) => number;
  #top: Unit[] = [];

  constructor(compare: (left: Unit, right: Unit) => number) {
    this.#compare = compare;
  }

  add(unit: Unit): void {
    const last = this.#top[TOP_SESSIONS - 1];
    if (last !== undefined && this.#compare(unit, last) >= 0) return;
    this.#top = [...this.#top, unit].sort(this.#compare).slice(0, TOP_SESSIONS);
  }

  list(): SessionUse[] {
    return this.#top.map(({ sessionId, project, bytes, newestMtimeMs }) => {
      return { sessionId, project: project && displayName(project), bytes, newestMtimeMs };
    });
  }
}
