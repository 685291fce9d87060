/** `list` and `upcoming`: the sessions as a person knows them, what the next prune makes of each, and why. Looks only. */

import { systemClock } from '../clock.ts';
import { formatBytes } from '../format/byte-size.ts';
import { formatCount, formatNumber } from '../format/counts.ts';
import { shownValue } from '../format/shown-text.ts';
import type { ListingRequest } from '../jobs/listing-request.ts';
import type { ListedSession, SessionList } from '../jobs/report.ts';
import { shownFaults } from '../runs/run-result.ts';
import type { CommandContext } from './command.ts';
import { sessionsHere } from './find-sessions.ts';
import { nothingYet } from './nothing-yet.ts';
import { exitCodeOf, lookAtSessions } from './run.ts';
import { pruneOf, renderHeld } from './run-output.ts';
import { renderSessions } from './session-columns.ts';
import { durationOf, type FilterFlags, filterOf, throwIfBoth, wrong } from './session-filter.ts';

/** As they stand on the command line. */
export interface ListFlags extends FilterFlags {
  readonly going?: boolean;
  readonly kept?: boolean;
  readonly sort?: string;
  readonly limit?: string;
  readonly within?: string;
}

const ORDERS: Readonly<Record<string, ListingRequest['order']>> = {
  used: 'newest',
  age: 'oldest',
  size: 'largest',
  title: 'title',
};
/** More than a person reads. */
const LIMIT = 40;
const WITHIN_DAYS = '7d';

export async function listSessions(
  context: CommandContext,
  texts: readonly string[],
  flags: ListFlags,
): Promise<number> {
  if (flags.going === true && flags.kept === true) throw wrong('--going and --kept', 'ask for one of them');
  const which = flags.going === true ? 'going' : flags.kept === true ? 'kept' : 'all';
  const order = ORDERS[flags.sort ?? 'used'];
  if (order === undefined)
    throw wrong('--sort', `${shownValue(flags.sort)} is none of ${Object.keys(ORDERS).join(', ')}`);
  const next = which === 'all' ? 'claude-session-sweeper list --going shows what the next prune takes' : undefined;
  const request: ListingRequest = { which, order, ...(await wantedOf(context, texts, flags)) };
  return show(context, request, { none: 'No session matches.', next });
}

/** What goes within some days if nobody uses it any more, the first to go first. */
export async function listUpcoming(
  context: CommandContext,
  texts: readonly string[],
  flags: ListFlags,
): Promise<number> {
  const goesWithinMs = durationOf('--within', flags.within ?? WITHIN_DAYS);
  const request: ListingRequest = {
    which: 'all',
    order: 'soonest',
    goesWithinMs,
    ...(await wantedOf(context, texts, flags)),
  };
  const none = `Nothing goes within ${flags.within ?? WITHIN_DAYS}.`;
  return show(context, request, { none, next: 'claude-session-sweeper pin ID keeps one of them' });
}

type Wanted = Omit<ListingRequest, 'which' | 'order' | 'goesWithinMs'>;

async function wantedOf(context: CommandContext, texts: readonly string[], flags: ListFlags): Promise<Wanted> {
  throwIfBoth(texts, flags);
  const limit = limitOf(flags.limit);
  if (texts.length === 0) return { limit, ...filterOf(flags, context.io) };
  return { limit, ids: (await sessionsHere(context, texts)).map(({ sessionId }) => sessionId) };
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return LIMIT;
  if (text === 'all') return Number.POSITIVE_INFINITY;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw wrong('--limit', `${shownValue(text)} is neither a number from 1 on nor all`);
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
