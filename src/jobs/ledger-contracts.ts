/** What jobs ask of the ledger: each shape is what one part of a job needs, and the ledger has them all. */

import type { SessionId } from '../claude-dir/session-id.ts';
import type { EarlierRemoval } from '../trash/drop-copies.ts';
import type { KnownFolders } from '../trash/known-folders.ts';

/** One session that went to the trash; names as `displayName` gives them, times in Unix epoch ms. */
export interface RemovalRecord {
  readonly sessionId: SessionId;
  readonly claudeDir: string;
  readonly trashRun: string;
  readonly project: string | undefined;
  readonly reason: string;
  readonly files: number;
  readonly bytes: number;
  readonly newestMtimeMs: number;
  readonly removedAtMs: number;
}

/** Takes note of what went. What it has noted already stays as it is. */
export interface RemovalRecorder {
  recordRemovals(removals: readonly RemovalRecord[]): void;
}

export interface PurgedSession {
  readonly sessionId: SessionId;
  readonly bytes: number;
}

/** Takes note of what is to be destroyed from now on. */
export interface PurgeRecorder {
  /** @param place the Claude directory or session store, as `displayName` gives it */
  recordPurges(place: string, sessions: readonly PurgedSession[], atMs: number): void;
}

export interface ReturnedSession {
  readonly sessionId: SessionId;
  /** As `displayName` gives it. */
  readonly project: string | undefined;
}

/** Remembers what was found in the trash, to save reading it again. */
export interface TrashCache {
  /** Sessions that had come back from elsewhere as they lay in the trash. */
  recordReturned(claudeDir: string, sessions: readonly ReturnedSession[], nowMs: number): void;
  /** Sessions that went into a folder of the trash and had gone before from the same place, as large as then; and where they went then. */
  earlierRemovals(claudeDir: string, run: string): readonly EarlierRemoval[];
  knownFolders(claudeDir: string): KnownFolders;
  /** Forgets all others of the Claude directory. */
  recordKnownFolders(claudeDir: string, runs: KnownFolders): void;
}

export interface ShieldedTime {
  /** When the session was last used in truth, Unix epoch ms. */
  readonly usedAtMs: number;
  /** What its files were set to; anything later is a use. */
  readonly setToMs: number;
}

export type ShieldedTimes = ReadonlyMap<SessionId, ShieldedTime>;

export interface ShieldedTimesChange {
  readonly set: ShieldedTimes;
  readonly forgotten: readonly SessionId[];
}

/** Remembers, by Claude directory, how old sessions are in truth whose files were made younger. */
export interface TrueTimes {
  shieldedTimes(claudeDir: string): ShieldedTimes;
  /** All others stay as they are: a command may shield a session beside a run. */
  changeShieldedTimes(claudeDir: string, change: ShieldedTimesChange): void;
}

/** Remembers, by place, since when sessions are announced to go, Unix epoch ms. */
export interface Announcements {
  announced(place: string): ReadonlyMap<string, number>;
  /** Those alone are announced there from now on. */
  recordAnnounced(place: string, sessions: ReadonlyMap<string, number>): void;
}

/** One row that a sweep takes out of a resume map. */
export interface SweptRow {
  /** As text; a host's own table may hold anything. */
  readonly key: string;
  readonly sessionId: string;
  /** Unix epoch ms; undefined where it is no number. */
  readonly lastUsedAtMs: number | undefined;
  readonly reason: string;
  /** All its columns; only the resume map reads them. */
  readonly content: string;
  /** Unix epoch ms. */
  readonly sweptAtMs: number;
}

/** The rows of one sweep. */
export interface SweptRun {
  /** The path of the database. */
  readonly map: string;
  /** When it began, Unix epoch ms. */
  readonly runAtMs: number;
}

/** Keeps rows that are swept, so that they can be brought back. */
export interface SweptRowRecorder {
  /** To be called before they are deleted: killed in between, a row is in the map or in the record. @returns the number of each */
  recordSwept(run: SweptRun, rows: readonly SweptRow[]): readonly number[];
  /** Those that were not deleted after all. */
  forgetSwept(numbers: readonly number[]): void;
  /** The sessions of rows that were brought back since, by key. */
  restoredSince(map: string, sinceMs: number): ReadonlyMap<string, string>;
}

/** The trash of swept rows, as a purge sees it. */
export interface SweptRowTrash {
  /** What each sweep took, and when it took the last of it, Unix epoch ms. */
  sweptRuns(): readonly (SweptRun & { readonly rows: number; readonly lastSweptAtMs: number })[];
  /** @returns how many rows it destroyed for good */
  purgeSwept(run: SweptRun, nowMs: number): number;
}

/** The last whole scan of a Claude directory. */
export interface SeenScan {
  /** Stands in the Claude directory, too: it was this one, and no later run of another worker or record has been there. */
  readonly token: string;
  /** Unix epoch ms. */
  readonly seenAtMs: number;
  /** What was removed later has a higher number. */
  readonly lastRemoval: number;
}

