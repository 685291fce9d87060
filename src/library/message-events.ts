/** What the Agent SDK says, among its messages, of a session that has lost something. */

import type { SessionEvent } from '../resume-map/resume-map.ts';

interface Seen {
  readonly type: string;
  readonly subtype?: unknown;
  readonly lost?: unknown;
}

/** By the SDK's types of its messages; undefined for all that tells of no loss. */
export function eventIn(message: { readonly type: string }): SessionEvent | undefined {
  const { type, subtype, lost }: Seen = message;
  if (type !== 'system') return undefined;
  // A batch of entries that a session store did not take: it is dropped after three attempts.
  if (subtype === 'mirror_error') return 'mirror-error';
  if (subtype !== 'session_writes_lost') return undefined;
  // Settings of the program alone are no loss of a conversation.
  return Array.isArray(lost) && !lost.includes('transcript') ? undefined : 'writes-lost';
}
