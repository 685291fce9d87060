/** `remove`: moves conversations to the trash, whatever their age; what is named and is to stay is refused, and then none goes. */

import type { SessionId } from '../claude-dir/session-id.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { formatBytes } from '../format/byte-size.ts';
import { formatAmount, formatCount } from '../format/counts.ts';
import { formatDurationRounded } from '../format/duration.ts';
import { isKeptByAge } from '../jobs/prune-transcripts/plan.ts';
import type { ListedSession } from '../jobs/report.ts';
import { type RemovedByHand, removeSessions } from '../runs/look-and-remove.ts';
import { askOnTerminal } from './ask.ts';
import type { CommandContext } from './command.ts';
import { sessionsHere } from './find-sessions.ts';
import { shownTitle } from './session-columns.ts';
import { type FilterFlags, matchingHere, throwIfNeither } from './session-filter.ts';

export async function removeByHand(
  context: CommandContext,
  texts: readonly string[],
  { yes, ...flags }: FilterFlags & { readonly yes?: boolean },
): Promise<number> {
  throwIfNeither('remove', texts, flags);
  const { config } = context.resolved;
  if (texts.length > 0) {
    const sessions = await sessionsHere(context, texts);
    const ids = sessions.map(({ sessionId }) => sessionId);
    tell(
      context,
      await removeSessions(config, ids, { requester: context.requester }),
      new Map(sessions.map((one) => [one.sessionId, one])),
    );
    return EXIT_CODES.ok;
  }
  const matching = await matchingHere(context, flags);
  const going = matching.filter(({ isGoing, reason }) => isGoing || isKeptByAge(reason as ListedReason));
  if (going.length === 0) {
    const { io, json } = context;
    io.stdout.write(json ? `${JSON.stringify({ sessions: [] })}\n` : `${nothing(matching)}\n`);
    return EXIT_CODES.ok;
  }
  if (yes !== true && !(await isWanted(context, matching, going))) return EXIT_CODES.ok;
  const ids = [...new Set(going.map(({ sessionId }) => sessionId))];
  const removed = await removeSessions(config, ids, { isAllOrNone: false, requester: context.requester });
  tell(context, removed, new Map(going.map((one) => [one.sessionId, one])));
  return EXIT_CODES.ok;
}

type ListedReason = Parameters<typeof isKeptByAge>[0];

function nothing(matching: readonly ListedSession[]): string {
  if (matching.length === 0) return 'No session matches.';
  return `Nothing can go: ${formatCount(matching.length, 'session matches', 'sessions match')}, and each is to stay; claude-session-sweeper why tells of each why.`;
}

async function isWanted(
  context: CommandContext,
  matching: readonly ListedSession[],
  going: readonly ListedSession[],
): Promise<boolean> {
  const bytes = going.reduce((sum, one) => sum + one.bytes, 0);
  const staying = matching.length - going.length;
  const rest = staying === 0 ? '' : ` (${formatCount(staying, 'other stays', 'others stay')})`;
  const question = `Move ${formatAmount({ sessions: going.length, bytes })} to the trash${rest}?`;
  return askOnTerminal(context, question, 'say --yes');
}

function tell(
  { io, json, resolved }: CommandContext,
  { removed, stayed }: RemovedByHand,
  faces: ReadonlyMap<SessionId, Parameters<typeof shownTitle>[0]>,
): void {
  if (json) {
    const kept = stayed.map(({ sessionId, reason }) => ({ sessionId, reason }));
    io.stdout.write(`${JSON.stringify({ sessions: removed, ...(kept.length > 0 ? { stayed: kept } : {}) })}\n`);
    return;
  }
  for (const { sessionId, bytes } of removed) {
    const face = faces.get(sessionId as SessionId);
    const title = face === undefined ? '' : `  ${shownTitle(face)}`;
    io.stdout.write(`${sessionId} removed, ${formatBytes(bytes)}${title}\n`);
  }
  for (const { sessionId, reason } of stayed) io.stdout.write(`${sessionId} stays, as ${reason}\n`);
  if (removed.length === 0) return;
  const keep = formatDurationRounded(resolved.config['trash.keep']);
  const what = removed.length === 1 ? 'It lies' : 'They lie';
  io.stdout.write(`${what} in the trash for ${keep}; claude-session-sweeper trash restore ID brings it back.\n`);
}
