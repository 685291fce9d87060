/** Which sessions in the trash a command means: named, of one run, or all of which several things are true. */

import { projectPattern } from '../claude-dir/project-pattern.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import { systemClock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { OperatingError } from '../errors.ts';
import { shownValue } from '../format/shown-text.ts';
import { Ledger } from '../ledger/ledger.ts';
import { TAKING_JOBS } from '../ledger/runs.ts';
import { stampsOf } from '../ledger/session-history.ts';
import { knownInTrash, type SessionInTrash } from '../runs/trash-contents.ts';
import type { CommandContext } from './command.ts';
import { type Findable, findAmong } from './find-sessions.ts';
import { type FilterFlags, filterOf, isFiltered } from './session-filter.ts';

/** As they stand on the command line. */
export interface TrashFilterFlags extends FilterFlags {
  readonly lastRun?: boolean;
  readonly run?: string;
  readonly all?: boolean;
}

/** More runs than come between two looks at the trash. */
const RUNS_LOOKED_AT = 400;

/**
 * @param listed what lies in the trash
 * @returns undefined where nothing is said, which means all
 * @throws OperatingError, as `findAmong`, or `usage` where it is said in several ways
 */
export async function selectedInTrash(
  context: CommandContext,
  listed: readonly SessionInTrash[],
  texts: readonly string[],
  flags: TrashFilterFlags,
): Promise<ReadonlySet<SessionId> | undefined> {
  if (waysSaid(texts, flags) === 0) return undefined;
  if (texts.length > 0) {
    const ids = new Set(listed.map(({ session }) => session.sessionId));
    return new Set(findAmong(texts, findableInTrash(context.resolved.config, ids, false), context));
  }
  return new Set(chosen(context, listed, flags).map(({ session }) => session.sessionId));
}

/** @throws OperatingError (`usage`) where it is said in several ways */
export function waysSaid(texts: readonly string[], flags: TrashFilterFlags): number {
  const ways = [texts.length > 0, flags.lastRun, flags.run !== undefined, flags.all, isFiltered(flags)];
  const said = ways.filter((way) => way === true).length;
  if (said > 1) throw new OperatingError('usage', 'name sessions, one run, all, or filters; not several of these');
  return said;
}

function chosen(context: CommandContext, listed: readonly SessionInTrash[], flags: TrashFilterFlags) {
  if (flags.all === true) return listed;
  if (flags.lastRun === true) return ofLastRun(context, listed);
  if (flags.run !== undefined) return ofRun(listed, flags.run);
  return ofFilters(context, listed, flags);
}

function ofRun(listed: readonly SessionInTrash[], run: string): readonly SessionInTrash[] {
  const found = listed.filter(({ lies }) => lies?.run === run);
  if (found.length > 0) return found;
  throw new OperatingError('bad-data', `${shownValue(run)} is no run in the trash; trash list --json names them`);
}

/** What went last, with all that the same run took, from wherever it was. */
function ofLastRun({ resolved: { config } }: CommandContext, listed: readonly SessionInTrash[]) {
  const newestFirst = listed.toSorted((left, right) => right.session.trashedAtMs - left.session.trashedAtMs);
  const [last] = newestFirst;
  if (last === undefined) return [];
  const lastMs = last.session.trashedAtMs;
  const ledger = Ledger.openForReading(config.stateDir);
  const takers = ledger?.lastRuns(RUNS_LOOKED_AT).filter(({ job }) => TAKING_JOBS.has(job)) ?? [];
  ledger?.close();
  const during = takers.map(stampsOf).find(({ fromMs, untilMs }) => fromMs <= lastMs && lastMs <= untilMs);
  return listed.filter(({ session, lies }) => {
    if (during !== undefined) return session.trashedAtMs >= during.fromMs && session.trashedAtMs <= during.untilMs;
    return session.trashedAtMs === lastMs || (lies !== undefined && lies.run === last.lies?.run);
  });
}

function ofFilters({ io, resolved }: CommandContext, listed: readonly SessionInTrash[], flags: FilterFlags) {
  const { title, project, unusedForMs = 0, largerThanBytes = -1, sessionClass } = filterOf(flags, io);
  if (sessionClass !== undefined) throw new OperatingError('usage', '--class: what lies in the trash has none');
  const pattern = project === undefined ? undefined : projectPattern(project);
  const faces = title !== undefined || pattern?.isPath === true ? knownInTrash(resolved.config) : undefined;
  const nowMs = systemClock.now();
  return listed.filter(({ session }) => {
    const face = faces?.get(session.sessionId);
    const isOld = unusedForMs === 0 || nowMs - session.newestMtimeMs > unusedForMs;
    const isNamed = title === undefined || (face?.title?.toLowerCase().includes(title.toLowerCase()) ?? false);
    const isThere = pattern?.matches(face?.project ?? session.project, face?.workingDirectory) ?? true;
    return isOld && session.bytes > largerThanBytes && isNamed && isThere;
  });
}

/** Ids need no face; one is looked for where a title is, or where candidates are to be told. */
export function findableInTrash(config: Config, ids: ReadonlySet<SessionId>, takesAbsent: boolean): Findable {
  let faced: ReturnType<typeof knownInTrash> | undefined;
  return {
    ids,
    has: (id) => ids.has(id),
    session: (id) => {
      faced ??= knownInTrash(config);
      return faced.get(id);
    },
    shortIdOf: (id) => id,
    where: 'in the trash',
    hint: '; `claude-session-sweeper trash list` shows what is',
    takesAbsent,
  };
}
