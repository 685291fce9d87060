/** Sessions by what a person types for them: an id, the beginning of one, or words of a title; one and no other, or none is worked on. */

import { parseSessionId, type SessionId } from '../claude-dir/session-id.ts';
import { OperatingError } from '../errors.ts';
import { mostAlike } from '../format/most-alike.ts';
import { nearestWord } from '../format/nearest-word.ts';
import { shownValue } from '../format/shown-text.ts';
import { sharedSessions } from '../runs/open-stores.ts';
import { type KnownSession, SessionIndex } from '../runs/session-index.ts';
import type { CommandContext } from './command.ts';
import { localDate, shownProject, shownTitle } from './session-columns.ts';

/** The shortest beginning that is taken for one of an id, in digits. */
const PREFIX_LENGTH_MIN = 4;
const PREFIX = /^[0-9a-f]{4,8}(-[0-9a-f-]{0,27})?$/;
/** So many are told where several are meant. */
const CANDIDATES_SHOWN = 10;

/** Undefined where a text cannot be the beginning of an id. */
function idPrefixOf(text: string): string | undefined {
  const lower = text.trim().toLowerCase();
  return lower.length >= PREFIX_LENGTH_MIN && PREFIX.test(lower) ? lower : undefined;
}

/** What texts are held against. */
export interface Findable {
  readonly ids: readonly SessionId[] | ReadonlySet<SessionId>;
  has(sessionId: SessionId): boolean;
  session(sessionId: SessionId): KnownSession | undefined;
  shortIdOf(sessionId: SessionId): string;
  /** `here`, `in the trash` */
  readonly where: string;
  /** Where else to look; a clause. */
  readonly hint: string;
  /** A whole id that is not among them stands for itself. */
  readonly takesAbsent: boolean;
}

/**
 * The ids that texts stand for.
 * @throws OperatingError naming every text that stands for several, whose faces are told (`usage`), or for none (`bad-data`)
 */
export function findAmong(
  texts: readonly string[],
  among: Findable,
  { io }: Pick<CommandContext, 'io'>,
): readonly SessionId[] {
  const verdicts = verdictsOn(texts, among);
  const ids: SessionId[] = [];
  const faults: string[] = [];
  let isAmbiguous = false;
  for (const [index, { matching, near }] of verdicts.entries()) {
    const text = shownValue(texts[index]);
    const [first, second] = matching;
    if (first !== undefined && second === undefined) {
      ids.push(first);
    } else if (first === undefined) {
      const gone = among.where === 'here' ? ' (history --session tells of one that has gone)' : '';
      faults.push(`${text} is no session ${among.where}${gone}${near === undefined ? '' : `; did you mean ${near}?`}`);
    } else {
      isAmbiguous = true;
      // An error is one line; these are many.
      for (const line of candidateLines(matching, among, io.home)) io.stderr.write(`  ${line}\n`);
      const some = matching.length > CANDIDATES_SHOWN ? `more than ${CANDIDATES_SHOWN}` : matching.length;
      faults.push(`${text} stands for ${some} sessions ${among.where}; give the id of one`);
    }
  }
  if (faults.length === 0) return [...new Set(ids)];
  throw new OperatingError(isAmbiguous ? 'usage' : 'bad-data', `${faults.join('; ')}${isAmbiguous ? '' : among.hint}`);
}

interface Verdict {
  readonly matching: readonly SessionId[];
  /** What was meant, perhaps. */
  readonly near?: string | undefined;
}

function verdictsOn(texts: readonly string[], among: Findable): readonly Verdict[] {
  const byId = texts.map((text) => matchingIds(text, among));
  const asTitles = texts.filter((_, index) => byId[index]?.length === 0);
  const titles = new Map(asTitles.map((text) => [text, new TitleSearch(text)]));
  // One look into each transcript, however many titles there are.
  const searches = [...titles.entries()].filter(([text]) => parseSessionId(text.trim().toLowerCase()) === undefined);
  if (searches.length > 0) {
    for (const id of among.ids) for (const [, search] of searches) search.add(id, among.session(id)?.title);
  }
  return texts.map((text, index) => {
    const matching = byId[index] ?? [];
    const search = titles.get(text);
    if (search === undefined) return { matching };
    if (search.matching.length > 0) return { matching: search.matching };
    return { matching, near: nearTo(text, search, among) };
  });
}

