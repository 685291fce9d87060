/** `map swept|restore`: rows that a sweep has taken out of the resume map, and their way back. */

import { systemClock } from '../clock.ts';
import { errorMessage, OperatingError } from '../errors.ts';
import { type ErrorKind, EXIT_CODES } from '../exit-codes.ts';
import { formatCount } from '../format/counts.ts';
import { escapeControls, shownText, shownValue } from '../format/shown-text.ts';
import { Ledger } from '../ledger/ledger.ts';
import type { KeptRow } from '../ledger/swept-rows.ts';
import type { Requester } from '../process/actor.ts';
import type { CommandContext } from './command.ts';
import { OpenedMaps, type SweptMap, sweptMaps } from './swept-maps.ts';
import { renderTable } from './table.ts';
import { formatAge, formatTime } from './terminal.ts';

export async function listSweptRows(context: CommandContext): Promise<number> {
  const { io, json, colors, resolved } = context;
  const keepMs = resolved.config['trash.keep'];
  const rows = await readKept(context);
  if (json) io.stdout.write(`${JSON.stringify({ rows: rows.map((row) => toDocument(row, keepMs)) })}\n`);
  else if (rows.length === 0) io.stdout.write('No swept row is kept.\n');
  else {
    const nowMs = systemClock.now();
    const cells = rows.map(({ key, sessionId, lastUsedAtMs, reason, sweptAtMs }) => [
      key,
      sessionId,
      formatAge(lastUsedAtMs ?? Number.NaN, nowMs),
      reason,
      formatAge(sweptAtMs, nowMs),
      sweptAtMs + keepMs > nowMs ? `after ${formatTime(sweptAtMs + keepMs)}` : 'due',
    ]);
    io.stdout.write(`${renderTable(['KEY', 'SESSION', 'LAST USED', 'WHY', 'SWEPT', 'PURGED'], cells, colors)}\n`);
  }
  return EXIT_CODES.ok;
}

export interface RestoreRowsOptions {
  readonly lastRun: boolean;
  /** They count as used now, and not as it was then. */
  readonly touches: boolean;
}

interface RestoredRow {
  readonly key: string;
  readonly sessionId?: string;
  readonly restored: boolean;
  readonly error?: string;
}

/** Each row for itself: one that cannot come back does not hold up the others. */
export async function restoreSweptRows(
  context: CommandContext,
  keys: readonly string[],
  { lastRun, touches }: RestoreRowsOptions,
): Promise<number> {
  if (lastRun === keys.length > 0) {
    throw new OperatingError('usage', 'map restore: name the keys, or say --last-run');
  }
  const { config } = context.resolved;
  const kinds = new Set<ErrorKind>();
  const maps = new OpenedMaps();
  const ledger = openWritten(config.stateDir, context.requester);
  try {
    const results: RestoredRow[] = [];
    for (const one of wantedRows(ledger, sweptMaps(config), keys, lastRun)) {
      results.push(await restoreOne(one, { maps, ledger, touches }, (kind) => kinds.add(kind)));
    }
    tellRestored(context, results, touches);
  } finally {
    ledger?.close();
    await maps.close();
  }
  if (kinds.size === 0) return EXIT_CODES.ok;
  return kinds.size === 1 && kinds.has('bad-data') ? EXIT_CODES['bad-data'] : EXIT_CODES.io;
}

/** A row that was swept, and from which map. */
type KeptRowOf = KeptRow & { readonly from: SweptMap };
type Wanted = KeptRowOf | { readonly key: string; readonly content?: undefined };

function wantedRows(
  ledger: Ledger | undefined,
  maps: readonly SweptMap[],
  keys: readonly string[],
  lastRun: boolean,
): Wanted[] {
  if (lastRun) {
    const rows = keptOf(maps, (path) => ledger?.sweptRows.keptByLastRun(path));
    const lastMs = Math.max(...rows.map(({ runAtMs }) => runAtMs));
    return rows.filter(({ runAtMs }) => runAtMs === lastMs);
  }
  const kept = keptOf(maps, (path) => ledger?.sweptRows.kept(path));
  // What a terminal was shown is as good as what stands in the map.
  return [...new Set(keys)].map((key) => kept.find((row) => row.key === key || shownText(row.key) === key) ?? { key });
}