export interface SeenProject {
  /** As `displayName` gives it. */
  readonly project: string;
  /** 16 bytes of its id for each session, and the day on which it was last written. */
  readonly sessions: Buffer;
}

/** A session that was there, that nothing of ours removed, and that is not there any more. */
export interface VanishedSession {
  readonly claudeDir: string;
  readonly sessionId: string;
  readonly project: string;
  /** When it was last written, to the day; when it was last seen; and when it was missed; Unix epoch ms. */
  readonly writtenAtMs: number;
  readonly seenAtMs: number;
  readonly noticedAtMs: number;
  /** `clean-up`: it was so old that Claude's own deletes it. */
  readonly cause: 'clean-up' | 'unknown';
}

/** Remembers what was there, to tell what has gone. */
export interface SeenSessions {
  lastScan(claudeDir: string): SeenScan | undefined;
  seenIn(claudeDir: string): readonly SeenProject[];
  /** What went to the trash after a scan. */
  removedSince(claudeDir: string, scan: SeenScan): ReadonlySet<SessionId>;
  recordSeen(claudeDir: string, scan: Omit<SeenScan, 'lastRemoval'>, projects: readonly SeenProject[]): void;
  vanished(claudeDir: string): readonly VanishedSession[];
  recordVanished(sessions: readonly VanishedSession[]): void;
  /** They are there again. */
  forgetVanished(claudeDir: string, ids: readonly string[]): void;
}

/** How many ids a live source named, and when. */
export interface KnownIds {
  readonly ids: number;
  /** How many had ever been taken out of it on purpose by then. */
  readonly droppedOnPurpose: number;
  /** Unix epoch ms. */
  readonly readAtMs: number;
}

/** What earlier runs knew, for the guards to hold the present against. */
export interface RemovalHistory {
  /** Sessions that the last prune left in a Claude directory or a session store; undefined where no run has known it. */
  knownSessions(place: string): number | undefined;
  recordKnownSessions(place: string, sessions: number, nowMs: number): void;
  /**
   * Since when most of a place would go at once, Unix epoch ms; undefined where that is not so.
   * @param nowMs one that was noted by a clock which was ahead has been noticed by then
   */
  massNoticedAtMs(place: string, nowMs: number): number | undefined;
  noteMass(place: string, noticedAtMs: number | undefined): void;
  /** What a live source named when a prune read it last; undefined where none ever did. */
  knownIds(source: string): KnownIds | undefined;
  recordKnownIds(source: string, known: KnownIds): void;
}

/** Both clocks at one moment; milliseconds. */
export interface ClockReading {
  /** Another one after every start of the machine. */
  readonly bootId: string;
  /** Since boot, sleep included. */
  readonly uptimeMs: number;
  /** Unix epoch. */
  readonly wallMs: number;
}

/** A stretch of time that the wall clock counted and nothing else did. */
export interface ClockGap {
  /** What the wall clock said after it, Unix epoch ms. */
  readonly atMs: number;
  readonly ms: number;
  /** The machine was off; else the clock jumped. */
  readonly isAbsence: boolean;
  /** It came after a look by a clock that a time server or a person had confirmed: what was stamped before it was stamped rightly. */
  readonly isFromRight?: boolean;
  /** It is all that was before the first look. */
  readonly isBeginning?: boolean;
  /** So much of it brought a clock back from where it had been put, and between which times it had gone meanwhile. */
  readonly undone?: { readonly ms: number; readonly fromMs: number; readonly untilMs: number };
}

/** What is to be as before where a clock that was put back comes back. */
export interface ClockSetback {
  readonly ms: number;
  /** It was put back while the machine was off: a clock without a battery. */
  readonly isAtStart: boolean;
  /** As it was before. */
  readonly jumpMs: number;
  /** Between which times it has gone since, Unix epoch ms. */
  readonly fromMs: number;
  readonly untilMs: number;
  readonly gaps: readonly ClockGap[];
}

/** What is remembered of the clocks from look to look, over processes. */
export interface ClockHistory {
  /** The first look of all, Unix epoch ms. */
  readonly sinceMs: number;
  readonly last: ClockReading;
  /** By how much the wall clock has left the time since boot while the machine was up; negative where it was put back. */
  readonly jumpMs: number;
  /** How long the machine was off at a stretch, or its clock was wrong when it came back: nobody can tell. */
  readonly absenceMs: number;
  /** How long the clock has gone on evenly since; milliseconds of the time since boot. */
  readonly stoodMs: number;
  /** Stretches that only the wall clock has counted, oldest first. */
  readonly gaps: readonly ClockGap[];
  /** The starts of the machine before this one, oldest first: one that comes up again has been there before the last look. */
  readonly boots?: readonly string[];
  /** While the clock is behind what it was. */
  readonly setback?: ClockSetback;
  /** A time server or a person has confirmed the clock since the machine came up, and it has not jumped since. */
  readonly isConfirmed?: boolean;
}

export interface ClockHistoryStore {
  clockHistory(): ClockHistory | undefined;
  recordClockHistory(history: ClockHistory): void;
}
