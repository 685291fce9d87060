/** A session's id in sixteen bytes, for tables of very many. */

import type { SessionId } from './session-id.ts';

/** The bytes that an id takes where it is packed. */
export const PACKED_ID_BYTES = 16;

export function packId(id: SessionId, into: Buffer, at: number): void {
  into.write(id.replaceAll('-', ''), at, 'hex');
}

/** What was packed from an id. */
export function unpackedId(bytes: Buffer, at: number): SessionId {
  const digits = bytes.toString('hex', at, at + PACKED_ID_BYTES);
  const ends = [8, 12, 16, 20, 32];
  return ends.map((end, index) => digits.slice(ends[index - 1] ?? 0, end)).join('-') as SessionId;
}
