/** The trash of a Claude directory as a purge sees it: a folder for each run of a prune, with its manifest. */

import type { ClaudeDir } from '../../claude-dir/claude-dir.ts';
import { type KnownMaps, readKnownMaps } from '../../claude-dir/known-maps.ts';
import { displayName } from '../../files/byte-name.ts';
import type { Room } from '../../files/room.ts';
import { scanClaudeDir } from '../../scan/scan.ts';
import { placesDiskBytes, sweeperDiskBytes } from '../../trash/disk-use.ts';
import type { KnownFolder } from '../../trash/known-folders.ts';
import type { FolderPurge } from '../../trash/purge.ts';
import { Trash } from '../../trash/trash.ts';
import { type CountedTrash, unreadableFaults } from '../counted-trash.ts';
import type { ClockHistory, ClockReading } from '../ledger-contracts.ts';
import type { DiskUse, FolderToOpen, OpenTrash, PurgeablePlace, TrashFolder } from './place.ts';
import type { EarlyCandidate } from './plan.ts';
import { recordWitnessed, witnessedIn } from './witness.ts';

export class DirectoryPlace implements PurgeablePlace {
  readonly path: string;
  readonly #claudeDir: ClaudeDir;
  readonly #dryRun: boolean;

  constructor(claudeDir: ClaudeDir, { dryRun }: { readonly dryRun: boolean }) {
    this.path = displayName(claudeDir.path);
    this.#claudeDir = claudeDir;
    this.#dryRun = dryRun;
  }

  knownMaps(): KnownMaps {
    return readKnownMaps(this.#claudeDir);
  }

  open(): OpenTrash | undefined {
    const trash = Trash.openIfThere(this.#claudeDir);
    return trash && new DirectoryTrash(this.#claudeDir, trash, this.#dryRun);
  }

  witnessed(now: ClockReading): ClockHistory {
    return witnessedIn(this.#claudeDir, now);
  }

  recordWitnessed(history: ClockHistory): void {
    if (!this.#dryRun) recordWitnessed(this.#claudeDir, history);
  }
}

class DirectoryTrash implements OpenTrash {
  readonly #claudeDir: ClaudeDir;
  readonly #trash: Trash;
  readonly #dryRun: boolean;
  /** What is left in the folders that were worked through. */
  readonly #known = new Map<string, KnownFolder>();

  constructor(claudeDir: ClaudeDir, trash: Trash, dryRun: boolean) {
    this.#claudeDir = claudeDir;
    this.#trash = trash;
    this.#dryRun = dryRun;
  }

  folders(): readonly FolderToOpen[] {
    const newestFirst = this.#trash.runs().toReversed();
    return newestFirst.map((run) => ({
      name: `trash folder ${run}`,
      open: (nowMs) => {
        const folder = this.#trash.openForPurge(run, nowMs, { dryRun: this.#dryRun });
        return folder && this.#noting(run, folder);
      },
    }));
  }

  amount(): CountedTrash {
    const { unreadableFolders, ...amount } = this.#trash.amount(this.#known);
    return { ...amount, faults: unreadableFaults(unreadableFolders) };
  }

  /** A file that is gone has given back all that it had. */
  async giveBack(): Promise<number> {
    return 0;
  }

  room(): Room {
    return this.#claudeDir.root.room();
  }

  async diskUse(shouldStop: () => Promise<boolean>): Promise<DiskUse> {
    const { units } = await scanClaudeDir(this.#claudeDir, { shouldStop });
    let takenBytes = sweeperDiskBytes(this.#claudeDir) + placesDiskBytes(this.#claudeDir);
    for (let row = 0; row < units.length; row += 1) takenBytes += units.diskBytes(row);
    const trashed = this.#trash.contents().sessions.map((session): EarlyCandidate => {
      const { sessionId, trashedAtMs, bytes, diskBytes = bytes } = session;
      return { sessionId, trashedAtMs, diskBytes, isAlone: () => !this.#trash.isRecreated(session) };
    });
    return { takenBytes, freeBytes: this.room().bytes, trashed };
  }

  close(): void {
    this.#trash.close();
  }

  /** Remembers what is left in a folder when it is closed, so that its manifest need not be read once more. */
  #noting(run: string, folder: FolderPurge): TrashFolder {
    return {
      sessions: () => folder.sessions(),
      find: (sessions) => folder.find(sessions),
      prepare: async () => undefined,
      mark: (marked, unmarked, nowMs) => folder.mark(marked, unmarked, nowMs),
      destroyUnmarked: (session) => folder.destroyUnmarked(session),
      destroy: (nowMs, shouldStop) => folder.destroy(nowMs, shouldStop),
      close: () => {
        const left = this.#dryRun ? undefined : folder.summary();
        if (left !== undefined) this.#known.set(run, left);
        folder.close();
      },
    };
  }
}
