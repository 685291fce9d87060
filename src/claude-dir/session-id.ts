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
