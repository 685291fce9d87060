/** Reads what runs have written down for the page: another release, or a person, may have written anything. */

import { GUARD_NAMES, type GuardName } from '../../jobs/guards/guards.ts';
import type { ProjectLeft } from '../../jobs/report.ts';
import type { NextSession, PruneLook } from '../../runs/run-look.ts';

/** A guard's word, and the command by which somebody who has looked lets the run go on. */
export interface ToldHeld {
  readonly guard: GuardName;
  readonly message: string;
  readonly allowWith: string | undefined;
}

/** More than is ever recorded. */
const LISTED_MAX = 50;
const NAME_LENGTH_MAX = 400;

type Fields = Readonly<Record<string, unknown>>;

/** @param report of a run's record */
export function heldOf(report: unknown): readonly ToldHeld[] {
  const { held, allowWith } = fieldsOf(report);
  return listOf(held).flatMap((one) => {
    const { guard, message } = fieldsOf(one);
    const known = GUARD_NAMES.find((name) => name === guard);
    return known === undefined ? [] : [{ guard: known, message: textOf(message) ?? '', allowWith: textOf(allowWith) }];
  });
}

/** What went wrong in a run. @param report of its record */
export function faultsOf(report: unknown): readonly { readonly kind: string; readonly message: string }[] {
  return listOf(fieldsOf(report).errors).flatMap((one) => {
    const { kind, message } = fieldsOf(one);
    return typeof kind === 'string' ? [{ kind, message: textOf(message) ?? '' }] : [];
  });
}

/** @param content of a look's record; undefined where it is none */
export function lookIn(content: unknown): PruneLook | undefined {
  const { left, leftElsewhere, kept, next, going } = fieldsOf(content);
  if (!Array.isArray(left) || !Array.isArray(next)) return undefined;
  const elsewhere = fieldsOf(leftElsewhere);
  return {
    left: left.slice(0, LISTED_MAX).map(projectIn),
    leftElsewhere: {
      projects: countOf(elsewhere.projects),
      sessions: countOf(elsewhere.sessions),
      bytes: countOf(elsewhere.bytes),
    },
    kept: Object.fromEntries(Object.entries(fieldsOf(kept)).map(([reason, count]) => [reason, countOf(count)])),
    next: next.slice(0, LISTED_MAX).flatMap(sessionIn),
    going: { sessions: countOf(fieldsOf(going).sessions), bytes: countOf(fieldsOf(going).bytes) },
  };
}

function projectIn(value: unknown): ProjectLeft {
  const { project, sessions, bytes } = fieldsOf(value);
  return { project: nameOf(project), sessions: countOf(sessions), bytes: countOf(bytes) };
}

function sessionIn(value: unknown): readonly NextSession[] {
  const { shortId, title, workingDirectory, project, reason, bytes, lastUsedMs, goesAtMs, hasTranscript } =
    fieldsOf(value);
  const id = textOf(shortId);
  if (id === undefined) return [];
  const [known, place] = [nameOf(title), nameOf(workingDirectory)];
  const session: NextSession = {
    ...{ shortId: id, project: nameOf(project), reason: textOf(reason) ?? '' },
    ...{ bytes: countOf(bytes), lastUsedMs: countOf(lastUsedMs), goesAtMs: countOf(goesAtMs) },
    hasTranscript: hasTranscript === true,
    ...(known === undefined ? {} : { title: known }),
    ...(place === undefined ? {} : { workingDirectory: place }),
  };
  return [session];
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** The beginning of a title or a name, which may be of any length. */
function nameOf(value: unknown): string | undefined {
  const name = textOf(value);
  return name === undefined || name.length <= NAME_LENGTH_MAX ? name : `${name.slice(0, NAME_LENGTH_MAX)}…`;
}

function countOf(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : 0;
}
