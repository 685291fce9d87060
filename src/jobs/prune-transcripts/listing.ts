/** Picks the sessions that a command is to show, the first of an order, with what a plan says of each; the memory for it does not grow with the tree. */

import { headNumberOf } from '../../claude-dir/id-prefixes.ts';
import { type ProjectPattern, projectPattern } from '../../claude-dir/project-pattern.ts';
import { SHORT_ID_LENGTH } from '../../claude-dir/session-id.ts';
import type { Units } from '../../claude-dir/unit.ts';
import { displayName } from '../../files/byte-name.ts';
import type { NamedSessions } from '../../live-sources/live-source.ts';
import type { ListingRequest } from '../listing-request.ts';
import type { ListedSession, SessionList } from '../report.ts';
import type { Facts } from './age-rules.ts';
import { projectMatcher } from './live-protection.ts';
import type { ObservedPlace } from './place.ts';
import type { Plan } from './plan.ts';

export interface ListingDependencies {
  readonly nowMs: number;
  readonly minAgeMs: number;
  readonly noticeMs: number;
  /** By live source. */
  readonly named: ReadonlyMap<string, NamedSessions>;
}

/** How many more than asked for are gathered before they are sorted out. */
const SPARE = 256;

/** Reasons that time alone ends. */
const ENDED_BY_TIME: ReadonlySet<string> = new Set(['within-retention', 'class-retention', 'too-young']);

type Candidate = Omit<ListedSession, 'shortId'> & { readonly rank: number; readonly row: number };

/** One row of a plan, as far as it decides whether it is listed. */
interface Row {
  readonly row: number;
  readonly reason: string;
  readonly isGoing: boolean;
  readonly bytes: number;
  readonly lastUsedMs: number;
  /** Infinite where time alone does not end its stay. */
  readonly goesAtMs: number;
}

/** Where sessions are listed from. */
export type Listable = Pick<ObservedPlace, 'units' | 'face' | 'name' | 'facts' | 'projectPaths'>;

export class Listing {
  readonly #request: ListingRequest;
  readonly #dependencies: ListingDependencies;
  readonly #project: ProjectPattern | undefined;
  readonly #matching = { sessions: 0, bytes: 0 };
  readonly #heads: Uint32Array[] = [];
  #first: Candidate[] = [];
  /** The last rank that is still listed, once there are enough. */
  #lastRank = Number.POSITIVE_INFINITY;

  constructor(request: ListingRequest, dependencies: ListingDependencies) {
    this.#request = request;
    this.#dependencies = dependencies;
    this.#project = request.project === undefined ? undefined : projectPattern(request.project);
  }

  /** @param path of the Claude directory or the session store */
  async add(path: string, place: Listable, plan: Plan): Promise<void> {
    const { units } = place;
    const heads = new Uint32Array(plan.length);
    const isWanted = units.projects.map((name) => this.#mayBeIn(displayName(name)));
    const isOrphanWanted = this.#mayBeIn(undefined);
    for (let row = 0; row < plan.length; row += 1) {
      heads[row] = units.idHead(row);
      const index = units.projectIndex(row);
      if (!(index === undefined ? isOrphanWanted : isWanted[index])) continue;
      const one = this.#row(units, plan, row);
      // What costs a look into the transcript is asked last.
      if (!this.#matches(one, units) || !this.#isNamed(row, place)) continue;
      if (this.#request.sessionClass !== undefined && !(await this.#isOfClass(row, place))) continue;
      this.#matching.sessions += 1;
      this.#matching.bytes += one.bytes;
      const rank = this.#rank(one);
      if (rank > this.#lastRank) continue;
      const title = this.#request.order === 'title' ? place.name(row)?.title : undefined;
      this.#first.push({ rank, row, ...(title === undefined ? {} : { title }), ...described(path, units, plan, one) });
      if (this.#first.length >= this.#request.limit + SPARE) this.#shorten();
    }
    this.#heads.push(heads);
    this.#shorten();
    // While the place is open; of those that a later place will push out again, there are no more than are listed.
    const namedBy = this.#namingAt(place);
    this.#first = this.#first.map((one) => {
      return one.claudeDir === path ? { ...one, ...place.face(one.row), ...namedBy(one) } : one;
    });
  }

  end(): SessionList {
    this.#shorten();
    const shared = sharedHeads(this.#heads);
    const sessions = this.#first.map(({ rank: _rank, row: _row, ...session }) => {
      const isShared = shared.has(headNumberOf(session.sessionId));

      const shortId = isShared ? session.sessionId : session.sessionId.slice(0, SHORT_ID_LENGTH);
      return { ...session, shortId };
    });
    return { matching: this.#matching, sessions };
  }

  /** Which sources name a session, asked while its place is open. */
  #namingAt(place: Listable): (one: Candidate) => Pick<ListedSession, 'namedBy'> {
    const sources = Array.from(this.#dependencies.named, ([source, named]) => {
      const { projects } = named;
      return { source, named, projectOf: projects.length === 0 ? () => undefined : projectMatcher(place, projects) };
    });
    return ({ sessionId, lastUsedMs, row }) => {
      const namedBy = sources.flatMap(({ source, named: { ids, prefixes, writtenSinceMs, reasonFor }, projectOf }) => {
        const project = projectOf(row);
        const isNamed = ids.has(sessionId) || prefixes.match(sessionId) || lastUsedMs >= writtenSinceMs;
        if (!isNamed && project === undefined) return [];
        const why = reasonFor(sessionId) ?? project?.why;
        return [why === undefined ? { source } : { source, why }];
      });
      return namedBy.length === 0 ? {} : { namedBy };
    };
  }

  #row(units: Units, plan: Plan, row: number): Row {
    const { nowMs, minAgeMs, noticeMs } = this.#dependencies;
    const reason = plan.reason(row);
    const isGoing = plan.isRemoval(row);
    const lastUsedMs = plan.lastUsedMs(row);
    const announcedAtMs = plan.announcedAtMs(row);
    const dueMs = ENDED_BY_TIME.has(reason) ? lastUsedMs + Math.max(plan.maxAgeMs(row), minAgeMs) : announcedAtMs;
    const staysUntilMs = dueMs === undefined ? NEVER_MS : dueMs + noticeMs;
    return { row, reason, isGoing, bytes: units.bytes(row), lastUsedMs, goesAtMs: isGoing ? nowMs : staysUntilMs };
  }

