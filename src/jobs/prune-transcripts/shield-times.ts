/** Decides how young the shield makes each session: young enough to be spared, and in the order in which they were used. Pure. */

import type { Units } from '../../claude-dir/unit.ts';

/** So far that their order stays: Claude goes by whole milliseconds, and times lose a part of one on their way to the disk. */
const APART_MS = 10;

export interface ShieldTimesOptions {
  /** As they are on disk. */
  readonly units: Units;
  /** As old as they are in truth. */
  readonly aged: Units;
  /** Whose files are to be made younger. */
  isShielded(row: number): boolean;
  /** Who stays as it is, and is there for a person to see. */
  isBystander(row: number): boolean;
  /** What files are set to, Unix epoch ms: at the most, and at the least. */
  readonly latestMs: number;
  readonly earliestMs: number;
}

/**
 * `--continue` and the list of sessions to resume go by the times of transcripts, project by project. So in a project nobody is made
 * younger than one that was used later, unless that one is so near the limit that it can be spared in no other way.
 * @returns what the files of a row are to be set to where they are older, Unix epoch ms
 */
export function shieldTimes(options: ShieldTimesOptions): ReadonlyMap<number, number> {
  const { units, aged, isShielded, latestMs, earliestMs } = options;
  const times = new Map<number, number>();
  let project = Number.NaN;
  let bystanderMs = Number.POSITIVE_INFINITY;
  let lastMs = Number.POSITIVE_INFINITY;
  for (const row of latestUsedFirst(options)) {
    if (projectOf(aged, row) !== project) {
      project = projectOf(aged, row);
      bystanderMs = Number.POSITIVE_INFINITY;
      lastMs = Number.POSITIVE_INFINITY;
    }
    const onDiskMs = units.newestMtimeMs(row);
    if (!isShielded(row)) {
      bystanderMs = Math.min(bystanderMs, onDiskMs);
      continue;
    }
    const toMs = Math.floor(Math.min(latestMs, lastMs - APART_MS, Math.max(bystanderMs - APART_MS, earliestMs)));
    times.set(row, toMs);
    lastMs = Math.min(lastMs, Math.max(onDiskMs, toMs));
  }
  return times;
}

/** By project. Bystanders that are younger than what files are set to are in nobody's way. */
function latestUsedFirst({ units, aged, isShielded, isBystander, latestMs }: ShieldTimesOptions): Uint32Array {
  const isOfInterest = (row: number) => isShielded(row) || (isBystander(row) && units.newestMtimeMs(row) < latestMs);
  const rows: number[] = [];
  for (let row = 0; row < units.length; row += 1) if (isOfInterest(row)) rows.push(row);
  return Uint32Array.from(rows).sort(
    (left, right) =>
      projectOf(aged, left) - projectOf(aged, right) ||
      aged.newestMtimeMs(right) - aged.newestMtimeMs(left) ||
      // Of equal age a bystander is in nobody's way.
      Number(isShielded(right)) - Number(isShielded(left)) ||
      aged.compareIds(left, right),
  );
}

function projectOf(units: Units, row: number): number {
  return units.projectIndex(row) ?? -1;
}
