/** `pin`, `unpin`, `pins`: the keep list by hand. */

import { systemClock } from '../clock.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { KeepList } from '../live-sources/keep-list.ts';
import type { CommandContext } from './command.ts';
import { parseSessionIds } from './session-ids.ts';
import { shieldNamed } from './shield-at-once.ts';
import { renderTable } from './table.ts';
import { formatAge } from './terminal.ts';

export async function pinSessions(context: CommandContext, args: readonly string[]): Promise<number> {
  const code = change(context, args, 'pinned', 'was pinned already', (list, id) => list.pin(id));
  await shieldNamed(context, parseSessionIds(args));
  return code;
}

export async function unpinSessions(context: CommandContext, args: readonly string[]): Promise<number> {
  return change(context, args, 'unpinned', 'was not pinned', (list, id) => list.unpin(id));
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

function change(
  { io, json, resolved }: CommandContext,
  args: readonly string[],
  done: string,
  notDone: string,
  apply: (list: KeepList, id: ReturnType<typeof parseSessionIds>[number]) => boolean,
): number {
  const list = new KeepList(resolved.config.stateDir);
  const results = parseSessionIds(args).map((sessionId) => ({ sessionId, changed: apply(list, sessionId) }));
  if (json) io.stdout.write(`${JSON.stringify({ [done]: results })}\n`);
  else for (const { sessionId, changed } of results) io.stdout.write(`${sessionId} ${changed ? done : notDone}\n`);
  return EXIT_CODES.ok;
}
