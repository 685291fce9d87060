/** `migrate`: copies a resume map and the entries of sessions into another database, as often as it is asked to, and loses none. */

import { hostname } from 'node:os';
import { OperatingError } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { formatCount } from '../format/counts.ts';
import { shownText } from '../format/shown-text.ts';
import { type CopiedMap, copyMap, type MapToCopy, type MapToFill } from '../resume-map/copy/copy-map.ts';
import { PostgresMapCopy } from '../resume-map/copy/postgres-copy.ts';
import { SqliteMapToCopy, SqliteMapToFill } from '../resume-map/copy/sqlite-copy.ts';
import { type CopiedStore, copySessions } from '../session-store/copy/copy-sessions.ts';
import { PostgresStoreCopy } from '../session-store/copy/postgres-copy.ts';
import { SqliteStoreCopy } from '../session-store/copy/sqlite-copy.ts';
import type { CommandContext } from './command.ts';
import { holdingsOf, type MigratePlace, parsePlace } from './migrate-place.ts';

export interface MigrateFlags {
  readonly from: string;
  readonly to: string;
  readonly host?: string;
}

/** The last time, nobody had written anything that was not there yet. */
const PASSES_MAX = 3;

interface Closing {
  close?(): Promise<void>;
}

export async function migrateStores(context: CommandContext, flags: MigrateFlags): Promise<number> {
  const { io } = context;
  const [from, to] = [parsePlace('--from', flags.from, io), parsePlace('--to', flags.to, io)];
  if (from.name === to.name) throw new OperatingError('usage', 'migrate: --from and --to are the same database');
  const host = flags.host ?? hostname();
  const goOn = () => {
    if (!io.shutdown.aborted) return;
    throw new OperatingError('io', `migrate: stopped by ${io.shutdown.reason}; the same command goes on from there`);
  };
  const has = await holdingsOf(from);
  if (!has.map && !has.entries) {
    throw new OperatingError('bad-data', `migrate: ${from.name} holds neither a resume map nor a session store`);
  }
  // Entries first: where a row resumes a session, that is there.
  const entries = has.entries ? await passes(() => copyEntries(from, to, goOn)) : undefined;
  const map = has.map ? await passes(() => copyRows(from, to, host, goOn)) : undefined;
  const isWhole = (map?.refused ?? 0) + (entries?.refused ?? 0) === 0;
  if (context.json) {
    const document = { from: from.name, to: to.name, isWhole, map, entries };
    io.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
  } else {
    const lines = [`From ${from.name}`, `to   ${to.name}`, ...entriesLines(entries), ...mapLines(map)];
    io.stdout.write(`${lines.map(shownText).join('\n')}\n`);
  }
  for (const refusal of entries?.refusals ?? []) io.stderr.write(`${shownText(`not there in full: ${refusal}`)}\n`);
  return isWhole ? EXIT_CODES.ok : EXIT_CODES.io;
}

/** Until nothing is new, or hosts write all the time; `copied` is of all passes, and the rest of the last one. */
async function passes<T extends { readonly copied: number }>(pass: () => Promise<T>): Promise<T> {
  let copied = 0;
  for (let number = 1; ; number += 1) {
    const done = await pass();
    copied += done.copied;
    if (done.copied === 0 || number === PASSES_MAX) return { ...done, copied };
  }
}

async function copyEntries(from: MigratePlace, to: MigratePlace, goOn: () => void): Promise<CopiedStore> {
  const source = from.kind === 'sqlite' ? SqliteStoreCopy.toCopy(from.path) : new PostgresStoreCopy(from.url, false);
  return closing(source, async () => {
    const target = to.kind === 'sqlite' ? SqliteStoreCopy.toFill(to.path) : new PostgresStoreCopy(to.url, true);
    return closing(target, () => copySessions(source, target, goOn));
  });
}

async function copyRows(from: MigratePlace, to: MigratePlace, host: string, goOn: () => void): Promise<CopiedMap> {
  const source: MapToCopy & Closing =
    from.kind === 'sqlite' ? new SqliteMapToCopy(from.path) : new PostgresMapCopy(from.url, false, host);
  return closing(source, async () => {
    const target: MapToFill & Closing =
      to.kind === 'sqlite' ? new SqliteMapToFill(to.path) : new PostgresMapCopy(to.url, true, host);
    return closing(target, () => copyMap(source, target, goOn));
  });
}

async function closing<T>(end: Closing, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } finally {
    await end.close?.();
  }
}

function entriesLines(copied: CopiedStore | undefined): readonly string[] {
  if (copied === undefined) return ['no session store there'];
  const { sessions, entries, mixed, refused, checksum, checksumThere } = copied;
  return [
    `${formatCount(sessions, 'session')} with ${formatCount(entries, 'entry', 'entries')}: ${copied.copied} copied now`,
    ...(mixed > 0 ? [`  ${mixed} in another order: hosts had written to them over there already`] : []),
    ...(refused > 0 ? [`  ${refused} not there in full`] : []),
    `  sha256 ${checksum}, there ${checksumThere}`,
  ];
}

function mapLines(copied: CopiedMap | undefined): readonly string[] {
  if (copied === undefined) return ['no resume map there'];
  const { rows, ahead, refused, checksum, checksumThere } = copied;
  return [
    `${formatCount(rows, 'row')} of the resume map: ${copied.copied} copied now`,
    ...(ahead > 0 ? [`  ${ahead} used later over there, and left so`] : []),
    ...(refused > 0 ? [`  ${refused} that cannot be copied`] : []),
    `  sha256 ${checksum}, there ${checksumThere}`,
  ];
}
