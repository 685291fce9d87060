/** A Claude directory that a prune has looked at: asked about single sessions, taken from, and left as the run is to leave it. */

import type { ClaudeDir } from '../../claude-dir/claude-dir.ts';
import type { DirectoryFingerprints } from '../../claude-dir/directory-fingerprints.ts';
import { type EmptyProject, removeEmptyProjects } from '../../claude-dir/empty-projects.ts';
import { recordKnownMap } from '../../claude-dir/known-maps.ts';
import { transcriptName } from '../../claude-dir/layout.ts';
import { giveUpReserveOf, reservedRoomOf } from '../../claude-dir/own-reserve.ts';
import { readSessionFace, readSessionName, type SessionFace, type SessionName } from '../../claude-dir/session-face.ts';
import type { Unit, Units } from '../../claude-dir/unit.ts';
import type { AnchoredDir } from '../../files/anchored-dir.ts';
import { type ByteName, displayName } from '../../files/byte-name.ts';
import { OpenDirs } from '../../files/open-dirs.ts';
import { hasRoom, type Room } from '../../files/room.ts';
import { unlessFull } from '../../files/unless-full.ts';
import type { LiveSessions } from '../../live-sources/live-source.ts';
import type { ScanResult } from '../../scan/scan.ts';
import { trashDiskBytes } from '../../trash/disk-use.ts';
import { dropCopies } from '../../trash/drop-copies.ts';
import type { UnreadableFolder } from '../../trash/folders.ts';
import { type Amount, amountOfAll, type KnownFolder } from '../../trash/known-folders.ts';
import type { ManifestEntry } from '../../trash/manifest.ts';
import type { Trash } from '../../trash/trash.ts';
import { type CountedTrash, NO_TRASH_COUNTED, unreadableFaults } from '../counted-trash.ts';
import type { Exposure } from '../exposed.ts';
import type { JobContext } from '../job.ts';
import type { ShieldedTimes } from '../ledger-contracts.ts';
import type { JobFault } from '../report.ts';
import { neededByRun } from '../whole-run-error.ts';
import type { DirectoryDependencies } from './dependencies.ts';
import { DirectoryCleanup } from './directory-cleanup.ts';
import { DirectoryTaking } from './directory-taking.ts';
import { emptiedProjects } from './emptied-projects.ts';
import { FactsObserver, type FactsQuestion, type FactsSubject, type TakeFacts } from './facts.ts';
import { type FindableUnits, foreseenUnits } from './foreseen-units.ts';
import { KeptSessions } from './kept.ts';
import { protectionByIndex } from './live-protection.ts';
import type { Concluded, LiveCounts, ObservedPlace, Taking } from './place.ts';
import type { Plan, Protections } from './plan.ts';
import { policyAt } from './policy.ts';
import { projectPaths } from './project-paths.ts';
import { scanFaults } from './scan-faults.ts';
import { withTrueTimes } from './shield.ts';
import { noteVanished } from './vanished.ts';

export interface FoundInTrash {
  readonly undone: number;
  readonly completed: number;
  readonly unreadableFolders: readonly UnreadableFolder[];
  /** Sessions that a run would put back first, in a dry run. */
  readonly returning: readonly ManifestEntry[];
  /** Runs of the trash that no earlier run has known whole. */
  readonly read: readonly ByteName[];
  /** Runs of the trash whose manifests need not be read again. */
  readonly known: Map<string, KnownFolder>;
}

/** All that was seen of it. */
export interface Seen extends FoundInTrash {
  /** Undefined in a dry run, where there is none yet. */
  readonly trash: Trash | undefined;
  /** Of the reserve, so that there could be a trash. */
  readonly givenUpBytes: number;
  readonly scan: ScanResult;
  readonly shielded: ShieldedTimes;
  /** From before the scan: spares looking for what has come since. */
  readonly fingerprints: DirectoryFingerprints | undefined;
}

export class ObservedDirectory implements ObservedPlace {
  readonly kind = 'directory';
  readonly units: FindableUnits;
  readonly aged: Units;
  readonly faults: readonly JobFault[];
  readonly reconciled: { readonly undone: number; readonly completed: number };
  readonly stopped: boolean;
  readonly #path: string;
  readonly #claudeDir: ClaudeDir;
  readonly #dependencies: DirectoryDependencies;
  readonly #seen: Seen;
  readonly #facts: FactsObserver;
  readonly #cleanup: DirectoryCleanup;
  /** Those of a project come together, so one is not opened for each. */
  readonly #projects: OpenDirs;
  /** Made when they are first asked for. */
  #projectPaths: ReadonlyMap<string, readonly (string | undefined)[]> | undefined;
  /** The folders of this run. */
  readonly #taken: ByteName[] = [];

