/**
 * What every job asks before it removes anything: each guard holds the present against what earlier runs knew, or against what the
 * machine says, and tells why nothing is to go now.
 */

import type { KnownMaps } from '../../claude-dir/known-maps.ts';

/** The guards by name, as logs and metrics show them. */
export const GUARD_NAMES = [
  'clock',
  'unknown-map',
  'emptied-source',
  'mass-removal',
  'mass-dangling',
  'free-space',
] as const;
export type GuardName = (typeof GUARD_NAMES)[number];

/** One guard's word that something is not to be removed now. */
export interface Held {
  readonly guard: GuardName;
  /** One sentence for an operator. */
  readonly message: string;
  /** The live source that it is about, where it is about one. */
  readonly source?: string;
  /** How many sessions may go all the same; none where it is not said. */
  readonly portion?: number;
}

/** Whether an operator's word is enough: room on a disk is made by no word. */
export function canBeAllowed({ guard }: Pick<Held, 'guard'>): boolean {
  return guard !== 'free-space';
}

/** The guards that an operator can overrule. Each answers undefined where nothing speaks against it. */
export interface Guards {
  /** @param known the resume maps that have protected sessions of the Claude directory */
  unknownMap(claudeDir: string, known: KnownMaps): Held | undefined;
  /** @param droppedOnPurpose ids that were ever taken out on purpose; both by live source */
  emptiedSource(
    counts: Readonly<Record<string, number>>,
    droppedOnPurpose: Readonly<Record<string, number>>,
  ): Held | undefined;
  /** Since when one of these two has spoken at each prune, Unix epoch ms; undefined where none has yet. */
  doubtedSinceMs(): number | undefined;
  /** @param place a Claude directory or a session store */
  massRemoval(place: string, plan: RemovalShare): Held | undefined;
  /** @param map the path of its database */
  massRows(map: string, rows: ExpiredShare): Held | undefined;
  /** @param map the path of its database */
  massDangling(map: string, rows: DanglingShare): Held | undefined;
}

/** How many of the sessions of a place a plan would remove. */
export interface RemovalShare {
  readonly sessions: number;
  readonly removals: number;
}

/** How many rows of a resume map are over their age. */
export interface ExpiredShare {
  readonly rows: number;
  readonly expired: number;
}

/** How many rows of a resume map lead nowhere. */
export interface DanglingShare {
  /** Rows that are not expired, the dangling ones included. */
  readonly fresh: number;
  readonly dangling: number;
}

/** For an operator who has looked, and says that all of it is right. */
export const allowAll: Guards = {
  unknownMap: () => undefined,
  emptiedSource: () => undefined,
  doubtedSinceMs: () => undefined,
  massRemoval: () => undefined,
  massRows: () => undefined,
  massDangling: () => undefined,
};
