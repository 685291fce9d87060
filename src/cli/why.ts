/** `why`: what is known of one session, every rule that was asked in its order, the one that decided, and what would change it. Looks only. */

import { systemClock } from '../clock.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { formatBytes } from '../format/byte-size.ts';
import { formatCount, formatNumber } from '../format/counts.ts';
import { formatDurationRounded } from '../format/duration.ts';
import { shownText } from '../format/shown-text.ts';
import { KEEP_REASONS, type KeepReason, type RemoveReason } from '../jobs/prune-transcripts/plan.ts';
import type { ListedSession } from '../jobs/report.ts';
import type { CommandContext } from './command.ts';
import { sessionsHere } from './find-sessions.ts';
import { sessionDocument } from './list.ts';
import { localDate, shownProject, shownTitle } from './session-columns.ts';
import { type FilterFlags, knownHere, matchingHere, throwIfNeither } from './session-filter.ts';

/** What each rule asks; a session stays by the first that says yes. */
const RULES: Readonly<Record<KeepReason, string>> = {
  live: 'Does a live source name it, the resume map or one of the sources?',
  running: "Do Claude's records say that a process or a background job is at work on it?",
  pinned: "Is it pinned, here or in Claude's list of background jobs?",
  tagged: 'Is its transcript tagged `keep`?',
  named: 'Has a person given it a title (with keepNamed)?',
  unrecognised: 'Is there something in it that is no file or directory of a session?',
  'hard-linked': 'Has one of its files a further name outside of the Claude directory?',
  'foreign-owner': 'Does one of its files belong to another user than the projects do?',
  'other-filesystem': 'Is a part of it a mount point?',
  unreadable: 'Is there a part of it that cannot be read?',
  'duplicate-id': 'Have two projects a transcript of its id?',
  'projects-unreadable': 'Is its transcript gone while a project cannot be read?',
  'future-mtime': 'Does its time lie in the future?',
  'senseless-mtime': 'Does its time make no sense?',
  'too-young': 'Was it used within minAge?',
  'keep-last': 'Is it one of the newest of its project (keepLast)?',
  'copy-kept': 'Does another copy of it stay, in a Claude directory?',
  'class-retention': 'Does its class stay longer than its project, and is that time not over?',
  'within-retention': 'Is the time not over that its project may stay?',
  announced: 'Is it due, and was that announced for less than the notice?',
};

/** Rules that only the transcript itself can answer. */
const IN_TRANSCRIPT: ReadonlySet<KeepReason> = new Set(['tagged', 'named']);
const AGE_REASONS: ReadonlySet<string> = new Set<KeepReason>([
  ...(['too-young', 'keep-last', 'class-retention', 'within-retention'] as const),
]);

const REMOVALS: Readonly<Record<RemoveReason, string>> = {
  expired: 'no rule keeps it, and it was not used for longer than it may stay',
  'over-size': 'no rule keeps it, and the oldest go until the size cap is met',
  orphan: 'its transcript is gone, and what it left behind is old enough',
  asked: 'somebody has asked for it',
};

export async function explainSessions(
  context: CommandContext,
  texts: readonly string[],
  flags: FilterFlags,
): Promise<number> {
  throwIfNeither('why', texts, flags);
  const ids = texts.length === 0 ? [] : (await sessionsHere(context, texts)).map(({ sessionId }) => sessionId);
  const sessions = await (texts.length === 0 ? matchingHere(context, flags) : knownHere(context, ids));
  if (sessions.length === 0 && !context.json) context.io.stdout.write('No session matches.\n');

  const { io, json } = context;
  if (json) io.stdout.write(`${JSON.stringify({ sessions: sessions.map(sessionDocument) })}\n`);
  else if (sessions.length > 0)
    io.stdout.write(`${sessions.map((session) => explained(session, context)).join('\n\n')}\n`);
  return EXIT_CODES.ok;
}

function explained(session: ListedSession, { io, colors }: CommandContext): string {
  const nowMs = systemClock.now();
  const { sessionId, isGoing } = session;
  const verdict = isGoing ? colors.yellow('goes with the next prune') : colors.green('stays');
  return [
    `${colors.bold(shownTitle(session))}  ${verdict}`,
    `  session    ${sessionId}`,
    `  project    ${shownProject(session, io.home)}`,
    `  last used  ${lastUsed(session, nowMs)}`,
    `  size       ${sizeOf(session)}`,
    `  why        ${whyOf(session)}`,
    ...namedBy(session),
    ...goesOn(session, nowMs).map((line) => `  ${line}`),
    '',
    ...rulesAsked(session, colors),
  ].join('\n');
}

function lastUsed({ lastUsedMs }: ListedSession, nowMs: number): string {
  if (!Number.isFinite(lastUsedMs)) return 'unknown';
  const ago = lastUsedMs > nowMs ? 'in the future' : `${formatDurationRounded(nowMs - lastUsedMs)} ago`;
  return `${localDate(lastUsedMs)}, ${ago}`;
}

function sizeOf({ bytes, files, messages, isEstimate }: ListedSession): string {
  const said =
    messages === undefined ? '' : `, ${isEstimate === true ? 'about ' : ''}${formatNumber(messages)} messages`;
  return `${formatBytes(bytes)}${files > 0 ? ` in ${formatCount(files, 'file')}` : ''}${said}`;
}

function whyOf({ reason, isGoing, maxAgeMs }: ListedSession): string {
  const may =
    maxAgeMs === undefined ? 'may stay for ever' : `may stay ${formatDurationRounded(maxAgeMs)} after its last use`;
  return isGoing
    ? `${reason}: ${REMOVALS[reason as RemoveReason]}; it ${may}`
    : `${reason}; by its age alone it ${may}`;
}

function namedBy({ namedBy: sources = [] }: ListedSession): string[] {
  return sources.map(({ source, why }, index) => {
    return `  ${index === 0 ? 'named by ' : '         '}  ${source}${why === undefined ? '' : `: ${shownText(why)}`}`;
  });
}

/** When that changes, and by what. */
function goesOn({ isGoing, goesAtMs, reason, shortId }: ListedSession, nowMs: number): string[] {
  const pin = `claude-session-sweeper pin ${shortId}`;
  if (isGoing) return [`keep it    ${pin}`, 'keep it    claude --resume, in its project: using it makes it young'];
  if (goesAtMs === undefined) return [`goes       not by time alone: ${reason} has to end first`];
  const inTime = formatDurationRounded(Math.max(0, goesAtMs - nowMs));
  return [`goes       ${localDate(goesAtMs)}, in ${inTime}, if nobody uses it any more`, `keep it    ${pin}`];
}

function rulesAsked({ reason, isGoing }: ListedSession, colors: CommandContext['colors']): string[] {
  const decided = isGoing ? KEEP_REASONS.length : KEEP_REASONS.indexOf(reason as KeepReason);
  const lines = KEEP_REASONS.slice(0, decided + 1).map((one, index) => {
    // What is young enough to stay is not looked into for more reasons.
    if (IN_TRANSCRIPT.has(one) && !isGoing && AGE_REASONS.has(reason)) return `  -    ${RULES[one]} (Not looked into.)`;
    return `  ${index === decided ? colors.green('yes') : 'no '}  ${RULES[one]}`;
  });
  const unasked = KEEP_REASONS.length - lines.length;
  const rest =
    unasked > 0 ? [`  ${formatCount(unasked, 'further rule')} ${unasked === 1 ? 'needs' : 'need'} no answer.`] : [];
  return ['Asked, in this order:', ...lines, ...rest];
}