  constructor(path: string, claudeDir: ClaudeDir, dependencies: DirectoryDependencies, seen: Seen) {
    const { scan, shielded, returning, unreadableFolders, undone, completed } = seen;
    this.#path = path;
    this.#claudeDir = claudeDir;
    this.#dependencies = dependencies;
    this.#seen = seen;
    this.#projects = new OpenDirs(claudeDir.projects);
    this.#facts = new FactsObserver(claudeDir, dependencies.keepNamed);
    this.#cleanup = new DirectoryCleanup(claudeDir, dependencies.cleanup, dependencies.clock.now());
    this.units = foreseenUnits(scan.units, returning);
    this.aged = withTrueTimes(this.units, shielded);
    this.faults = [...unreadableFaults(unreadableFolders), ...scanFaults(scan.faults)];
    this.reconciled = { undone, completed };
    this.stopped = scan.stopped;
  }

  protection(sessions: LiveSessions): Protections['protection'] {
    return protectionByIndex(this.units, this.aged, sessions);
  }

  /** A directory is this host's alone. */
  async tellProtected(): Promise<void> {}

  facts(rows: readonly number[], question: FactsQuestion, take: TakeFacts): Promise<void> {
    const { units } = this;
    const { units: scanned } = this.#seen.scan;
    const subjects: FactsSubject[] = [];
    for (const row of rows) {
      const project = units.projects[units.projectIndex(row) ?? -1];
      // One that is to come back from the trash had no mark when it was taken, and none can have come since.
      if (project === undefined || !units.hasTranscript(row)) take(row, { facts: undefined });
      else {
        const mayHaveDirectory = row >= scanned.length || scanned.mayHaveDirectory(row);
        subjects.push({ row, project, sessionId: units.sessionId(row), bytes: units.bytes(row), mayHaveDirectory });
      }
    }
    return this.#facts.observe(subjects, question, take);
  }

