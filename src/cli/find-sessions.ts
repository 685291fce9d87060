/** Sessions by what a person types for them: an id, the beginning of one, or words of a title; one and no other, or none is worked on. */

import { parseSessionId, type SessionId } from '../claude-dir/session-id.ts';
import { OperatingError } from '../errors.ts';
import { nearestWord } from '../format/nearest-word.ts';
import { shownValue } from '../format/shown-text.ts';
import type { ListedSession } from '../jobs/report.ts';
import type { CommandContext } from './command.ts';
import { lookAtSessions } from './run.ts';
import { pruneOf } from './run-output.ts';
import { localDate, shownProject, shownTitle } from './session-columns.ts';

/** The shortest beginning that is taken for one of an id, in digits. */
const PREFIX_LENGTH_MIN = 4;
const PREFIX = /^[0-9a-f]{4,8}(-[0-9a-f-]{0,27})?$/;
/** So many are told where several are meant. */
const CANDIDATES_SHOWN = 10;

/** Undefined where a text cannot be the beginning of an id. */
export function idPrefixOf(text: string): string | undefined {
  const lower = text.trim().toLowerCase();
  return lower.length >= PREFIX_LENGTH_MIN && PREFIX.test(lower) ? lower : undefined;
}

/**
 * The ids of `known` that texts stand for; a whole id stands for itself, known or not.
 * @throws OperatingError (`usage`) naming every text that stands for none or for several
 */
export function idsAmong(texts: readonly string[], known: Iterable<SessionId>, where: string): SessionId[] {
  const ids = [...new Set(known)];
  const faults: string[] = [];
  const found = texts.flatMap((text) => {
    const whole = parseSessionId(text.trim().toLowerCase());
    if (whole !== undefined) return whole;
    const prefix = idPrefixOf(text);
    const matching = prefix === undefined ? [] : ids.filter((id) => id.startsWith(prefix));
    const [first] = matching;
    if (first !== undefined && matching.length === 1) return first;
    faults.push(matching.length > 1 ? ambiguous(text, matching) : unknown(text, ids, where));
    return [];
  });
  if (faults.length > 0) throw new OperatingError('usage', faults.join('; '));
  return found;
}

function ambiguous(text: string, matching: readonly string[]): string {
  const shown = matching.slice(0, CANDIDATES_SHOWN).join(', ');
  const more = matching.length - CANDIDATES_SHOWN;
  return `${shownValue(text)} stands for several: ${shown}${more > 0 ? ` and ${more} more` : ''}`;
}

function unknown(text: string, ids: readonly string[], where: string): string {
  const prefix = idPrefixOf(text);
  const near =
    prefix === undefined || ids.length === 0
      ? undefined
      : nearestWord(
          prefix,
          ids.map((id) => id.slice(0, prefix.length)),
        );
  if (prefix === undefined)
    return `${shownValue(text)}: not a session id, nor the beginning of one (${PREFIX_LENGTH_MIN} or more digits)`;
  return `${shownValue(text)} is no session ${where}${near === undefined ? '' : `; did you mean ${near}?`}`;
}

/**
 * Sessions that are here, in the Claude directories and the session stores, by ids, their beginnings or words of their titles.
 * @throws OperatingError (`usage`) where one stands for several, naming them, or is nothing that is known; (`bad-data`) for an id of none here
 */
export async function sessionsHere(context: CommandContext, texts: readonly string[]): Promise<ListedSession[]> {
  const found: ListedSession[] = [];
  for (const text of texts) found.push(await sessionHere(context, text));
  return found;
}

async function sessionHere(context: CommandContext, text: string): Promise<ListedSession> {
  const prefix = parseSessionId(text.trim().toLowerCase()) ?? idPrefixOf(text);
  const byId = prefix === undefined ? [] : await listed(context, { ids: [prefix] });
  const matching = byId.length > 0 || prefix?.length === ID_LENGTH ? byId : await listed(context, { title: text });
  const [first] = matching;
  if (first !== undefined && new Set(matching.map(({ sessionId }) => sessionId)).size === 1) return first;
  if (first === undefined) {
    const hint = '`claude-session-sweeper list` shows what is here, `trash list` what was removed';
    if (prefix !== undefined) throw new OperatingError('bad-data', `${shownValue(text)} is no session here; ${hint}`);
    throw new OperatingError('usage', `${shownValue(text)}: not a session id, and no title here has it; ${hint}`);
  }
  // An error is one line; these are many.
  for (const one of matching.slice(0, CANDIDATES_SHOWN)) {
    context.io.stderr.write(`  ${candidateLine(one, context.io.home)}\n`);
  }
  const some = matching.length > CANDIDATES_SHOWN ? `more than ${CANDIDATES_SHOWN}` : String(matching.length);
  throw new OperatingError('usage', `${shownValue(text)} stands for ${some} sessions; give the id of one`);
}

const ID_LENGTH = 36;

function candidateLine(session: ListedSession, home: string): string {
  return `${session.shortId}  ${localDate(session.lastUsedMs)}  ${shownProject(session, home)}  ${shownTitle(session)}`;
}

type Named = { readonly ids: readonly string[] } | { readonly title: string };

async function listed(context: CommandContext, named: Named): Promise<readonly ListedSession[]> {
  const result = await lookAtSessions(context, {
    which: 'all',
    order: 'newest',
    limit: CANDIDATES_SHOWN + 1,
    ...named,
  });
  const list = pruneOf(result)?.listed;
  if (list === undefined) {
    const { kind = 'io', message = 'it was not looked at all of them' } = result.failure ?? {};
    throw new OperatingError(kind, message);
  }
  return list.sessions;
}
