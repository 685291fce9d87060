/**
 * What a prune works on, a Claude directory or a session store: how it is looked at, and how what is to go gets into its trash. A prune
 * knows no more of either than this.
 */

import type { EmptyProject } from '../../claude-dir/empty-projects.ts';
import type { KnownMaps } from '../../claude-dir/known-maps.ts';
import type { NamedBefore } from '../../claude-dir/named-sessions.ts';
import type { SessionFace, SessionName } from '../../claude-dir/session-face.ts';
import type { Unit, Units } from '../../claude-dir/unit.ts';
import type { Room } from '../../files/room.ts';
import type { LiveSessions } from '../../live-sources/live-source.ts';
import type { Amount } from '../../trash/known-folders.ts';
import type { TakeOutcome } from '../../trash/take-outcome.ts';
import type { CountedTrash } from '../counted-trash.ts';
import type { Exposure } from '../exposed.ts';
import type { JobContext } from '../job.ts';
import type { RemovalRecord } from '../ledger-contracts.ts';
import type { JobFault } from '../report.ts';
import type { FactsQuestion, TakeFacts } from './facts.ts';
import type { Plan, Protections, RemoveReason } from './plan.ts';

export interface PrunablePlace {
  /** For reports and the ledger, as `displayName` gives it. */
  readonly path: string;
  /** The resume maps that have protected its sessions so far. */
  knownMaps(): KnownMaps;
  /** Its sessions that were named when a prune last had no doubt; undefined where that is not known. */
  namedBefore(): NamedBefore | undefined;
  /** For the next prune. Not to be called in a dry run. */
  recordNamed(named: NamedBefore): void;
  /** Ends what a killed run had begun in it, or foresees that in a dry run, and looks at every session. */
  observe(context: Pick<JobContext, 'shouldStop' | 'onProgress'>): Promise<ObservedPlace>;
}

/** A place as it was found, held open until it is closed. */
export interface ObservedPlace {
  readonly kind: 'directory' | 'store';
  /** As they are on disk. */
  readonly units: Units;
  /** The same, as old as they are in truth. */
  readonly aged: Units;
  readonly faults: readonly JobFault[];
  /** What had been left half-done. */
  readonly reconciled: { readonly undone: number; readonly completed: number };
  /** Not everything was looked at, which is no ground for any decision. */
  readonly stopped: boolean;
  protection(sessions: LiveSessions): Protections['protection'];
  /** Tells other hosts that work on the same place what is protected here, before anything is planned or goes. Nothing in a dry run. */
  tellProtected(live: LiveSessions): Promise<void>;
  /** Looks into what sessions say of themselves; those that it did not come to before it was to stop, it does not give. */
  facts(rows: readonly number[], question: FactsQuestion, take: TakeFacts): Promise<void>;
  /** How much can be made where its trash is, with what a reserve would give; all of it undefined where nothing is needed. */
  room(): Room;
  /** Gives the reserve up where as much is not free without it. @returns how many bytes it was */
  makeRoom(bytes: number, inodes: number): number;
  /** What is free where it is, and what its trash will free in time; undefined where it cannot be told. */
  freeableBytes(): number | undefined;
  /** How a person recognises one; undefined where nothing can be read of it. */
  face(row: number): SessionFace | undefined;
  /** The same as far as one is found by it, for a fraction of the work. */
  name(row: number): SessionName | undefined;
  /** Real paths that sessions of each project were begun in, by its name; `undefined` among them where some do not tell. */
  projectPaths(): ReadonlyMap<string, readonly (string | undefined)[]>;
  /** One session as an object of its own, for as long as something is done with it. */
  unit(row: number): Unit;
  /** Begins a removing. Not to be called in a dry run. @throws OperatingError */
  take(nowMs: number): Taking;
  /** Whether it has to be known what one that stays says of itself. */
  asksForFacts(row: number): boolean;
  /** Project directories in which nothing is left once the plan has been carried out, and that are to go then. */
  emptied(plan: Plan): readonly EmptyProject[];
  /**
   * What is done when all has gone that was to go. Not to be called in a dry run.
   * @param live undefined where it is in doubt
   */
  conclude(
    plan: Plan,
    live: LiveCounts | undefined,
    emptied: readonly EmptyProject[],
    context: Pick<JobContext, 'shouldStop'>,
  ): Promise<Concluded>;
  /** What is left to Claude's own clean-up; undefined where that does not come. */
  exposure(plan: Plan): Exposure | undefined;
  /** What lies in the trash now, and what of it cannot be counted. */
  trashAmount(): CountedTrash | Promise<CountedTrash>;
  close(): void;
}

export interface Concluded {
  /** How many sessions are gone that nothing of ours removed. */
  readonly vanished: number;
  /** How many sessions were shielded. */
  readonly shielded: number;
  /** How many project directories went, since they were empty. */
  readonly emptyProjects: number;
  /** What had come back as it already lay in the trash, so that no second copy is kept. */
  readonly copies: Amount;
}

/** How many ids each live source named. */
export type LiveCounts = Readonly<Record<string, number>>;

/** A session that is to go. */
export interface Removal {
  /** The directory of its unit's project. */
  readonly row: number;
  readonly unit: Unit;
  readonly reason: RemoveReason;
}

/** One run's removing from one place. Errors that it throws end the run's work in the place. */
export interface Taking {
  /** Makes known, durably, what is about to go. */
  intend(removals: readonly Removal[], nowMs: number): void;
  /** Does for those that go next what can be done before anybody has to wait. */
  prepare(removals: readonly Removal[]): void | Promise<void>;
  /**
   * Takes one after the other, while writers are held back.
   * @param isLast asked after each, with what has become of it so far
   * @returns what has become of each that it came to; undefined for one that the next run has to see to
   */
  takeBatch(
    removals: readonly Removal[],
    nowMs: number,
    isLast: (outcome: TakeOutcome) => boolean,
  ): readonly (TakeOutcome | undefined)[] | Promise<readonly (TakeOutcome | undefined)[]>;
  /** Looks once more, with nobody held back, at what was taken unlooked at. @returns what has become of those that did not stay taken */
  confirm(removals: readonly Removal[], nowMs: number): ReadonlyMap<Removal, TakeOutcome>;
  /** Those, taken by now, that have been written anew under their old names. */
  findRecreated(removals: readonly Removal[]): ReadonlySet<Removal>;
  /** One that was intended stays after all. */
  keep(removal: Removal, nowMs: number): void;
  /** Hands what became of them to the system; a kill loses none of it then. */
  flush(): void;
  /** @throws OperatingError where nothing more is to be taken after what was taken last */
  throwIfFailed(): void;
  /** What the ledger is to know of one that went. */
  record(removal: Removal, nowMs: number): Pick<RemovalRecord, 'trashRun' | 'removedAtMs'>;
  /** @param recorded how many of those that went are in the ledger */
  end(recorded: number): void;
  close(): void;
}