function matchingIds(text: string, among: Findable): SessionId[] {
  const whole = parseSessionId(text.trim().toLowerCase());
  if (whole !== undefined) return among.takesAbsent || among.has(whole) ? [whole] : [];
  const prefix = idPrefixOf(text);
  if (prefix === undefined) return [];
  const matching: SessionId[] = [];
  for (const id of among.ids) if (id.startsWith(prefix) && matching.length <= CANDIDATES_SHOWN) matching.push(id);
  return matching;
}

/** Those whose title holds the text; the whole title, in quotes or not, before a part of one. */
class TitleSearch {
  readonly #words: string;
  readonly #isAlike: (title: string) => number;
  readonly #exact: SessionId[] = [];
  readonly #holding: SessionId[] = [];
  #alikeness = 0;
  nearest: SessionId | undefined;

  constructor(text: string) {
    this.#words = text
      .trim()
      .replace(/^(["'])(.*)\1$/, '$2')
      .toLowerCase();
    this.#isAlike = mostAlike(this.#words);
  }

  get matching(): readonly SessionId[] {
    return this.#exact.length > 0 ? this.#exact : this.#holding;
  }

  add(id: SessionId, title: string | undefined): void {
    if (title === undefined || this.#words === '') return;
    const lower = title.toLowerCase();
    if (lower === this.#words) this.#exact.push(id);
    else if (lower.includes(this.#words)) this.#holding.push(id);
    else {
      const alikeness = this.#isAlike(lower);
      if (alikeness > this.#alikeness) [this.#alikeness, this.nearest] = [alikeness, id];
    }
  }
}

function nearTo(text: string, { nearest }: TitleSearch, among: Findable): string | undefined {
  const prefix = idPrefixOf(text);
  const ids = prefix === undefined ? [] : [...among.ids];
  const beginnings = ids.map((id) => id.slice(0, prefix?.length));
  const near = prefix === undefined || beginnings.length === 0 ? undefined : nearestWord(prefix, beginnings);
  const id = near === undefined ? nearest : ids[beginnings.indexOf(near)];
  const session = id && among.session(id);
  return session && `${among.shortIdOf(session.sessionId)} (${shownTitle(session)})`;
}

/** Of those that are told, the last used first. */
function candidateLines(ids: readonly SessionId[], among: Findable, home: string): string[] {
  const sessions = ids.slice(0, CANDIDATES_SHOWN).map((id) => among.session(id) ?? nameless(id));
  const usedMs = ({ lastUsedMs }: KnownSession) => (Number.isFinite(lastUsedMs) ? lastUsedMs : 0);
  return sessions
    .sort((left, right) => usedMs(right) - usedMs(left))
    .map((session) => {
      const face = `${localDate(session.lastUsedMs)}  ${shownProject(session, home)}  ${shownTitle(session)}`;
      return `${among.shortIdOf(session.sessionId)}  ${face}`;
    });
}

/** Uses what is here, in the Claude directories and the session stores, and gives it back. */
export function withSessionIndex<T>({ resolved }: CommandContext, use: (index: SessionIndex) => T): T {
  const index = SessionIndex.open(resolved.config);
  try {
    return use(index);
  } finally {
    index.close();
  }
}

/** Sessions that are here by ids, their beginnings or words of their titles. @throws as `findAmong` */
export async function sessionsHere(
  context: CommandContext,
  texts: readonly string[],
  { takesAbsent = false, hint = '' } = {},
): Promise<readonly KnownSession[]> {
  const shared = await sharedSessions(context.resolved.config);
  return withSessionIndex(context, (index) => {
    for (const [place, sessions] of shared.stored) index.addStored(place, sessions);
    index.faults.push(...shared.faults);
    const unseen = index.faults.map((fault) => `; ${fault}`).join('');
    const where = '`claude-session-sweeper list` shows what is here, `trash list` what was removed';
    const among: Findable = {
      ids: index.ids(),
      has: (id) => index.has(id),
      session: (id) => index.session(id),
      shortIdOf: (id) => index.shortIdOf(id),
      where: 'here',
      hint: `${hint}; ${where}${unseen}`,
      takesAbsent,
    };
    return findAmong(texts, among, context).map((sessionId) => index.session(sessionId) ?? nameless(sessionId));
  });
}

/** A session of which nothing but its id is known. */
export function nameless(sessionId: SessionId): KnownSession {
  const unknown = { title: undefined, workingDirectory: undefined, project: undefined, lastUsedMs: Number.NaN };
  return { sessionId, hasTranscript: true, ...unknown };
}