async function restoreOne(
  wanted: Wanted,
  { maps, ledger, touches }: { maps: OpenedMaps; ledger: Ledger | undefined; touches: boolean },
  onRefused: (kind: ErrorKind) => void,
): Promise<RestoredRow> {
  const { key } = wanted;
  try {
    if (wanted.content === undefined) {
      throw new OperatingError('bad-data', 'no row of this key was swept within trash.keep, or it is purged');
    }
    const nowMs = systemClock.now();
    const map = await maps.get(wanted.from);
    // A sweep that was killed has written it down, and left it where it was.
    if (!(await map.hasRow(wanted.content))) await map.restoreRow(wanted.content, touches ? nowMs : undefined);
    ledger?.sweptRows.noteRestored(wanted.number, nowMs);
    return { key, sessionId: wanted.sessionId, restored: true };
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    onRefused(error.kind);
    return { key, restored: false, error: errorMessage(error) };
  }
}

function tellRestored({ io, json, resolved }: CommandContext, rows: readonly RestoredRow[], touches: boolean): void {
  if (json) {
    io.stdout.write(`${JSON.stringify({ rows })}\n`);
    return;
  }
  for (const { key, sessionId, restored, error } of rows) {
    if (restored) io.stdout.write(`${escapeControls(key)} resumes ${sessionId} again\n`);
    else io.stderr.write(`claude-session-sweeper: session ${shownValue(key)}: ${error}\n`);
  }
  const count = rows.filter(({ restored }) => restored).length;
  if (rows.length === 0) io.stdout.write('There is nothing that the last sweep took.\n');
  if (count === 0 || touches || resolved.config['sessions.maxAge'] === 'never') return;
  const which = formatCount(count, 'row is', 'rows are');
  io.stdout.write(
    `${which} as old as before: sweeps spare what was restored, but a host may not (--touch makes it new).\n`,
  );
}

/** Those that are not in the map as they were: a sweep that was killed has left them there. */
async function readKept({ resolved: { config } }: CommandContext): Promise<readonly KeptRow[]> {
  const ledger = Ledger.openForReading(config.stateDir);
  const kept = keptOf(sweptMaps(config), (path) => ledger?.sweptRows.kept(path));
  ledger?.close();
  const maps = new OpenedMaps({ isRead: true });
  try {
    const gone: KeptRow[] = [];
    for (const { from, ...row } of kept) if (!(await isThere(maps, from, row))) gone.push(row);
    return gone;
  } finally {
    await maps.close();
  }
}

/** A further map that cannot be read now hides nothing of what was swept from it. */
async function isThere(maps: OpenedMaps, from: SweptMap, { content }: KeptRow): Promise<boolean> {
  try {
    return await (await maps.get(from)).hasRow(content);
  } catch (error) {
    if (from.isFirst || !(error instanceof OperatingError)) throw error;
    return false;
  }
}

function keptOf(
  maps: readonly SweptMap[],
  keptIn: (path: string) => readonly KeptRow[] | undefined,
): readonly KeptRowOf[] {
  return maps.flatMap((from) => from.paths.flatMap((path) => (keptIn(path) ?? []).map((row) => ({ ...row, from }))));
}

/** To be changed, where there is one. */
function openWritten(stateDir: string, requester: Requester): Ledger | undefined {
  const there = Ledger.openForReading(stateDir);
  if (there === undefined) return undefined;
  there.close();
  return Ledger.open(stateDir, {}, requester);
}

function toDocument({ key, sessionId, lastUsedAtMs, reason, sweptAtMs }: KeptRow, keepMs: number): object {
  const lastUsedAt = new Date(lastUsedAtMs ?? Number.NaN);
  return {
    key,
    sessionId,
    lastUsedAt: Number.isNaN(lastUsedAt.getTime()) ? null : lastUsedAt,
    reason,
    sweptAt: new Date(sweptAtMs),
    purgeableAt: new Date(sweptAtMs + keepMs),
  };
}
