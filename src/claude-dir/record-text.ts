/** Reads Claude's small JSON files leniently: what is cut off or damaged still gives the session ids that can be made out in it. */

import { parseProtectedId, type SessionId } from './session-id.ts';

/** A session id's field: `sessionId`, `resumeSessionId` and whatever else Claude may call one. */
const ID_FIELD = /sessionid$/i;
const ID_FIELD_IN_TEXT = /"[A-Za-z_]*sessionid"\s*:\s*"([0-9a-f-]{36})"/gi;

/** The value that a text holds, a byte order mark aside; undefined where it is no JSON. */
export function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text) };
  } catch {
    // Cut off or damaged: the caller makes out what it can.
    return undefined;
  }
}

/** The value as an object by its fields; undefined where it is anything else, a list too. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return value as Readonly<Record<string, unknown>>;
}

/** The session ids that the fields of an object name. */
export function sessionIdsOf(fields: Readonly<Record<string, unknown>>): SessionId[] {
  const ids = Object.entries(fields).map(([name, value]) =>
    ID_FIELD.test(name) ? parseProtectedId(value) : undefined,
  );
  return [...new Set(ids.filter((id) => id !== undefined))];
}

/** The session ids in the fields of a text that is no whole JSON. */
export function sessionIdsInText(text: string): SessionId[] {
  const ids = Array.from(text.matchAll(ID_FIELD_IN_TEXT), ([, id]) => parseProtectedId(id));
  return [...new Set(ids.filter((id) => id !== undefined))];
}

/** A field of a text that is no whole JSON, where its end can be seen; texts with escapes are left out. */
export function fieldInText(text: string, name: string): string | undefined {
  return new RegExp(`"${name}"\\s*:\\s*(?:"([^"\\\\]*)"|([0-9]+)\\s*[,}])`).exec(text)?.slice(1).find(Boolean);
}

/** A process's start in clock ticks, as text or number; undefined for anything else, which tells nothing of whose the pid is by now. */
export function parseTicks(value: unknown): string | undefined {
  return /^[0-9]+$/.test(String(value)) ? String(value) : undefined;
}
