/** Speaks against a removal that contradicts what earlier runs knew: more likely something else is wrong than that all of it is old. */

import type { KnownMaps } from '../../claude-dir/known-maps.ts';
import type { Clock } from '../../clock.ts';
import { FORMER_STATE } from '../../live-sources/former-state.ts';
import { RESUME_MAP } from '../../live-sources/resume-map-source.ts';
import type { RemovalHistory } from '../ledger-contracts.ts';
import { DOUBT } from './doubt.ts';
import type { DanglingShare, ExpiredShare, Guards, Held, RemovalShare } from './guards.ts';

/** What goes one by one is wear; more than this share of it at once is a mistake, or a disk that is missing. */
const MASS_SHARE = 0.5;
/** Long enough for somebody to see an alert, and a little less than a day, as a daily run is some minutes early at times. */
const MASS_NOTICE_MS = 23 * 3_600_000;
/** Most of a handful of sessions may well expire on one day. */
const KNOWN_SESSIONS_MIN = 20;
/** Sources whose ids do not go all at once: processes do end overnight. */
const LASTING_SOURCES: readonly string[] = [RESUME_MAP, 'keep-list', FORMER_STATE];
const KNOWN_IDS_MIN = 10;
/** A host that has made a lost database anew has soon written a row or two. */
const EMPTIED_SHARE = 0.1;

/** What the guards go by, beside the present. */
export interface GuardSettings {
  /** The resume map's, where it is one of our own making. */
  readonly mapIdentity: string | undefined;
  /** The share of a place's sessions that may go in one run once most of them were due for a day; from 0 to 1. */
  readonly massPortion: number;
  /** Further sources whose ids do not go all at once, by name. */
  readonly lastingSources?: readonly string[];
  readonly clock: Clock;
}

export function guardsBy(
  history: Pick<RemovalHistory, 'knownSessions' | 'massNoticedAtMs' | 'knownIds'>,
  { mapIdentity, massPortion, lastingSources = [], clock }: GuardSettings,
): Guards {
  const lasting = new Set([...LASTING_SOURCES, ...lastingSources]);
  return {
    unknownMap: (claudeDir, known) => unknownMap(claudeDir, mapIdentity, known),
    emptiedSource: (counts, droppedOnPurpose) => emptiedSource(counts, droppedOnPurpose, history, lasting),
    doubtedSinceMs: () => history.massNoticedAtMs(DOUBT, clock.now()),
    massRemoval: (place, plan) => massRemoval(place, plan, massPortion, history, clock.now()),
    massRows: (map, rows) => massRows(map, rows, massPortion, history, clock.now()),
    massDangling: (map, rows) => massDangling(map, rows, massPortion, history, clock.now()),
  };
}

/** Tells of a live source that has lost nearly all the ids that it named before, other than on purpose. */
export function emptiedSource(
  counts: Readonly<Record<string, number>>,
  droppedOnPurpose: Readonly<Record<string, number>>,
  history: Pick<RemovalHistory, 'knownIds'>,
  lasting: ReadonlySet<string>,
): Held | undefined {
  // A former state directory that is gone is no source any more: its sessions have not ceased to be wanted by that.
  for (const [source, count] of Object.entries({ [FORMER_STATE]: 0, ...counts })) {
    const before = history.knownIds(source);
    // A count that has become smaller is another map's.
    const dropped = Math.max(0, (droppedOnPurpose[source] ?? 0) - (before?.droppedOnPurpose ?? 0));
    const known = (before?.ids ?? 0) - dropped;
    if (count > known * EMPTIED_SHARE || known < KNOWN_IDS_MIN || !lasting.has(source)) continue;
    return {
      guard: 'emptied-source',
      source,
      message: `the live source ${source} named ${known} sessions before and names ${count} now`,
    };
  }
  return undefined;
}

/**
 * Tells of a resume map that is another one than that which named sessions before.
 * @param identity of the resume map, where it is one of our own making
 * @param known the maps that have protected sessions of this Claude directory
 */
