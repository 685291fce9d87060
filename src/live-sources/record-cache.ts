/** What was found out about files that may lie about by the thousand, for as long as they are as they were. */

import { type BigIntStats, fstatSync } from 'node:fs';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import type { ByteName } from '../files/byte-name.ts';
import type { DirEntry } from '../files/native-calls.ts';

/** Times of files are coarse, at worst two seconds: what changed so lately may change once more and look the same. */
const COARSE_MS = 2_000;
/**
 * How many settled files a reading looks at again, in turn: each batch of a prune is a reading, and the resume map's writers wait
 * for it. Only another process that got the same pid writes to such a file again; it touches its session in the same second, and
 * what was touched is not removed.
 */
const SETTLED_LOOKS_MAX = 64;

/** Another one after every change; undefined where a change at this very moment might leave it the same. */
function settledFingerprint(stats: BigIntStats, nowMs: number): string | undefined {
  const { dev, ino, size, mtimeNs, ctimeNs } = stats;
  if (Math.max(Number(stats.mtimeMs), Number(stats.ctimeMs)) > nowMs - COARSE_MS) return undefined;
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}

/**
 * The files of one directory, one record a name.
 * @template Content what a file says
 * @template Verdict what was made of it where nothing but another content can change that
 */
export class RecordCache<Content, Verdict> {
  readonly #contents = new Map<ByteName, { readonly fingerprint: string; readonly content: Content }>();
  /** Those that were looked at longest ago come first. */
  readonly #settled = new Map<ByteName, Verdict>();
  #due: ReadonlySet<ByteName> = new Set();
  readonly #isRecord: (entry: DirEntry) => boolean;
  #listing: { readonly fingerprint: string; readonly names: readonly ByteName[] } | undefined;

  /** @param isRecord whether an entry of the directory is one of the files */
  constructor(isRecord: (entry: DirEntry) => boolean) {
    this.#isRecord = isRecord;
  }

  /** Begins a reading with the names of what is there; the directory is listed only where something may have come or gone. */
  names(directory: AnchoredDir, nowMs: number): readonly ByteName[] {
    const fingerprint = settledFingerprint(fstatSync(directory.fd, { bigint: true }), nowMs);
    let names = this.#listing?.fingerprint === fingerprint ? this.#listing?.names : undefined;
    if (names === undefined) {
      const isRecord = this.#isRecord;
      names = directory.entries().flatMap((entry) => (isRecord(entry) ? [entry.name] : []));
      this.#listing = fingerprint === undefined ? undefined : { fingerprint, names };
      this.#forgetAllBut(new Set(names));
    }
    this.#chooseDue();
    return names;
  }

  /** What was settled about a file and need not be looked at again; undefined where nothing was, or where it is its turn. */
  settled(name: ByteName): Verdict | undefined {
    return this.#due.has(name) ? undefined : this.#settled.get(name);
  }

  /** What was settled about a file that has been looked at, and has not changed. */
  stillSettled(name: ByteName): Verdict | undefined {
    return this.#settled.get(name);
  }

  /** What a file says: as it was read before where it has not changed since. */
  content(name: ByteName, stats: BigIntStats, nowMs: number, read: () => Content): Content {
    const fingerprint = settledFingerprint(stats, nowMs);
    const before = this.#contents.get(name);
    if (before !== undefined && before.fingerprint === fingerprint) return before.content;
    this.#settled.delete(name);
    this.#contents.delete(name);
    const content = read();
    if (fingerprint !== undefined) this.#contents.set(name, { fingerprint, content });
    return content;
  }

  /** Whatever happens elsewhere, only another content of the file can change this. */
  settle(name: ByteName, verdict: Verdict): void {
    if (this.#contents.has(name)) this.#settled.set(name, verdict);
  }

  forget(name: ByteName): void {
    this.#contents.delete(name);
    this.#settled.delete(name);
  }

  #forgetAllBut(names: ReadonlySet<ByteName>): void {
    for (const name of this.#contents.keys()) if (!names.has(name)) this.forget(name);
  }

  #chooseDue(): void {
    const due = new Set<ByteName>();
    for (const name of this.#settled.keys()) {
      if (due.size === SETTLED_LOOKS_MAX) break;
      due.add(name);
    }
    for (const name of due) {
      const verdict = this.#settled.get(name);
      this.#settled.delete(name);
      // At the end of the turn.
      if (verdict !== undefined) this.#settled.set(name, verdict);
    }
    this.#due = due;
  }
}
