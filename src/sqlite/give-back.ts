/**
 * Gives the free pages of our own databases back to the disk: in short holds beside whoever writes, where the file was made for that, and
 * by one short rebuild where hardly anything is left in it. What cannot be given back now stays for another time.
 */

import { existsSync, statSync } from 'node:fs';
import { BusyError, OperatingError } from '../errors.ts';
import { guarded, openDatabaseForReading, openExistingDatabase, type SqliteDatabase } from './open.ts';
import { BLOCKING_WAIT_MS, RetryingCalls } from './retrying-calls.ts';
import type { Hold, ShortHolds } from './short-holds.ts';

/** How much of the disk a database takes, and how much of that is free for what comes. */
export interface DatabaseSpace {
  readonly bytes: number;
  readonly freeBytes: number;
  /** Whether free pages can be given back in steps. */
  readonly isIncremental: boolean;
}

/** Pages that stay free for what comes: giving them back would only have them made again. */
const KEPT_PAGES = 64;
/** A step gives back a few pages, so that a hold can end after any. */
const PAGES_PER_STEP = 4;
/** A database in which no more than this is in use is written anew in some milliseconds, and nobody waits long. */
const REBUILT_BYTES_MAX = 2 ** 20;
/** For its writers to let it in between; there is another purge tomorrow. */
const WAIT_MS = 1_000;
/** Worth a rebuild. */
const REBUILT_FREE_BYTES_MIN = 2 ** 20;

/** No byte on disk changes. @returns undefined where there is none, or it cannot be read, which others tell */
export function databaseSpace(path: string): DatabaseSpace | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const database = openDatabaseForReading(path);
    try {
      const { pages, freePages, pageBytes, isIncremental } = guarded(path, 'read', () => pagesOf(database));
      const walBytes = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
      return { bytes: pages * pageBytes + walBytes, freeBytes: freePages * pageBytes, isIncremental };
    } finally {
      database.close();
    }
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    return undefined;
  }
}

/** @param path of a database that is ours @param holds its writers back @returns how many bytes went back to the disk */
export async function giveBack(path: string, holds: ShortHolds, shouldStop: () => Promise<boolean>): Promise<number> {
  if (!existsSync(path)) return 0;
  try {
    const database = openExistingDatabase(path, { busyTimeoutMs: BLOCKING_WAIT_MS });
    try {
      return await giveBackOf(database, holds, shouldStop);
    } finally {
      database.close();
    }
  } catch (error) {
    // It is busy, damaged or full: whoever works with it says so, and here nothing is lost.
    if (!(error instanceof OperatingError)) throw error;
    return 0;
  }
}

async function giveBackOf(
  database: SqliteDatabase,
  holds: ShortHolds,
  shouldStop: () => Promise<boolean>,
): Promise<number> {
  const before = guarded(database.name, 'read', () => pagesOf(database));
  const calls = new RetryingCalls(WAIT_MS);
  try {
    if (before.isIncremental) await inSteps(database, calls, holds, shouldStop);
    else if (isWorthRebuilding(before)) await calls.run(() => rebuild(database));
  } catch (error) {
    // Its writers let nobody in between: what was given back until then counts.
    if (!(error instanceof BusyError)) throw error;
  }
  const after = guarded(database.name, 'read', () => pagesOf(database));
  if (after.pages >= before.pages) return 0;
  // The file itself becomes shorter with this; it waits for nobody, and nobody for it.
  guarded(database.name, 'write back', () => database.pragma('wal_checkpoint(PASSIVE)'));
  return (before.pages - after.pages) * before.pageBytes;
}

async function inSteps(
  database: SqliteDatabase,
  calls: RetryingCalls,
  holds: ShortHolds,
  shouldStop: () => Promise<boolean>,
): Promise<void> {
  const give = database.transaction((hold: Hold) => {
    hold.begin();
    do database.pragma(`incremental_vacuum(${PAGES_PER_STEP})`);
    while (!hold.isOver() && pagesOf(database).freePages > KEPT_PAGES);
    return hold;
  });
  while (pagesOf(database).freePages > KEPT_PAGES && !(await shouldStop())) {
    await holds.take((hold) => calls.run(() => guarded(database.name, 'give back', () => give.immediate(hold))));
  }
}

function rebuild(database: SqliteDatabase): void {
  guarded(database.name, 'rebuild', () => {
    database.pragma('auto_vacuum = INCREMENTAL');
    database.exec('VACUUM');
  });
}

interface Pages {
  readonly pages: number;
  readonly freePages: number;
  readonly pageBytes: number;
  readonly isIncremental: boolean;
}

function pagesOf(database: SqliteDatabase): Pages {
  const number = (name: string) => Number(database.pragma(name, { simple: true }));
  return {
    pages: number('page_count'),
    freePages: number('freelist_count'),
    pageBytes: number('page_size'),
    isIncremental: number('auto_vacuum') === 2,
  };
}

function isWorthRebuilding({ pages, freePages, pageBytes }: Pages): boolean {
  return freePages * pageBytes >= REBUILT_FREE_BYTES_MIN && (pages - freePages) * pageBytes <= REBUILT_BYTES_MAX;
}
