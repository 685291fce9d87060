/** What a job says of itself when it has ended: how it went, the figures that it has, and what it lists. */

import type { SessionFace } from '../claude-dir/session-face.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import type { ErrorKind } from '../exit-codes.ts';
import type { FigureName, Figures } from './figures.ts';
import type { Held } from './guards/guards.ts';
import type { JobName } from './job-names.ts';

/** Something that went wrong without ending the run. */
export interface JobFault {
  readonly kind: ErrorKind;
  /** One sentence for an operator; names as `displayName` gives them. */
  readonly message: string;
}

/** One session that was, or in a dry run would be, removed. */
export interface RemovedSession {
  readonly sessionId: string;
  readonly claudeDir: string;
  readonly project: string | undefined;
  readonly reason: string;
  readonly files: number;
  readonly bytes: number;
  /** By its files, without what a shield made of their times, or its entries, Unix epoch ms. */
  readonly lastUsedMs: number;
}

/** One session as a command shows it: what the next prune would make of it, and why. */
export interface ListedSession extends Partial<SessionFace> {
  readonly sessionId: SessionId;
  /** The beginning of the id that no other session shares, of eight digits or all of them. */
  readonly shortId: string;
  readonly claudeDir: string;
  readonly project: string | undefined;
  readonly reason: string;
  /** The live sources that name it, with what they say of it; absent where none does. */
  readonly namedBy?: readonly { readonly source: string; readonly why?: string }[];
  readonly isGoing: boolean;
  readonly files: number;
  readonly bytes: number;
  readonly hasTranscript: boolean;
  /** By its files or, where they were looked into, its entries, Unix epoch ms. */
  readonly lastUsedMs: number;
  /** How long its project and class let it stay; absent for ever. */
  readonly maxAgeMs?: number;
  /** When it goes if nobody uses it any more, Unix epoch ms; absent where time alone does not end its stay. */
  readonly goesAtMs?: number;
}

export interface SessionList {
  /** All that match, listed or not. */
  readonly matching: { readonly sessions: number; readonly bytes: number };
  readonly sessions: readonly ListedSession[];
}

export interface SessionUse {
  readonly sessionId: string;
  readonly project: string | undefined;
  readonly bytes: number;
  /** As of `RemovedSession`. */
  readonly lastUsedMs: number;
}

export interface ProjectUse {
  /** Undefined for what is left of sessions whose project is unknown. */
  readonly project: string | undefined;
  readonly sessions: number;
  readonly bytes: number;
  /** As of `RemovedSession`. */
  readonly lastUsedMs: number;
}

/** What a project holds after a run. */
export interface ProjectLeft {
  /** Undefined for what is left of sessions whose project is unknown. */
  readonly project: string | undefined;
  readonly sessions: number;
  readonly bytes: number;
}

/** How a run of any job went. */
export interface RunEnd {
  readonly faults: readonly JobFault[];
  /** Faults beyond those, by kind. */
  readonly moreFaults?: Readonly<Partial<Record<ErrorKind, number>>>;
  /** Not every Claude directory and session store could be worked through: what is said to be there is not all that is. */
  readonly incomplete?: boolean;
  /** What guards have spoken against: it was not done, or, in a dry run, would not be. */
  readonly held?: readonly Held[];
  /** What ended the run before it was through; the rest of the report says what was done until then. */
  readonly failure?: JobFault;
  /** The run was asked to stop before it was through. */
  readonly stopped?: boolean;
}

/** Those figures that a run has come to: of one that a guard held before it looked, none. */
type FiguresOf<Name extends FigureName> = Partial<Pick<Figures, Name>>;

export interface SweepReport extends RunEnd, FiguresOf<'swept' | 'kept'> {
  readonly job: 'sweep-sessions';
}

export interface PruneReport
  extends RunEnd,
    FiguresOf<
      | 'reconciled'
      | 'observed'
      | 'removed'
      | 'emptyProjects'
      | 'kept'
      | 'shielded'
      | 'trash'
      | 'sources'
      | 'liveIds'
      | 'malformedIds'
      | 'staleRecords'
      | 'vanished'
      | 'announced'
      | 'exposed'
      | 'reserveGivenUp'
      | 'cameBack'
      | 'transcripts'
    > {
  readonly job: 'prune-transcripts';
  /** Where a command has asked for some. */
  readonly listed?: SessionList;
  /** As many as were asked for. */
  readonly removedSessions?: readonly RemovedSession[];
  /** What each project held when it was looked at; left out where nobody shows it. */
  readonly projects?: readonly ProjectUse[];
  /** What each project holds afterwards, the most bytes first, where it holds anything. */
  readonly left?: readonly ProjectLeft[];
  /** Further projects, where only the first are told. */
  readonly leftElsewhere?: { readonly projects: number; readonly sessions: number; readonly bytes: number };
  /** The biggest sessions, biggest first, and the longest unused, oldest first. */
  readonly largest?: readonly SessionUse[];
  readonly oldest?: readonly SessionUse[];
}

export interface PurgeReport
  extends RunEnd,
    FiguresOf<'sources' | 'purged' | 'purgedEarly' | 'overLimit' | 'givenBack' | 'purgedRows' | 'kept' | 'trash'> {
  readonly job: 'purge-trash';
}

/** What a job did, or in a dry run would do. */
export type JobReport = SweepReport | PruneReport | PurgeReport;
export type ReportOf<Name extends JobName> = Extract<JobReport, { readonly job: Name }>;
