/** `pin`, `unpin`, `pins`: the keep list by hand. */

import { parseSessionId, type SessionId } from '../claude-dir/session-id.ts';
import { systemClock } from '../clock.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { KeepList } from '../live-sources/keep-list.ts';
import type { CommandContext } from './command.ts';
import { idsAmong, sessionsHere } from './find-sessions.ts';
import { shieldNamed } from './shield-at-once.ts';
import { renderTable } from './table.ts';
import { formatAge } from './terminal.ts';

export async function pinSessions(context: CommandContext, args: readonly string[]): Promise<number> {
  const ids = await idsToPin(context, args);
  const code = change(context, ids, 'pinned', 'was pinned already', (list, id) => list.pin(id));
  await shieldNamed(context, ids);
  return code;
}

export async function unpinSessions(context: CommandContext, args: readonly string[]): Promise<number> {
  const known = new KeepList(context.resolved.config.stateDir).list().map(({ sessionId }) => sessionId);
  const ids = idsAmong(args, known, 'that is pinned');
  return change(context, ids, 'unpinned', 'was not pinned', (list, id) => list.unpin(id));
}

export async function listPins({ io, json, colors, resolved }: CommandContext): Promise<number> {
  const pins = new KeepList(resolved.config.stateDir).list();
  if (json) {
    const document = pins.map(({ sessionId, pinnedAtMs }) => ({ sessionId, pinnedAt: new Date(pinnedAtMs) }));
    io.stdout.write(`${JSON.stringify({ pins: document })}\n`);
  } else if (pins.length === 0) {
    io.stdout.write('No session is pinned.\n');
  } else {
    const nowMs = systemClock.now();
    const rows = pins.map(({ sessionId, pinnedAtMs }) => [sessionId, formatAge(pinnedAtMs, nowMs)]);
    io.stdout.write(`${renderTable(['SESSION', 'PINNED'], rows, colors)}\n`);
  }
  return EXIT_CODES.ok;
}

/** Whole ids may be of sessions that are yet to come; anything else has to be found here. All are found, or none is pinned. */
async function idsToPin(context: CommandContext, args: readonly string[]): Promise<SessionId[]> {
  const ids: SessionId[] = [];
  for (const text of args) {
    const whole = parseSessionId(text);
    ids.push(
      ...(whole === undefined ? (await sessionsHere(context, [text])).map(({ sessionId }) => sessionId) : [whole]),
    );
  }
  return ids;
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
  else for (const { sessionId, changed } of results) io.stdout.write(`${sessionId} ${changed ? done : notDone}\n`);
  return EXIT_CODES.ok;
}
