/** `pin`, `unpin`, `pins`: the keep list by hand. */

import type { SessionId } from '../claude-dir/session-id.ts';
import { systemClock } from '../clock.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { KeepList } from '../live-sources/keep-list.ts';
import type { CommandContext } from './command.ts';
import { findAmong, nameless, withSessionIndex } from './find-sessions.ts';
import { renderFaces, shownFace } from './session-columns.ts';
import { type FilterFlags, selectedHere, throwIfNeither } from './session-filter.ts';
import { shieldNamed } from './shield-at-once.ts';
import { formatAge } from './terminal.ts';

/** Whole ids may be of sessions that are yet to come, where that is said. All are found, or none is pinned. */
export async function pinSessions(
  context: CommandContext,
  texts: readonly string[],
  { force, ...flags }: FilterFlags & { readonly force?: boolean },
): Promise<number> {
  throwIfNeither('pin', texts, flags);
  const hint = '; --force pins a whole id all the same';
  const ids = await selectedHere(context, texts, flags, { takesAbsent: force === true, hint });
  const code = change(context, ids, 'pinned', 'was pinned already', (list, id) => list.pin(id));
  await shieldNamed(context, ids);
  return code;
}

export async function unpinSessions(
  context: CommandContext,
  texts: readonly string[],
  flags: FilterFlags,
): Promise<number> {
  throwIfNeither('unpin', texts, flags);
  const pinned = new Set(new KeepList(context.resolved.config.stateDir).list().map(({ sessionId }) => sessionId));
  const matching = texts.length > 0 ? pinnedAmong(context, texts, pinned) : await selectedHere(context, [], flags);
  const ids = texts.length > 0 ? matching : matching.filter((id) => pinned.has(id));
  return change(context, ids, 'unpinned', 'was not pinned', (list, id) => list.unpin(id));
}

/** A whole id stands for itself, pinned or not. */
function pinnedAmong(
  context: CommandContext,
  texts: readonly string[],
  pinned: ReadonlySet<SessionId>,
): readonly SessionId[] {
  return withSessionIndex(context, (index) =>
    findAmong(
      texts,
      {
        ids: pinned,
        has: (id) => pinned.has(id),
        session: (id) => index.session(id) ?? nameless(id),
        shortIdOf: (id) => index.shortIdOf(id),
        where: 'that is pinned',
        hint: '; `claude-session-sweeper pins` lists those',
        takesAbsent: true,
      },
      context,
    ),
  );
}

export async function listPins(context: CommandContext): Promise<number> {
  const { io, json, colors, resolved } = context;
  const pins = new KeepList(resolved.config.stateDir).list();
  if (json) {
    const document = pins.map(({ sessionId, pinnedAtMs }) => ({ sessionId, pinnedAt: new Date(pinnedAtMs) }));
    io.stdout.write(`${JSON.stringify({ pins: document })}\n`);
  } else if (pins.length === 0) {
    io.stdout.write('No session is pinned.\n');
  } else {
    const nowMs = systemClock.now();
    const rows = withSessionIndex(context, (index) =>
      pins.map(({ sessionId, pinnedAtMs }) => {
        return [sessionId, formatAge(pinnedAtMs, nowMs), ...shownFace(index.session(sessionId), io.home)];
      }),
    );
    const shown = { nowMs, home: io.home, colors, stream: io.stdout };
    io.stdout.write(`${renderFaces(['SESSION', 'PINNED', 'PROJECT', 'TITLE'], rows, shown)}\n`);
  }
  return EXIT_CODES.ok;
}

function change(
  { io, json, resolved }: CommandContext,
  ids: readonly SessionId[],
  done: string,
  notDone: string,
  apply: (list: KeepList, id: SessionId) => boolean,
): number {
  const list = new KeepList(resolved.config.stateDir);
  const results = ids.map((sessionId) => ({ sessionId, changed: apply(list, sessionId) }));
  if (json) io.stdout.write(`${JSON.stringify({ [done]: results })}\n`);
  else if (results.length === 0) io.stdout.write('No session matches.\n');
  else for (const { sessionId, changed } of results) io.stdout.write(`${sessionId} ${changed ? done : notDone}\n`);
  return EXIT_CODES.ok;
}