  room(): Room {
    const { bytes, inodes, ...rest } = this.#claudeDir.root.room();
    const reserved = reservedRoomOf(this.#claudeDir);
    return {
      ...rest,
      bytes: bytes === undefined ? undefined : bytes + reserved.bytes,
      inodes: inodes === undefined ? undefined : inodes + reserved.inodes,
    };
  }

  makeRoom(bytes: number, inodes: number): number {
    const isEnough = hasRoom(this.#claudeDir.root.room(), bytes, inodes);
    return this.#seen.givenUpBytes + (isEnough ? 0 : giveUpReserveOf(this.#claudeDir));
  }

  freeableBytes(): number | undefined {
    const { bytes } = this.#claudeDir.root.room();
    return bytes === undefined ? undefined : bytes + trashDiskBytes(this.#claudeDir);
  }

  unit(row: number): Unit {
    return this.#seen.scan.units.unit(row);
  }

  take(nowMs: number): Taking {
    const { trash, fingerprints, known } = this.#seen;
    if (trash === undefined) throw new Error('nothing is taken in a dry run');
    const folder = trash.beginFolder(nowMs, fingerprints);
    this.#taken.push(folder.name);
    return new DirectoryTaking(folder, (name, run) => known.set(name, run));
  }

  face(row: number): SessionFace | undefined {
    return this.#look(row, readSessionFace);
  }

  name(row: number): SessionName | undefined {
    return this.#look(row, readSessionName);
  }

  projectPaths(): ReadonlyMap<string, readonly (string | undefined)[]> {
    this.#projectPaths ??= projectPaths(this.units, (row) => this.name(row)?.workingDirectory);
    return this.#projectPaths;
  }

  #look<T>(row: number, read: (directory: AnchoredDir, name: ByteName, project: ByteName) => T): T | undefined {
    const { units } = this;
    const project = units.projects[units.projectIndex(row) ?? -1];
    if (project === undefined || !units.hasTranscript(row)) return undefined;
    try {
      const directory = this.#projects.find([project]);
      return directory && read(directory, transcriptName(units.sessionId(row)), project);
    } catch {
      // It is shown by its id alone; what is wrong with it, the plan says.
      return undefined;
    }
  }

  asksForFacts(row: number): boolean {
    const isThere = row < this.#seen.scan.units.length;
    return this.#cleanup.asksForFacts(this.units, row, isThere ? () => this.unit(row).parts : undefined);
  }

  emptied(plan: Plan): readonly EmptyProject[] {
    const { policy, clock } = this.#dependencies;
    return emptiedProjects(this.#seen.scan, plan, { minAgeMs: policy.minAgeMs, nowMs: clock.now() });
  }

  async conclude(
    plan: Plan,
    live: LiveCounts | undefined,
    emptied: readonly EmptyProject[],
    context: Pick<JobContext, 'shouldStop'>,
  ): Promise<Concluded> {
    const { mapIdentity, trashCache } = this.#dependencies;
    const copies = await this.#dropCopies(context);
    const emptyProjects = removeEmptyProjects(this.#claudeDir, emptied);
    const shielded = await this.#shield(plan, context);
    if (mapIdentity !== undefined && live !== undefined) {
      // The pins stand beside the map, and would be gone with it.
      const ids = (live['resume-map'] ?? 0) + (live['keep-list'] ?? 0);
      unlessFull(() => recordKnownMap(this.#claudeDir, mapIdentity, ids));
    }
    neededByRun(() => trashCache?.recordKnownFolders(this.#path, this.#seen.known));
    return { shielded, emptyProjects, copies, vanished: this.#noteVanished(plan) };
  }

  /** @returns how many sessions are gone that nothing of ours removed */
  #noteVanished(plan: Plan): number {
    const { seenSessions, cleanup, clock } = this.#dependencies;
    if (seenSessions === undefined) return 0;
    const cleanupMs = cleanup.limitsOf(this.#claudeDir.path)?.periodMs;
    const { units } = this;
    const question = { claudeDir: this.#claudeDir, path: this.#path, units, plan, cleanupMs, nowMs: clock.now() };
    return neededByRun(() => noteVanished(seenSessions, question));
  }

  /** What something has brought back from elsewhere would make the trash grow with each run. */
  async #dropCopies({ shouldStop }: Pick<JobContext, 'shouldStop'>): Promise<Amount> {
    const { trashCache, clock } = this.#dependencies;
    const { trash, known, read } = this.#seen;
    const copies: ManifestEntry[] = [];
    if (trash === undefined) return amountOfAll(copies);
    for (const run of new Set([...read, ...this.#taken])) {
      const earlier = neededByRun(() => trashCache?.earlierRemovals(this.#path, run)) ?? [];
      const dropped = await dropCopies(trash, run, earlier, clock.now(), shouldStop);
      for (const { run: olderRun, entry } of dropped) {
        known.delete(olderRun);
        copies.push(entry);
      }
    }
    const returned = copies.map(({ sessionId, project }) => ({ sessionId, project: project && displayName(project) }));
    if (returned.length > 0) neededByRun(() => trashCache?.recordReturned(this.#path, returned, clock.now()));
    return amountOfAll(copies);
  }

  exposure(plan: Plan): Exposure {
    return this.#cleanup.exposure(this.units, this.#kept(plan));
  }

  trashAmount(): CountedTrash {
    const { trash, known } = this.#seen;
    if (trash === undefined) return NO_TRASH_COUNTED;
    const { unreadableFolders, ...amount } = trash.amount(known);
    return { ...amount, faults: unreadableFaults(unreadableFolders) };
  }

  close(): void {
    this.#facts.close();
    this.#cleanup.close();
    this.#projects.close();
    this.#seen.trash?.close();
  }

  /** @returns how many sessions were made younger */
  async #shield(plan: Plan, context: Pick<JobContext, 'shouldStop'>): Promise<number> {
    const { trueTimes } = this.#dependencies;
    if (trueTimes === undefined) return 0;
    const { scan, shielded: times } = this.#seen;
    const done = await this.#cleanup.shield(scan.units, this.aged, this.#kept(plan), times, context);
    if (done === undefined) return 0;
    neededByRun(() => trueTimes.changeShieldedTimes(this.#path, done.change));
    return done.shielded;
  }

  #kept(plan: Plan): KeptSessions {
    return new KeptSessions(
      this.aged,
      plan,
      policyAt(this.#dependencies.policy, () => this.projectPaths()),
    );
  }
}
