/**
 * Deletes rows of a map that still are as they were read, each written down whole before it goes, and lets the guards know which
 * of the ids that they know are gone by it.
 */

import type { Clock } from '../../clock.ts';
import type { SweepableMap, UncheckedResumeRow, WholeRow } from '../../resume-map/resume-map.ts';
import type { ShortHolds } from '../../sqlite/short-holds.ts';
import type { RemovalHistory, SweptRow, SweptRowRecorder, SweptRun } from '../ledger-contracts.ts';
import type { SweepReason } from './plan.ts';

export interface SweepApplyOptions {
  readonly map: SweepableMap;
  /** By what name it is a live source. */
  readonly sourceName: string;
  readonly holds: ShortHolds;
  readonly history: Pick<RemovalHistory, 'knownIds' | 'recordKnownIds'>;
  readonly sweptRows: SweptRowRecorder;
  readonly clock: Clock;
}

/** Rows read whole at a time, which a host may have made large, and written down with one wait for the disk. */
const RECORDED_ROWS = 256;

/** Yields after each hold how many were deleted. @throws OperatingError; what was yielded until then is deleted */
export async function* deleteRows(
  rows: readonly UncheckedResumeRow[],
  { run, reason }: { readonly run: SweptRun; readonly reason: SweepReason },
  options: SweepApplyOptions,
): AsyncGenerator<number> {
  let total = 0;
  try {
    for (let next = 0; next < rows.length; next += RECORDED_ROWS) {
      const whole = await options.map.readWhole(rows.slice(next, next + RECORDED_ROWS));
      for await (const deleted of deleteRecorded(whole, run, reason, options)) {
        total += deleted;
        yield deleted;
      }
    }
  } finally {
    noteForgotten(rows, total, options);
  }
}

async function* deleteRecorded(
  rows: readonly WholeRow[],
  run: SweptRun,
  reason: SweepReason,
  { map, holds, sweptRows, clock }: SweepApplyOptions,
): AsyncGenerator<number> {
  const sweptAtMs = clock.now();
  const numbers = sweptRows.recordSwept(
    run,
    rows.map((row) => sweptRow(row, reason, sweptAtMs)),
  );
  const numberOf = new Map(rows.map((row, index) => [row, numbers[index]]));
  for await (const { deleted, stayed } of map.deleteUnchanged(rows, holds)) {
    // What was gone already stays written down: a sweep beside this one may have deleted it.
    sweptRows.forgetSwept(stayed.flatMap((row) => numberOf.get(row) ?? []));
    yield deleted.length;
  }
}

function sweptRow(row: WholeRow, reason: SweepReason, sweptAtMs: number): SweptRow {
  const { key, sessionId, lastUsedAtMs, content } = row;
  return {
    key: String(key),
    sessionId: String(sessionId),
    lastUsedAtMs: typeof lastUsedAtMs === 'number' ? lastUsedAtMs : undefined,
    reason,
    content,
    sweptAtMs,
  };
}

/** What this sweep takes is no loss to the guards of the next prune. What was gone before it came is: a map may have been lost. */
function noteForgotten(
  rows: readonly UncheckedResumeRow[],
  deleted: number,
  { history, sourceName }: Pick<SweepApplyOptions, 'history' | 'sourceName'>,
): void {
  const known = history.knownIds(sourceName);
  if (known === undefined || deleted === 0) return;
  const isKnown = ({ createdAtMs }: UncheckedResumeRow) => !(Number(createdAtMs) > known.readAtMs);
  const ids = new Set(rows.filter(isKnown).map(({ sessionId }) => sessionId));
  history.recordKnownIds(sourceName, { ...known, ids: Math.max(0, known.ids - Math.min(deleted, ids.size)) });
}