  #matches({ row, isGoing, lastUsedMs, bytes, goesAtMs }: Row, units: Units): boolean {
    const { which, ids, unusedForMs = 0, largerThanBytes = -1, goesWithinMs = NEVER_MS } = this.#request;
    const { nowMs } = this.#dependencies;
    if (which !== 'all' && isGoing !== (which === 'going')) return false;
    if (unusedForMs > 0 && !(nowMs - lastUsedMs > unusedForMs)) return false;
    if (!(bytes > largerThanBytes) || (goesWithinMs < NEVER_MS && !(goesAtMs <= nowMs + goesWithinMs))) return false;
    if (ids === undefined) return true;
    const sessionId = units.sessionId(row);
    return ids.some((beginning) => sessionId.startsWith(beginning));
  }

  /** Whether sessions of a project have to be looked at at all. */
  #mayBeIn(name: string | undefined): boolean {
    return this.#project === undefined || this.#project.isPath || this.#project.matches(name, undefined);
  }

  #isNamed(row: number, place: Listable): boolean {
    const { title } = this.#request;
    const isByPath = this.#project?.isPath === true;
    if (title === undefined && !isByPath) return true;
    const said = place.name(row);
    const hasTitle = title === undefined || (said?.title?.toLowerCase().includes(title.toLowerCase()) ?? false);
    if (!hasTitle || !isByPath) return hasTitle;
    const project = place.units.projects[place.units.projectIndex(row) ?? -1];
    return this.#project.matches(project && displayName(project), said?.workingDirectory);
  }

  async #isOfClass(row: number, place: Listable): Promise<boolean> {
    const { sessionClass } = this.#request;
    let found: Facts | undefined;
    const question = { nowMs: this.#dependencies.nowMs, shouldStop: async () => false };
    await place.facts([row], question, (_, { facts }) => {
      found = facts;
    });
    return sessionClass === 'archived' ? found?.isArchived === true : found?.sessionClass === sessionClass;
  }

  #rank({ lastUsedMs, bytes, goesAtMs }: Row): number {
    const ranks = { newest: -lastUsedMs, oldest: lastUsedMs, largest: -bytes, soonest: goesAtMs, title: 0 };
    return ranks[this.#request.order];
  }

  #byTitle(left: Candidate, right: Candidate): number {
    if (this.#request.order !== 'title') return 0;
    const [first, second] = [left, right].map(({ title }) => title?.toLowerCase());
    if (first === undefined || second === undefined) return Number(first === undefined) - Number(second === undefined);
    return first === second ? 0 : first < second ? -1 : 1;
  }

  #shorten(): void {
    const { limit } = this.#request;
    this.#first = this.#first
      .sort((left, right) => left.rank - right.rank || this.#byTitle(left, right) || byId(left, right))
      .slice(0, limit);
    if (this.#first.length === limit) this.#lastRank = this.#first.at(-1)?.rank ?? NEVER_MS;
  }
}

function byId(left: Candidate, right: Candidate): number {
  return left.sessionId < right.sessionId ? -1 : 1;
}

const NEVER_MS = Number.POSITIVE_INFINITY;

function described(path: string, units: Units, plan: Plan, one: Row): Omit<ListedSession, 'shortId'> {
  const { row, reason, isGoing, bytes, lastUsedMs, goesAtMs } = one;
  const index = units.projectIndex(row);
  const project = index === undefined ? undefined : units.projects[index];
  const maxAgeMs = plan.maxAgeMs(row);
  return {
    sessionId: units.sessionId(row),
    claudeDir: path,
    project: project && displayName(project),
    reason,
    isGoing,
    files: units.files(row),
    bytes,
    hasTranscript: units.hasTranscript(row),
    lastUsedMs,
    ...(maxAgeMs < NEVER_MS ? { maxAgeMs } : {}),
    ...(goesAtMs < NEVER_MS ? { goesAtMs } : {}),
  };
}

/** Beginnings of ids that several sessions have. */
function sharedHeads(heads: readonly Uint32Array[]): ReadonlySet<number> {
  const all = new Uint32Array(heads.reduce((length, some) => length + some.length, 0));
  let filled = 0;
  for (const some of heads) {
    all.set(some, filled);
    filled += some.length;
  }
  all.sort();
  const shared = new Set<number>();
  for (let index = 1; index < all.length; index += 1) {
    const head = all[index];
    if (head !== undefined && head === all[index - 1]) shared.add(head);
  }
  return shared;
}
