/** Deletes rows of the resume map that still are as they were read, and lets the guards know which of the ids that they know are gone by it. */

import { RESUME_MAP } from '../../live-sources/resume-map-source.ts';
import type { MaintainableResumeMap, UncheckedResumeRow } from '../../resume-map/resume-map.ts';
import type { ShortHolds } from '../../sqlite/short-holds.ts';
import type { RemovalHistory } from '../ledger-contracts.ts';

export interface SweepApplyOptions {
  readonly map: MaintainableResumeMap;
  readonly holds: ShortHolds;
  readonly history: Pick<RemovalHistory, 'knownIds' | 'recordKnownIds'>;
}

/** Yields after each hold how many were deleted. @throws OperatingError; what was yielded until then is deleted */
export async function* deleteRows(
  rows: readonly UncheckedResumeRow[],
  { map, holds, history }: SweepApplyOptions,
): AsyncGenerator<number> {
  let total = 0;
  try {
    for await (const deleted of map.deleteUnchanged(rows, holds)) {
      total += deleted;
      yield deleted;
    }
  } finally {
    noteForgotten(rows, total, history);
  }
}

/** What this sweep takes is no loss to the guards of the next prune. What was gone before it came is: a map may have been lost. */
function noteForgotten(
  rows: readonly UncheckedResumeRow[],
  deleted: number,
  history: SweepApplyOptions['history'],
): void {
  const known = history.knownIds(RESUME_MAP);
  if (known === undefined || deleted === 0) return;
  const isKnown = ({ createdAtMs }: UncheckedResumeRow) => !(Number(createdAtMs) > known.readAtMs);
  const ids = new Set(rows.filter(isKnown).map(({ sessionId }) => sessionId));
  history.recordKnownIds(RESUME_MAP, { ...known, ids: Math.max(0, known.ids - Math.min(deleted, ids.size)) });
}
