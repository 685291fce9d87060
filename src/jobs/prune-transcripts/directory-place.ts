/** A Claude directory as a prune sees it: what killed runs left in its trash is ended, and then it is scanned. */

import type { ClaudeDir } from '../../claude-dir/claude-dir.ts';
import { DirectoryFingerprints } from '../../claude-dir/directory-fingerprints.ts';
import { type KnownMaps, readKnownMaps } from '../../claude-dir/known-maps.ts';
import { type NamedBefore, readNamedBefore, recordNamed } from '../../claude-dir/named-sessions.ts';
import { type ByteName, displayName } from '../../files/byte-name.ts';
import { unlessFull } from '../../files/unless-full.ts';
import { scanClaudeDir } from '../../scan/scan.ts';
import type { KnownFolder } from '../../trash/known-folders.ts';
import type { ManifestEntry } from '../../trash/manifest.ts';
import { Trash } from '../../trash/trash.ts';
import type { JobContext } from '../job.ts';
import { neededByRun } from '../whole-run-error.ts';
import type { DirectoryDependencies } from './dependencies.ts';
import { type FoundInTrash, ObservedDirectory } from './observed-directory.ts';
import type { ObservedPlace, PrunablePlace } from './place.ts';
import { removalRecord } from './removal-record.ts';
import { openOrMakeTrash } from './trash-on-full-disk.ts';

const NO_TRASH = { undone: 0, completed: 0, unreadableFolders: [], returning: [], read: [] } as const;

export class DirectoryPlace implements PrunablePlace {
  readonly path: string;
  readonly #claudeDir: ClaudeDir;
  readonly #dependencies: DirectoryDependencies;

  constructor(claudeDir: ClaudeDir, dependencies: DirectoryDependencies) {
    this.path = displayName(claudeDir.path);
    this.#claudeDir = claudeDir;
    this.#dependencies = dependencies;
  }

  knownMaps(): KnownMaps {
    return readKnownMaps(this.#claudeDir);
  }

  namedBefore(): NamedBefore | undefined {
    return readNamedBefore(this.#claudeDir);
  }

  recordNamed(named: NamedBefore): void {
    unlessFull(() => recordNamed(this.#claudeDir, named));
  }

  async observe(context: Pick<JobContext, 'shouldStop' | 'onProgress'>): Promise<ObservedPlace> {
    const { dryRun, clock, trueTimes } = this.#dependencies;
    const { trash, givenUpBytes } = dryRun
      ? { trash: Trash.openIfThere(this.#claudeDir), givenUpBytes: 0 }
      : openOrMakeTrash(this.#claudeDir);
    try {
      const found = this.#lookIntoTrash(trash);
      const shielded = neededByRun(() => trueTimes?.shieldedTimes(this.path)) ?? new Map();
      const fingerprints = dryRun ? undefined : DirectoryFingerprints.observe(this.#claudeDir, clock.now());
      const scan = await scanClaudeDir(this.#claudeDir, {
        shouldStop: () => context.shouldStop(),
        onProgress: (done) => context.onProgress({ phase: 'scan', done }),
      });
      // A killed run may have moved their transcripts, and what it has begun could not be undone.
      if (found.unreadableFolders.length > 0) scan.units.doubtOrphans();
      // What could not be looked into may be what it was before by now: then it is looked into again.
      const isWhole = scan.faults.length === 0;
      const seen = { ...found, trash, givenUpBytes, scan, shielded, fingerprints: isWhole ? fingerprints : undefined };
      return new ObservedDirectory(this.path, this.#claudeDir, this.#dependencies, seen);
    } catch (error) {
      trash?.close();
      throw error;
    }
  }

  #lookIntoTrash(trash: Trash | undefined): FoundInTrash {
    const { dryRun, clock, trashCache } = this.#dependencies;
    const before = neededByRun(() => trashCache?.knownFolders(this.path)) ?? new Map<string, KnownFolder>();
    const known = new Map(before);
    if (trash === undefined) return { ...NO_TRASH, known };
    if (dryRun) return { ...trash.foresee({ known }), read: [], known };
    const read: ByteName[] = [];
    const reconciled = trash.reconcile(clock.now(), {
      known: before,
      onRead: (run, inTrash, found) => {
        this.#recordTrashed(run, inTrash);
        known.set(run, found);
        read.push(run);
      },
    });
    const runs = new Set<string>(trash.runs());
    for (const run of before.keys()) if (!runs.has(run)) known.delete(run);
    return { ...reconciled, returning: [], read, known };
  }

  /** What no ledger knows of is written down. */
  #recordTrashed(run: string, inTrash: readonly ManifestEntry[]): void {
    const removed = inTrash.filter(({ state }) => state !== 'joined');
    const records = removed.map((session) => removalRecord(session, this.path, run, session.trashedAtMs));
    neededByRun(() => this.#dependencies.recorder.recordRemovals(records));
  }
}
