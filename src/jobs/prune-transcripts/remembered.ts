/** Who is live while it is in doubt: whoever is named now, whoever was named before, and all that was written since shortly before that. Pure. */

import type { NamedBefore } from '../../claude-dir/named-sessions.ts';
import type { SessionId } from '../../claude-dir/session-id.ts';
import type { LiveSessions } from '../../live-sources/live-source.ts';
import { protectionAt } from './live-protection.ts';
import type { ObservedPlace } from './place.ts';
import { NOBODY } from './sole-protection.ts';

/** What was named first after that reading was written to at about that time. */
const MARGIN_MS = 86_400_000;

export function withRemembered(
  { live, ...others }: LiveSessions,
  { atMs, ids }: Pick<NamedBefore, 'atMs' | 'ids'>,
): LiveSessions {
  const isNamed = (id: SessionId) => live.ids.has(id) || ids.has(id);
  const remembered = {
    ...live,
    ids: {
      has: isNamed,
      *[Symbol.iterator]() {
        yield* live.ids;
        yield* ids;
      },
    },
    writtenSinceMs: Math.min(live.writtenSinceMs, atMs - MARGIN_MS),
  };
  return { ...others, live: remembered };
}

/** Those of a place that somebody names; what merely runs is no lasting word. */
export function namedIn(
  observed: Pick<ObservedPlace, 'units' | 'protection' | 'projectPaths'>,
  { live, pinned }: LiveSessions,
): ReadonlySet<SessionId> {
  const protection = protectionAt(observed, { live, pinned, running: NOBODY });
  const ids = new Set<SessionId>();
  for (let row = 0; row < observed.units.length; row += 1) {
    if (protection(row) !== undefined) ids.add(observed.units.sessionId(row));
  }
  return ids;
}
