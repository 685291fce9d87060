/** Opens the session stores of a configuration: one that cannot be opened is told, and keeps no other place from its turn. */

import { type Clock, systemClock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { wordMs } from '../config/prune-pause.ts';
import { OperatingError } from '../errors.ts';
import type { Acquired } from '../process/acquired.ts';
import { PostgresStoredSessions, type PostgresStoreOptions } from '../session-store/postgres-stored-sessions.ts';
import type { RetainedStore } from '../session-store/retained-store.ts';
import type { StoredSession } from '../session-store/stored-session.ts';
import { StoredSessions } from '../session-store/stored-sessions.ts';

export interface OpenedStores {
  readonly stores: readonly RetainedStore[];
  /** Why each of the others is not among them. */
  readonly refusedStores: readonly OperatingError[];
}

export type StorePlaces = Pick<Config, 'sessions.store' | 'sessions.sharedStores'>;

interface Opening {
  readonly dryRun: boolean;
  readonly busyTimeoutMs: number;
  readonly clock: Clock;
}

/** @throws what is no OperatingError */
export async function openStores(
  places: StorePlaces & Pick<Config, 'schedule.prune'>,
  acquired: Acquired,
  opening: Opening,
): Promise<OpenedStores> {
  const stores: RetainedStore[] = [];
  const refusedStores: OperatingError[] = [];
  for (const open of openersOf(places, opening)) {
    try {
      stores.push(acquired.add(await open(), (opened) => opened.close()));
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      refusedStores.push(error);
    }
  }
  return { stores, refusedStores };
}

/** @throws OperatingError */
export async function openSharedStore(
  settings: StorePlaces['sessions.sharedStores'][number],
  { dryRun, clock, ...word }: Pick<Opening, 'dryRun' | 'clock'> & Pick<PostgresStoreOptions, 'wordMs'>,
): Promise<PostgresStoredSessions> {
  const store = new PostgresStoredSessions(settings, { isRead: dryRun, clock, ...word });
  try {
    await store.check();
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** One that cannot be asked keeps no other from its turn. @param onRefused is given what is wrong with it, one sentence */
export async function eachSharedStore(
  config: Pick<StorePlaces, 'sessions.sharedStores'>,
  { dryRun }: { readonly dryRun: boolean },
  use: (store: PostgresStoredSessions) => Promise<unknown>,
  onRefused: (fault: string) => unknown,
): Promise<void> {
  for (const settings of config['sessions.sharedStores']) {
    try {
      const store = await openSharedStore(settings, { dryRun, clock: systemClock });
      try {
        await use(store);
      } finally {
        await store.close();
      }
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      onRefused(error.message);
    }
  }
}

/** What is stored in all of them, and not removed, by where; what cannot be asked is told instead. */
export async function sharedSessions(config: Pick<StorePlaces, 'sessions.sharedStores'>): Promise<{
  readonly stored: readonly (readonly [place: string, sessions: readonly StoredSession[]])[];
  readonly faults: readonly string[];
}> {
  const stored: [string, readonly StoredSession[]][] = [];
  const faults: string[] = [];
  const add = async (store: PostgresStoredSessions) => stored.push([store.path, await store.sessions()]);
  await eachSharedStore(config, { dryRun: true }, add, (fault) => faults.push(fault));
  return { stored, faults };
}

function openersOf(
  places: StorePlaces & Pick<Config, 'schedule.prune'>,
  opening: Opening,
): readonly (() => RetainedStore | Promise<RetainedStore>)[] {
  const { dryRun, busyTimeoutMs, clock } = opening;
  return [
    ...places['sessions.store'].map((path) => () => {
      return dryRun ? StoredSessions.openForReading(path) : StoredSessions.open(path, { busyTimeoutMs });
    }),
    ...places['sessions.sharedStores'].map((settings) => () => {
      return openSharedStore(settings, { dryRun, clock, wordMs: wordMs(places['schedule.prune']) });
    }),
  ];
}
