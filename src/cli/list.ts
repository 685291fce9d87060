/** `list` and `upcoming`: the sessions as a person knows them, what the next prune makes of each, and why. Looks only. */

import { isAbsolute, resolve } from 'node:path';
import { projectNameOf } from '../claude-dir/project-name.ts';
import { systemClock } from '../clock.ts';
import { OperatingError } from '../errors.ts';
import { formatBytes, parseByteSize } from '../format/byte-size.ts';
import { formatCount, formatNumber } from '../format/counts.ts';
import { parseDurationMs } from '../format/duration.ts';
import { shownValue } from '../format/shown-text.ts';
import type { ListingRequest } from '../jobs/listing-request.ts';
import type { ListedSession, SessionList } from '../jobs/report.ts';
import { shownFaults } from '../runs/run-result.ts';
import type { CliIo, CommandContext } from './command.ts';
import { nothingYet } from './nothing-yet.ts';
import { exitCodeOf, lookAtSessions } from './run.ts';
import { pruneOf, renderHeld } from './run-output.ts';
import { renderSessions } from './session-columns.ts';

/** As they stand on the command line. */
export interface ListFlags {
  readonly going?: boolean;
  readonly kept?: boolean;
  readonly sort?: string;
  readonly limit?: string;
  readonly project?: string;
  readonly olderThan?: string;
  readonly largerThan?: string;
  readonly title?: string;
  readonly within?: string;
}

const ORDERS: Readonly<Record<string, ListingRequest['order']>> = { used: 'newest', age: 'oldest', size: 'largest' };
/** More than a person reads. */
const LIMIT = 40;
const WITHIN_DAYS = '7d';

export async function listSessions(context: CommandContext, flags: ListFlags): Promise<number> {
  if (flags.going === true && flags.kept === true) throw wrong('--going and --kept', 'ask for one of them');
  const which = flags.going === true ? 'going' : flags.kept === true ? 'kept' : 'all';
  const order = ORDERS[flags.sort ?? 'used'];
  if (order === undefined)
    throw wrong('--sort', `${shownValue(flags.sort)} is none of ${Object.keys(ORDERS).join(', ')}`);
  const next = which === 'all' ? 'claude-session-sweeper list --going shows what the next prune takes' : undefined;
  return show(context, { which, order, ...filterOf(flags, context.io) }, { none: 'No session matches.', next });
}

/** What goes within some days if nobody uses it any more, the first to go first. */
export async function listUpcoming(context: CommandContext, flags: ListFlags): Promise<number> {
  const goesWithinMs = durationOf('--within', flags.within ?? WITHIN_DAYS);
  const request: ListingRequest = { which: 'all', order: 'soonest', goesWithinMs, ...filterOf(flags, context.io) };
  const none = `Nothing goes within ${flags.within ?? WITHIN_DAYS}.`;
  return show(context, request, { none, next: 'claude-session-sweeper pin ID keeps one of them' });
}

interface Words {
  readonly none: string;
  readonly next: string | undefined;
}

async function show(context: CommandContext, request: ListingRequest, { none, next }: Words): Promise<number> {
  const { io, json, colors } = context;
  const result = await lookAtSessions(context, request);
  const list = pruneOf(result)?.listed;
  if (list !== undefined && json) {
    io.stdout.write(`${JSON.stringify(listDocument(list))}\n`);
  } else if (list !== undefined) {
    const shown = { nowMs: systemClock.now(), home: io.home, colors, stream: io.stdout };
    const table =
      list.sessions.length === 0 ? (nothingYet(context.resolved.config) ?? none) : renderSessions(list.sessions, shown);
    const lines = [
      table,
      ...(list.sessions.length === 0 ? [] : ['', amountOf(list, next)]),
      ...renderHeld(result, context),
    ];
    io.stdout.write(`${lines.join('\n')}\n`);
  }
  for (const { kind, message } of shownFaults(result)) io.stderr.write(`claude-session-sweeper: ${kind}: ${message}\n`);
  // That a prune would be held back is no failure of a look.
  return result.outcome === 'held' ? exitCodeOf([], false) : exitCodeOf([result], io.shutdown.aborted);
}

function amountOf({ matching, sessions }: SessionList, next: string | undefined): string {
  const all = `${formatCount(matching.sessions, 'session')}, ${formatBytes(matching.bytes)}`;
  const more = matching.sessions - sessions.length;
  const rest = more > 0 ? `; --limit all lists ${formatNumber(more)} more` : '';
  return `${all}${rest}${next === undefined ? '' : `. ${next}`}`;
}

export function listDocument({ matching, sessions }: SessionList): object {
  return { matching, sessions: sessions.map(sessionDocument) };
}

export function sessionDocument({ lastUsedMs, goesAtMs, maxAgeMs, ...session }: ListedSession): object {
  return {
    ...session,
    lastUsedAt: timeOf(lastUsedMs),
    goesAt: goesAtMs === undefined ? null : timeOf(goesAtMs),
    maxAgeSeconds: maxAgeMs === undefined ? null : Math.round(maxAgeMs / 1000),
  };
}

function timeOf(timeMs: number): Date | null {
  const date = new Date(timeMs);
  return Number.isNaN(date.getTime()) ? null : date;
}

type Filter = Pick<ListingRequest, 'limit' | 'title' | 'project' | 'unusedForMs' | 'largerThanBytes'>;

export function filterOf({ limit, title, project, olderThan, largerThan }: ListFlags, io: CliIo): Filter {
  return {
    limit: limitOf(limit),
    ...(title === undefined ? {} : { title }),
    ...(project === undefined ? {} : { project: projectGlobOf(project, io) }),
    ...(olderThan === undefined ? {} : { unusedForMs: durationOf('--older-than', olderThan) }),
    ...(largerThan === undefined ? {} : { largerThanBytes: bytesOf('--larger-than', largerThan) }),
  };
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return LIMIT;
  if (text === 'all') return Number.POSITIVE_INFINITY;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw wrong('--limit', `${shownValue(text)} is neither a number from 1 on nor all`);
}

/** A path stands for the directory that Claude names after it; anything else is a glob over such names. */
function projectGlobOf(text: string, { home, workingDirectory }: CliIo): string {
  if (text === '~' || text.startsWith('~/')) return projectNameOf(home + text.slice(1));
  if (isAbsolute(text) || text === '.' || text === '..' || /^\.\.?\//.test(text)) {
    return projectNameOf(resolve(workingDirectory, text));
  }
  return text;
}

function durationOf(flag: string, text: string): number {
  const durationMs = parseDurationMs(text);
  if (durationMs === undefined) throw wrong(flag, `${shownValue(text)} is no age, such as 12h or 30d`);
  return durationMs;
}

function bytesOf(flag: string, text: string): number {
  const bytes = parseByteSize(text);
  if (bytes === undefined) throw wrong(flag, `${shownValue(text)} is no size, such as 500KB or 2GiB`);
  return bytes;
}

function wrong(flag: string, what: string): OperatingError {
  return new OperatingError('usage', `${flag}: ${what}`);
}
