/** Which sessions a command means: named one by one, or all of which several things are true at once. */

import { resolve } from 'node:path';
import type { SessionId } from '../claude-dir/session-id.ts';
import { SESSION_CLASSES, type SessionClass } from '../config/class-ages.ts';
import { OperatingError } from '../errors.ts';
import { parseByteSize } from '../format/byte-size.ts';
import { parseDurationMs } from '../format/duration.ts';
import { withHome } from '../format/home-path.ts';
import { shownValue } from '../format/shown-text.ts';
import type { ListingRequest } from '../jobs/listing-request.ts';
import type { ListedSession } from '../jobs/report.ts';
import type { CliIo, CommandContext } from './command.ts';
import { sessionsHere } from './find-sessions.ts';
import { lookAtSessions } from './run.ts';
import { pruneOf } from './run-output.ts';

/** As they stand on the command line. */
export interface FilterFlags {
  readonly title?: string;
  readonly project?: string;
  readonly olderThan?: string;
  readonly largerThan?: string;
  readonly class?: string;
}

export type SessionFilter = Pick<
  ListingRequest,
  'title' | 'project' | 'unusedForMs' | 'largerThanBytes' | 'sessionClass'
>;

/** @throws OperatingError (`usage`) */
export function filterOf(flags: FilterFlags, io: Pick<CliIo, 'home' | 'workingDirectory'>): SessionFilter {
  const { title, project, olderThan, largerThan } = flags;
  return {
    ...(title === undefined ? {} : { title }),
    ...(project === undefined ? {} : { project: projectOf(project, io) }),
    ...(olderThan === undefined ? {} : { unusedForMs: durationOf('--older-than', olderThan) }),
    ...(largerThan === undefined ? {} : { largerThanBytes: bytesOf('--larger-than', largerThan) }),
    ...(flags.class === undefined ? {} : { sessionClass: classOf(flags.class) }),
  };
}

export function isFiltered({ title, project, olderThan, largerThan, class: name }: FilterFlags): boolean {
  return [title, project, olderThan, largerThan, name].some((flag) => flag !== undefined);
}

/** @throws OperatingError (`usage`) where sessions are named one by one and by filters as well */
export function throwIfBoth(texts: readonly string[], flags: FilterFlags): void {
  if (texts.length > 0 && isFiltered(flags))
    throw new OperatingError('usage', 'name sessions, or filter them; not both');
}

/** @throws OperatingError (`usage`) where neither is given: nothing is done to all sessions by leaving something out */
export function throwIfNeither(command: string, texts: readonly string[], flags: FilterFlags): void {
  throwIfBoth(texts, flags);
  if (texts.length > 0 || isFiltered(flags)) return;
  throw new OperatingError('usage', `${command}: name the sessions, or filter them, as by --project or --older-than`);
}

/** Those that are here, by names or by filters. @throws OperatingError as `findAmong`, or where a look fails */
export async function selectedHere(
  context: CommandContext,
  texts: readonly string[],
  flags: FilterFlags,
  options: Parameters<typeof sessionsHere>[2] = {},
): Promise<readonly SessionId[]> {
  if (texts.length > 0) return (await sessionsHere(context, texts, options)).map(({ sessionId }) => sessionId);
  return [...new Set((await matchingHere(context, flags)).map(({ sessionId }) => sessionId))];
}

/** What is known of all that match filters. @throws OperatingError */
export async function matchingHere(context: CommandContext, flags: FilterFlags): Promise<readonly ListedSession[]> {
  return lookAt(context, filterOf(flags, context.io));
}

/** What is known of sessions by their ids. @throws OperatingError */
export async function knownHere(context: CommandContext, ids: readonly SessionId[]): Promise<readonly ListedSession[]> {
  return lookAt(context, { ids });
}

async function lookAt(
  context: CommandContext,
  wanted: SessionFilter & Pick<ListingRequest, 'ids'>,
): Promise<readonly ListedSession[]> {
  const limit = Number.POSITIVE_INFINITY;
  const result = await lookAtSessions(context, { which: 'all', order: 'newest', limit, ...wanted });
  const list = pruneOf(result)?.listed;
  if (list !== undefined) return list.sessions;
  const { kind = 'io', message = 'it was not looked at all of them' } = result.failure ?? {};
  throw new OperatingError(kind, message);
}

/** A path is one from where the command was called; anything else is a glob over paths, or over Claude's names. */
export function projectOf(text: string, { home, workingDirectory }: Pick<CliIo, 'home' | 'workingDirectory'>): string {
  const pattern = withHome(text, home);
  return /^\.\.?(\/|$)/.test(pattern) ? resolve(workingDirectory, pattern) : pattern;
}

export function durationOf(flag: string, text: string): number {
  const durationMs = parseDurationMs(text);
  if (durationMs === undefined) throw wrong(flag, `${shownValue(text)} is no age, such as 12h or 30d`);
  return durationMs;
}

function bytesOf(flag: string, text: string): number {
  const bytes = parseByteSize(text);
  if (bytes === undefined) throw wrong(flag, `${shownValue(text)} is no size, such as 500KB or 2GiB`);
  return bytes;
}

function classOf(text: string): SessionClass {
  const known = SESSION_CLASSES.find((name) => name === text);
  if (known === undefined) throw wrong('--class', `${shownValue(text)} is none of ${SESSION_CLASSES.join(', ')}`);
  return known;
}

export function wrong(flag: string, what: string): OperatingError {
  return new OperatingError('usage', `${flag}: ${what}`);
}
