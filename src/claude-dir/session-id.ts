/** A session id is a UUID and nothing else: what does not parse here never becomes part of a path. */

declare const sessionIdBrand: unique symbol;

/** The lower-case UUID of one Claude conversation. */
export type SessionId = string & { readonly [sessionIdBrand]: true };

export const SESSION_ID_LENGTH = 36;
const SESSION_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The exact form that Claude writes to disk, lower case; undefined for anything else. */
export function parseSessionId(text: unknown): SessionId | undefined {
  if (typeof text !== 'string' || text.length !== SESSION_ID_LENGTH || !SESSION_ID.test(text)) return undefined;
  return text as SessionId;
}

/** For protection only: a row or record in upper case still protects the transcript that it means. */
export function parseProtectedId(text: unknown): SessionId | undefined {
  return typeof text === 'string' ? parseSessionId(text.toLowerCase()) : undefined;
}

/** So much of an id is shown where nothing else that is shown begins alike. */
export const SHORT_ID_LENGTH = 8;

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
