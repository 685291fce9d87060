/** Parts whose names give only the beginning of their session's id: whose they are is known when all sessions are. */

import type { Part } from '../claude-dir/unit.ts';
import { copyRecord, RECORD_BYTES, type Rows, recordsIn, WORD } from './part-records.ts';

export interface PartByHead {
  readonly record: Rows;
  readonly part: Part;
  /** Rows of the sessions that it may belong to; none where all of them are gone. */
  readonly candidates: readonly number[];
}

export class PartsByHead {
  readonly #found: Omit<PartByHead, 'candidates'>[] = [];

  add(rows: Rows, index: number, part: Part): void {
    this.#found.push({ record: recordOf(rows, index), part });
  }

  /** To be asked for when all sessions are known. */
  *withCandidates(units: { readonly length: number; idHead(row: number): number }): Iterable<PartByHead> {
    const rowsByHead = new Map(this.#found.map(({ record }) => [headOf(record), [] as number[]]));
    if (rowsByHead.size === 0) return;
    for (let row = 0; row < units.length; row += 1) rowsByHead.get(units.idHead(row))?.push(row);
    for (const found of this.#found) yield { ...found, candidates: rowsByHead.get(headOf(found.record)) ?? [] };
  }
}

function headOf({ words }: Rows): number {
  return words[WORD.id] ?? 0;
}

/** A record by itself, so that the memory of all others need not be kept. */
function recordOf(rows: Rows, index: number): Rows {
  const record = recordsIn(new ArrayBuffer(RECORD_BYTES), 1);
  copyRecord(rows, index, record, 0);
  return record;
}
