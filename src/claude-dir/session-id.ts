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

/** Ids among other characters, with their hyphens or without, as other languages write a UUID. */
const ID_AMONG_OTHERS =
  /(?<![0-9a-z])([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})(?![0-9a-z])/gi;
/** No id in another form takes more. */
const OTHER_FORM_LENGTH_MAX = 1_000;
const UUID_BYTES = 16;

/**
 * For protection only: whom an entry may mean that is no id. It may be one as bytes, without hyphens, in spaces, braces or quotes, or
 * with something behind it. Whoever wrote it so wants that session.
 */
export function idsMeantBy(value: unknown): SessionId[] {
  const text = value instanceof Uint8Array ? textOfBytes(value) : value;
  if (typeof text !== 'string' || text.length > OTHER_FORM_LENGTH_MAX) return [];
  const found = Array.from(text.matchAll(ID_AMONG_OTHERS), ([, ...parts]) => parseProtectedId(parts.join('-')));
  return found.filter((id) => id !== undefined);
}

function textOfBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString(bytes.length === UUID_BYTES ? 'hex' : 'latin1');
}

/** So much of an id is shown where nothing else that is shown begins alike. */
export const SHORT_ID_LENGTH = 8;
