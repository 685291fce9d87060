/** `remove`: moves conversations to the trash, whatever their age; what is to stay is refused, and then none goes. */

import { EXIT_CODES } from '../exit-codes.ts';
import { formatBytes } from '../format/byte-size.ts';
import { formatDurationRounded } from '../format/duration.ts';
import { removeSessions } from '../runs/look-and-remove.ts';
import type { CommandContext } from './command.ts';
import { sessionsHere } from './find-sessions.ts';
import { shownTitle } from './session-columns.ts';

export async function removeByHand(context: CommandContext, texts: readonly string[]): Promise<number> {
  const { io, json, resolved } = context;
  const sessions = await sessionsHere(context, texts);
  const ids = [...new Set(sessions.map(({ sessionId }) => sessionId))];
  const removed = await removeSessions(resolved.config, ids);
  if (json) {
    io.stdout.write(`${JSON.stringify({ sessions: removed })}\n`);
    return EXIT_CODES.ok;
  }
  for (const { sessionId, bytes } of removed) {
    const face = sessions.find((one) => one.sessionId === sessionId);
    const title = face === undefined ? '' : `  ${shownTitle(face)}`;
    io.stdout.write(`${sessionId} removed, ${formatBytes(bytes)}${title}\n`);
  }
  const keep = formatDurationRounded(resolved.config['trash.keep']);
  io.stdout.write(`It lies in the trash for ${keep}; claude-session-sweeper trash restore ID brings it back.\n`);
  return EXIT_CODES.ok;
}
