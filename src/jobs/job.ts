/** What a job is, what it is given and what it says of itself when it has ended. */

import type { ErrorKind } from '../errors.ts';

export const JOB_NAMES = ['sweep-sessions', 'prune-transcripts', 'purge-trash'] as const;
export type JobName = (typeof JOB_NAMES)[number];

export type Outcome = 'ok' | 'partial' | 'failed' | 'skipped';

/** Something that went wrong without ending the run. */
export interface JobFault {
  readonly kind: ErrorKind;
  /** One sentence for an operator; names as `displayName` gives them. */
  readonly message: string;
}

export interface Amount {
  readonly sessions: number;
  readonly files: number;
  readonly bytes: number;
}

/** One session that was, or in a dry run would be, removed. */
export interface RemovedSession {
  readonly sessionId: string;
  readonly claudeDir: string;
  readonly project: string | undefined;
  readonly reason: string;
  readonly files: number;
  readonly bytes: number;
  /** Last modification of its newest file, Unix epoch ms. */
  readonly newestMtimeMs: number;
}

export interface SessionUse {
  readonly sessionId: string;
  readonly project: string | undefined;
  readonly bytes: number;
  /** Unix epoch ms. */
  readonly newestMtimeMs: number;
}

export interface ProjectUse {
  /** Undefined for what is left of sessions whose project is unknown. */
  readonly project: string | undefined;
  readonly sessions: number;
  readonly bytes: number;
  /** Unix epoch ms. */
  readonly newestMtimeMs: number;
}

/** What Claude's own clean-up would delete of one Claude directory although this configuration keeps it. */
export interface Exposure {
  /** How long Claude lets a file be; undefined where it deletes nothing in the life of a program. */
  readonly periodDays?: number;
  readonly sessions: number;
  /** Those among them that somebody asked to keep by name. */
  readonly wanted: number;
  /** Why they are kept. */
  readonly byReason: Readonly<Record<string, number>>;
  /** Those over whom the shield is to be held, and cannot be, since something in them is not ours to touch. */
  readonly unshieldable: number;
  /** Those over whom the next prune holds the shield, if Claude does not come first. */
  readonly notYetShielded: number;
  readonly oldest?: {
    readonly sessionId: string;
    /** Unix epoch ms. */
    readonly writtenAtMs: number;
  };
  /** The first goes with the first start of Claude from then on, Unix epoch ms. */
  readonly fromMs?: number;
  /** Sessions that nothing but the shield keeps from it, and when the first would go without it, Unix epoch ms. */
  readonly shielded: number;
  readonly shieldedUntilMs?: number;
}

/** Which of the removed sessions a report names: a million of them take the memory and the time of a job to hand over. */
export type RemovedListing = 'all' | 'oldest' | 'none';
/** How many `oldest` are: more rows than a person reads. */
export const OLDEST_LISTED = 40;

/** What a job did, or in a dry run would do. Each job fills in the parts that it has. */
export interface JobReport {
  /** What is there; orphans are sessions of which only companions are left, and are among the sessions. */
  readonly observed?: Amount & { readonly orphans: number };
  /** Sessions or rows that stay, by reason. */
  readonly kept?: Readonly<Record<string, number>>;
  readonly removed?: Amount & {
    readonly byReason: Readonly<Record<string, number>>;
    readonly bytesByReason: Readonly<Record<string, number>>;
  };
  /** As many as were asked for. */
  readonly removedSessions?: readonly RemovedSession[];
  readonly swept?: { readonly expired: number; readonly dangling: number };
  readonly purged?: { readonly sessions: number; readonly bytes: number };
  /** What lies in the trash afterwards. */
  readonly trash?: { readonly sessions: number; readonly bytes: number };
  /** Ids by live source. */
  readonly liveIds?: Readonly<Record<string, number>>;
  /** Entries of a live source that name no session, and so protect none; of sources that have any. */
  readonly malformedIds?: Readonly<Record<string, number>>;
  /** Entries of a live source that have had their time: they protect nothing, and may be deleted; of sources that have any. */
  readonly staleRecords?: Readonly<Record<string, number>>;
  /** What an earlier run had left half-done when it was killed, by what has become of it; where there was any. */
  readonly reconciled?: { readonly undone: number; readonly completed: number };
  /** Sessions whose files were made younger, so that Claude's own clean-up spares them; where there were any. */
  readonly shielded?: number;
  /** Project directories that went, or in a dry run would go, since nothing is left in them; where there were any. */
  readonly emptyProjects?: number;
  /** By Claude directory. */
  readonly exposed?: Readonly<Record<string, Exposure>>;
  /** What is on disk afterwards, by state (see the metrics). */
  readonly transcripts?: Readonly<Record<string, { readonly sessions: number; readonly bytes: number }>>;
  /** What each project held when it was looked at. */
  readonly projects?: readonly ProjectUse[];
  /** The biggest sessions, biggest first, and the longest unused, oldest first. */
  readonly largest?: readonly SessionUse[];
  readonly oldest?: readonly SessionUse[];
  readonly faults: readonly JobFault[];
  /** Faults beyond those, by kind. */
  readonly moreFaults?: Readonly<Partial<Record<ErrorKind, number>>>;
  /** Not every Claude directory and session store could be worked through: what is said to be there is not all that is. */
  readonly incomplete?: boolean;
  /** What ended the run before it was through; the rest of the report says what was done until then. */
  readonly failure?: JobFault;
  /** The run was asked to stop before it was through. */
  readonly stopped?: boolean;
}

export interface JobContext {
  readonly dryRun: boolean;
  readonly listsRemoved: RemovedListing;
  /**
   * Asked between small steps, which lets signals, messages and timers in; the job then ends what it has in hand and returns what it
   * has done. Never asked while anybody's writers are held back.
   */
  shouldStop(): Promise<boolean>;
  /** For a progress bar; may be called often. */
  onProgress(progress: JobProgress): void;
}

export interface JobProgress {
  readonly phase: 'scan' | 'remove' | 'purge' | 'sweep';
  readonly done: number;
  /** Unknown while scanning. */
  readonly total?: number;
}

export interface Job {
  readonly name: JobName;
  /** @throws OperatingError where nothing, or nothing more, could be done */
  run(context: JobContext): Promise<JobReport>;
}
