/** Deletes rows of a resume map as a sweep does. */

import type { MaintainableResumeMap, UncheckedResumeRow } from '../../src/resume-map/resume-map.ts';
import { ShortHolds } from '../../src/sqlite/short-holds.ts';

/** @returns how many of them still were as they were read, and are gone now */
export async function deleteUnchanged(
  map: Pick<MaintainableResumeMap, 'readWhole' | 'deleteUnchanged'>,
  rows: readonly UncheckedResumeRow[],
): Promise<number> {
  let total = 0;
  for await (const { deleted } of map.deleteUnchanged(await map.readWhole(rows), new ShortHolds())) {
    total += deleted.length;
  }
  return total;
}
