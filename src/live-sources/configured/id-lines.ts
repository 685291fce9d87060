/** Session ids, one a line: every line is understood, or all of them are refused. */

import { parseProtectedId, type SessionId } from '../../claude-dir/session-id.ts';
import { shownValue } from '../../format/shown-text.ts';

export interface IdLines {
  readonly ids: ReadonlySet<SessionId>;
  /** How many lines named one; the same twice counts as two. */
  readonly count: number;
  /** How many lines the closing line says there are; undefined where there is none. */
  readonly closedWith: number | undefined;
}

const CLOSING = /^end ([0-9]{1,9})$/;

/**
 * Blank lines and those that begin with # are nobody's.
 * @throws Error naming the first line that is wrong
 */
export function parseIdLines(text: string): IdLines {
  const ids = new Set<SessionId>();
  let count = 0;
  let closedWith: number | undefined;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    if (closedWith !== undefined) throw new Error(`line ${index + 1}: it comes after the closing line`);
    const closing = CLOSING.exec(line);
    if (closing !== null) {
      closedWith = Number(closing[1]);
      continue;
    }
    const id = parseProtectedId(line);
    if (id === undefined) throw new Error(`line ${index + 1}: ${shownValue(line)} is no session id`);
    ids.add(id);
    count += 1;
  }
  return { ids, count, closedWith };
}
