/** What goes since the disk is to have room: the oldest of what may, as far as that takes. Pure, as the plan is. */

import type { Units } from '../../claude-dir/unit.ts';
import type { PrunePolicy } from './age-rules.ts';

/** Below the cap by so much, so that the next session does not bring the next removal. */
const SIZE_CAP_TARGET = 0.8;

/** Verdicts by age, which come first. */
export interface SizedVerdicts {
  isRemoval(row: number): boolean;
}

/**
 * @param mayGo whether a unit that stays may go for its size
 * @param freeableBytes what is free on the file system, and what its trash will free; undefined where that cannot be told
 * @returns the rows that go, the oldest first
 */
export function overSizeRows(
  units: Units,
  verdicts: SizedVerdicts,
  mayGo: (row: number) => boolean,
  policy: PrunePolicy,
  freeableBytes: number | undefined,
): Uint32Array {
  const targetBytes = bytesToLeave(units, verdicts, policy, freeableBytes);
  if (targetBytes === undefined) return new Uint32Array();
  let remainingBytes = 0;
  for (let row = 0; row < units.length; row += 1) {
    if (!verdicts.isRemoval(row)) remainingBytes += units.diskBytes(row);
  }
  const candidates = rowsWhere(units, mayGo);
  candidates.sort((left, right) => byAge(units, left, right));
  let count = 0;
  for (const row of candidates) {
    if (remainingBytes <= targetBytes) break;
    remainingBytes -= units.diskBytes(row);
    count += 1;
  }
  return candidates.subarray(0, count);
}

/**
 * How much of the disk the units may take by the size cap and by what is to be free; undefined where neither says anything. What expires
 * counts towards the cap's target, but not towards its trigger: otherwise a shorter `maxAge` could end up removing less than a longer one.
 */
function bytesToLeave(
  units: Units,
  verdicts: SizedVerdicts,
  { maxTotalBytes, minFreeBytes }: PrunePolicy,
  freeableBytes: number | undefined,
): number | undefined {
  let [totalBytes, goingBytes] = [0, 0];
  for (let row = 0; row < units.length; row += 1) {
    totalBytes += units.diskBytes(row);
    if (verdicts.isRemoval(row)) goingBytes += units.diskBytes(row);
  }
  const limits: number[] = [];
  if (maxTotalBytes !== 'off' && totalBytes > maxTotalBytes) limits.push(maxTotalBytes * SIZE_CAP_TARGET);
  if (minFreeBytes !== 'off' && freeableBytes !== undefined) {
    const missingBytes = minFreeBytes - freeableBytes - goingBytes;
    if (missingBytes > 0) limits.push(totalBytes - goingBytes - missingBytes);
  }
  return limits.length === 0 ? undefined : Math.min(...limits);
}

function rowsWhere({ length }: Units, isWanted: (row: number) => boolean): Uint32Array {
  let count = 0;
  for (let row = 0; row < length; row += 1) if (isWanted(row)) count += 1;
  const rows = new Uint32Array(count);
  let next = 0;
  for (let row = 0; row < length && next < count; row += 1) {
    if (!isWanted(row)) continue;
    rows[next] = row;
    next += 1;
  }
  return rows;
}

/** Oldest first. */
function byAge(units: Units, left: number, right: number): number {
  return units.newestMtimeMs(left) - units.newestMtimeMs(right) || units.compareIds(left, right);
}