export function unknownMap(claudeDir: string, identity: string | undefined, known: KnownMaps): Held | undefined {
  if (identity === undefined || known[identity] !== undefined) return undefined;
  const ids = Math.max(0, ...Object.values(known));
  if (ids === 0) return undefined;
  return {
    guard: 'unknown-map',
    message: `this is not the resume map that has named ${ids} sessions to earlier runs in ${claudeDir} (is the state directory mounted?)`,
  };
}

/**
 * Tells of a plan that takes most of a tree which earlier runs knew. A first run may: the trash undoes it. After a notice of a day it
 * may go on in portions, so that no host waits for a person: each portion can still be undone while the next one waits.
 */
export function massRemoval(
  place: string,
  { sessions, removals }: RemovalShare,
  massPortion: number,
  history: Pick<RemovalHistory, 'knownSessions' | 'massNoticedAtMs'>,
  nowMs: number,
): Held | undefined {
  const known = history.knownSessions(place) ?? 0;
  if (known < KNOWN_SESSIONS_MIN || removals <= sessions * MASS_SHARE) return undefined;
  const what = `${removals} of the ${sessions} sessions in ${place}, of which earlier runs left ${known}, would go`;
  const portion = portionOf(sessions, massPortion, history.massNoticedAtMs(place, nowMs), nowMs);
  return inPortions('mass-removal', what, portion, 'in each run');
}

/** So many of a place may go now, or none before a time. */
type Portion = { readonly count: number } | { readonly count: 0; readonly fromMs: number };

function portionOf(all: number, massPortion: number, noticedAtMs: number | undefined, nowMs: number): Portion {
  const fromMs = (noticedAtMs ?? nowMs) + MASS_NOTICE_MS;
  return nowMs < fromMs ? { count: 0, fromMs } : { count: Math.max(1, Math.floor(all * massPortion)) };
}

function inPortions(guard: Held['guard'], what: string, portion: Portion, howOften: string): Held {
  const when =
    'fromMs' in portion
      ? `none goes before ${new Date(portion.fromMs).toISOString()}, and then a portion ${howOften}`
      : `only the ${portion.count} oldest go now, and a portion ${howOften}`;
  return { guard, message: `${what} at once, so ${when}`, portion: portion.count };
}

/** Under which name the ledger knows a resume map; its file may hold a session store, too, which is a place of its own. */
export function placeOfMap(map: string): string {
  return `resume map ${map}`;
}

/** Under which name it knows since when most of a resume map leads nowhere. */
export function placeOfDangling(map: string): string {
  return `dangling rows of ${placeOfMap(map)}`;
}

/**
 * Tells of a sweep that takes most of a map which earlier runs knew: a dump without times, a column's default, a setting that is wrong.
 * Sweeps come every hour, so each portion is noticed anew: there is a day between two of them.
 */
export function massRows(
  map: string,
  { rows, expired }: ExpiredShare,
  massPortion: number,
  history: Pick<RemovalHistory, 'knownSessions' | 'massNoticedAtMs'>,
  nowMs: number,
): Held | undefined {
  const place = placeOfMap(map);
  const known = history.knownSessions(place) ?? 0;
  if (known < KNOWN_SESSIONS_MIN || expired <= rows * MASS_SHARE) return undefined;
  const what = `${expired} of the ${rows} rows of the ${place}, of which earlier runs left ${known}, would be swept`;
  const portion = portionOf(rows, massPortion, history.massNoticedAtMs(place, nowMs), nowMs);
  return inPortions('mass-removal', what, portion, 'each day');
}

/**
 * Tells of a resume map of which most leads nowhere: then the disk, not the rows, is likely what is wrong. Where it still is so after a
 * day, the transcripts are gone, and the rows go in portions, a day apart; what a sweep takes can be brought back.
 */
export function massDangling(
  map: string,
  { fresh, dangling }: DanglingShare,
  massPortion: number,
  history: Pick<RemovalHistory, 'massNoticedAtMs'>,
  nowMs: number,
): Held | undefined {
  if (dangling <= fresh * MASS_SHARE) return undefined;
  const what = `${dangling} of the ${fresh} rows of the ${placeOfMap(map)} have no transcript on this host (is a Claude directory missing?) and would be swept`;
  const portion = portionOf(fresh, massPortion, history.massNoticedAtMs(placeOfDangling(map), nowMs), nowMs);
  return inPortions('mass-dangling', what, portion, 'each day');
}
