/** What a host's own program, server or query answers, as a reading: provably all of it, or an error. */

import { parseProtectedId, type SessionId } from '../../claude-dir/session-id.ts';
import { shownValue } from '../../format/shown-text.ts';
import type { LiveReading, NamedProject } from '../live-source.ts';
import { parseIdLines } from './id-lines.ts';
import { parseStrictJson } from './strict-json.ts';

/** Hundreds of thousands of ids. */
export const ANSWER_BYTES_MAX = 16 * 2 ** 20;

export interface AnswerContext {
  /** Unix epoch ms. */
  readonly nowMs: number;
  /** Whether whoever brought it has counted its bytes. */
  readonly isCounted: boolean;
}

/**
 * JSON is whole or no JSON. Lines are whole where the last one says how many they are, or where their bytes were counted.
 * @throws Error with the first thing that is wrong
 */
export function parseAnswer(text: string, { nowMs, isCounted }: AnswerContext): LiveReading {
  const start = text.trimStart()[0];
  if (start === '{' || start === '[') return readingOfEntries(entriesOf(parseStrictJson(text)), nowMs);
  const { ids, count, closedWith } = parseIdLines(text);
  if (closedWith === undefined && count === 0) throw new Error('it is empty: where nobody is live, say “end 0”');
  if (closedWith === undefined && !isCounted) {
    throw new Error(`the closing line is missing, so it may be cut off: end it with “end ${count}”`);
  }
  if (closedWith !== undefined && closedWith !== count) {
    throw new Error(`its closing line says ${closedWith} ids, and there are ${count}`);
  }
  return { ids, malformed: 0 };
}

const ENVELOPE = ['sessions', 'complete'];

/** A list, or an object that has it: whatever else stands there may mean that this is one page of several. */
function entriesOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  const { sessions, complete } = value as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(value as object).find((key) => !ENVELOPE.includes(key));
  if (unknown !== undefined)
    throw new Error(`expected ${ENVELOPE.join(' and ')} alone, and there is ${shownValue(unknown)}`);
  if (complete !== true) throw new Error('it does not say "complete": true');
  if (!Array.isArray(sessions)) throw new Error('sessions is no list');
  return sessions;
}

const FIELDS = ['id', 'project', 'until', 'why'];
/** A sentence; the rest is cut off. */
const WHY_LENGTH_MAX = 500;
const PROJECTS_MAX = 1_000;
const PROJECT_LENGTH_MAX = 300;
/** What else a glob may be made of can take for ever to match, and this one comes from outside. */
const PROJECT = /^[^()[\]{}!|\\]+$/;
const STARS_MAX = 6;

/**
 * @param entries ids, or objects with one, or with a project
 * @throws Error with the first entry that is wrong
 */
export function readingOfEntries(entries: readonly unknown[], nowMs: number): LiveReading {
  const ids = new Set<SessionId>();
  const projects: NamedProject[] = [];
  const reasons = new Map<SessionId, string>();
  let stale = 0;
  for (const [index, raw] of entries.entries()) {
    const { entry, why, isStale } = parsedEntry(raw, nowMs, `entry ${index}`);
    if (isStale) stale += 1;
    else if (entry.kind === 'project') projects.push({ match: entry.match, why });
    else {
      ids.add(entry.id);
      if (why !== undefined) reasons.set(entry.id, why);
    }
  }
  if (projects.length > PROJECTS_MAX) throw new Error(`it names more than ${PROJECTS_MAX} projects`);
  return {
    ids,
    malformed: 0,
    stale,
    ...(projects.length === 0 ? {} : { projects }),
    ...(reasons.size === 0 ? {} : { reasons }),
  };
}

interface ParsedEntry {
  readonly entry:
    | { readonly kind: 'id'; readonly id: SessionId }
    | { readonly kind: 'project'; readonly match: string };
  readonly why: string | undefined;
  /** Its time is over. */
  readonly isStale: boolean;
}

function parsedEntry(raw: unknown, nowMs: number, at: string): ParsedEntry {
  const { id: text, project, until, why } = fieldsOf(raw, at);
  if (why !== undefined && typeof why !== 'string') throw new Error(`${at}: why is no text`);
  const said = { why: why?.slice(0, WHY_LENGTH_MAX), isStale: isOver(until, nowMs, at) };
  if (project !== undefined) {
    if (text !== undefined) throw new Error(`${at} names both an id and a project`);
    return { entry: { kind: 'project', match: checkedProject(project, at) }, ...said };
  }
  const id = parseProtectedId(text);
  if (id === undefined) throw new Error(`${at}: ${shownValue(text)} is no session id`);
  return { entry: { kind: 'id', id }, ...said };
}

function fieldsOf(entry: unknown, at: string): Readonly<Record<string, unknown>> {
  if (typeof entry === 'string') return { id: entry };
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    throw new Error(`${at} is neither an id nor an object with one`);
  }
  const unknown = Object.keys(entry).find((key) => !FIELDS.includes(key));
  if (unknown !== undefined) {
    throw new Error(`${at}: expected ${FIELDS.join(', ')}, and there is ${shownValue(unknown)}`);
  }
  return { ...entry };
}

function checkedProject(project: unknown, at: string): string {
  const isRight =
    typeof project === 'string' &&
    project.length <= PROJECT_LENGTH_MAX &&
    PROJECT.test(project) &&
    project.split('*').length - 1 <= STARS_MAX;
  if (isRight) return project;
  const what = "no real path and no name of Claude's, with * and ? for more";
  throw new Error(`${at}: project is ${shownValue(project)}, and ${what}`);
}

const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

function isOver(until: unknown, nowMs: number, at: string): boolean {
  if (until === undefined || until === null) return false;
  const untilMs =
    typeof until === 'string' && RFC_3339.test(until) ? Date.parse(until.toUpperCase().replace(' ', 'T')) : Number.NaN;
  if (Number.isNaN(untilMs))
    throw new Error(`${at}: until is ${shownValue(until)}, and no time such as 2026-01-31T12:00:00Z`);
  return untilMs <= nowMs;
}
