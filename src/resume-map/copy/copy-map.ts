/** Copies a resume map into another while hosts write to both: a row is there afterwards, or its place holds one that was used later. */

import { createHash } from 'node:crypto';
import type { SessionMaxAge } from '../row-age.ts';

export interface CopiedRow {
  readonly key: string;
  readonly sessionId: string;
  readonly lastUsedAtMs: number;
  readonly createdAtMs: number;
  /** Null where the map does not say it. */
  readonly host: string | null;
  readonly claudeDir: string | null;
}

export interface MapToCopy {
  /** A page at a time; undefined stands for a row that is none: its columns hold something else than texts and times. */
  pages(): AsyncIterable<readonly (CopiedRow | undefined)[]>;
  writtenMaxAge(): Promise<SessionMaxAge | undefined>;
}

export interface MapToFill {
  /** Writes rows, but for those whose key has one that was used later. */
  put(rows: readonly CopiedRow[]): Promise<void>;
  find(keys: readonly string[]): Promise<ReadonlyMap<string, CopiedRow>>;
  /** Nothing where one is written already. */
  putMaxAge(maxAge: SessionMaxAge): Promise<void>;
}

export interface CopiedMap {
  readonly rows: number;
  /** That were not there before, or were older. */
  readonly copied: number;
  /** Were used later over there. */
  readonly ahead: number;
  /** That no map can hold, or are not there all the same. */
  readonly refused: number;
  readonly checksum: string;
  /** Of the rows over there that stand for those. */
  readonly checksumThere: string;
}

/** An index takes no longer one. */
const KEY_BYTES_MAX = 2_048;

/** Again and again it comes to the same. @param goOn throws where it is not to go on */
export async function copyMap(from: MapToCopy, to: MapToFill, goOn: () => void): Promise<CopiedMap> {
  const maxAge = await from.writtenMaxAge();
  // Before any row: else the default could end what is copied.
  if (maxAge !== undefined) await to.putMaxAge(maxAge);
  const [sum, sumThere] = [createHash('sha256'), createHash('sha256')];
  const counts = { rows: 0, copied: 0, ahead: 0, refused: 0 };
  for await (const page of from.pages()) {
    goOn();
    const rows = page.flatMap((row) => (row !== undefined && isFit(row) ? [row] : []));
    counts.rows += page.length;
    counts.refused += page.length - rows.length;
    const keys = rows.map(({ key }) => key);
    const before = await to.find(keys);
    const missing = rows.filter((row) => !isThere(row, before.get(row.key)));
    if (missing.length > 0) await to.put(missing);
    const after = missing.length > 0 ? await to.find(keys) : before;
    counts.copied += missing.filter((row) => isThere(row, after.get(row.key))).length;
    for (const row of rows) {
      const there = after.get(row.key);
      sum.update(lineOf(row));
      sumThere.update(there === undefined ? '\n' : lineOf(there));
      if (!isThere(row, there)) counts.refused += 1;
      else if (lineOf(row) !== lineOf(there)) counts.ahead += 1;
    }
  }
  return { ...counts, checksum: sum.digest('hex'), checksumThere: sumThere.digest('hex') };
}

function isThere(row: CopiedRow, there: CopiedRow | undefined): there is CopiedRow {
  return there !== undefined && (there.lastUsedAtMs > row.lastUsedAtMs || lineOf(there) === lineOf(row));
}

/** The host is not among it: only one of the two kinds of map knows it. */
function lineOf({ key, sessionId, lastUsedAtMs, createdAtMs }: CopiedRow): string {
  return `${JSON.stringify([key, sessionId, lastUsedAtMs, createdAtMs])}\n`;
}

function isFit({ key, sessionId, lastUsedAtMs, createdAtMs }: CopiedRow): boolean {
  const texts = [key, sessionId];
  return (
    texts.every((text) => text.isWellFormed() && !text.includes('\0') && Buffer.byteLength(text) <= KEY_BYTES_MAX) &&
    [lastUsedAtMs, createdAtMs].every((timeMs) => Number.isSafeInteger(timeMs))
  );
}
