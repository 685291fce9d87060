/** One scan's use of what earlier scans have found in a Claude directory, and its own contribution. */

import { settledIdentity } from '../claude-dir/directory-fingerprints.ts';
import { OperatingError } from '../errors.ts';
import type { FileFacts } from '../files/native-calls.ts';
import { type DirectoryRows, type DirectoryScanner, type DirectoryTask, directoryOf } from './directory-scan.ts';
import { ROW_BYTES, rowsIn } from './part-records.ts';
import {
  checksumOf,
  isStillGood,
  KnownRows,
  type RememberedDirectory,
  type ScanMemory,
  type Trust,
} from './scan-memory.ts';

/** How far a memory is to be believed, and whether it is to be added to. */
export interface MemoryUse {
  readonly memory: ScanMemory;
  readonly trust: Trust;
  readonly isReadOnly: boolean;
}

/** What waits to be remembered, before it is written down in one go. */
const PENDING_BYTES_MAX = 2 ** 20;

export class Recollection {
  readonly #use: MemoryUse;
  readonly #claudeDir: string;
  readonly #remembered: ReadonlyMap<string, Omit<RememberedDirectory, 'rows'>>;
  /** Of every directory there is now, as it was before it was looked at. */
  readonly #identities = new Map<string, string | undefined>();
  /** Shares that have come of directories that were shared between threads. */
  readonly #shares = new Map<string, DirectoryRows[]>();
  readonly #pending = new Map<string, RememberedDirectory>();
  #pendingBytes = 0;

  constructor(use: MemoryUse, claudeDir: string) {
    this.#use = use;
    this.#claudeDir = claudeDir;
    this.#remembered = use.memory.remembered(claudeDir);
  }

  /** To be called before the directory is looked at. @returns whether enough is known of it */
  knows(directory: string, facts: FileFacts | undefined): boolean {
    if (facts !== undefined) this.#identities.set(directory, settledIdentity(facts, this.#use.trust.nowMs));
    const remembered = this.#remembered.get(directory);
    return remembered !== undefined && isStillGood(remembered, this.#use.trust);
  }

  /** @throws as `DirectoryScanner.scan` */
  scan(scanner: DirectoryScanner, task: DirectoryTask): DirectoryRows {
    const directory = directoryOf(task);
    const remembered = this.#remembered.get(directory);
    const bytes = this.#use.memory.rows(this.#claudeDir, directory);
    if (remembered === undefined || bytes === undefined || !isIntact(directory, remembered, bytes)) {
      const found = scanner.scan(task);
      this.note(found);
      return found;
    }
    // A piece of memory of its own: what a database hands out lies anywhere in a larger one.
    const known = new KnownRows(rowsIn(new Uint8Array(bytes).buffer, bytes.length / ROW_BYTES), this.#use.trust);
    const identity = this.#identities.get(directory);
    if (identity !== undefined && identity === remembered.identity) return scanner.scanUnchanged(task, known);
    const found = scanner.scan(task, known);
    this.#remember(directory, remembered.lookedAtMs, [found]);
    return found;
  }

  /** Notes what was looked at in full. */
  note(found: DirectoryRows): void {
    const { directory, shares } = found;
    const all = [...(this.#shares.get(directory) ?? []), found];
    this.#shares.set(directory, all);
    if (all.length < shares) return;
    this.#shares.delete(directory);
    this.#remember(directory, this.#use.trust.nowMs, all);
  }

  /** Writes down what was noted, and forgets what is no more. */
  end(): void {
    if (this.#use.isReadOnly) return;
    this.#flush();
    const gone = [...this.#remembered.keys()].filter((directory) => !this.#identities.has(directory));
    if (gone.length > 0) orNot(() => this.#use.memory.forget(this.#claudeDir, gone));
  }

  #remember(directory: string, lookedAtMs: number, found: readonly DirectoryRows[]): void {
    if (this.#use.isReadOnly) return;
    // What was not there when it was opened may be back, and look as it did when it was looked at before.
    if (found.some(({ isRead, isThere, faults }) => !isRead || !isThere || faults.length > 0)) return;
    const shares = found.map(({ buffer, count }) => Buffer.from(buffer, 0, count * ROW_BYTES));
    const rows = shares.length === 1 && shares[0] !== undefined ? shares[0] : Buffer.concat(shares);
    const remembered = { identity: this.#identities.get(directory), lookedAtMs: Math.floor(lookedAtMs), rows };
    this.#pending.set(directory, { ...remembered, checksum: checksumOf(directory, remembered) });
    this.#pendingBytes += rows.length;
    if (this.#pendingBytes >= PENDING_BYTES_MAX) this.#flush();
  }

  #flush(): void {
    if (this.#pending.size > 0) orNot(() => this.#use.memory.remember(this.#claudeDir, this.#pending));
    this.#pending.clear();
    this.#pendingBytes = 0;
  }
}

function isIntact(directory: string, remembered: Omit<RememberedDirectory, 'rows'>, rows: Uint8Array): boolean {
  return rows.length % ROW_BYTES === 0 && checksumOf(directory, { ...remembered, rows }) === remembered.checksum;
}

/** What cannot be written down is looked at again the next time. */
function orNot(write: () => void): void {
  try {
    write();
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
  }
}
