/** Speaks against a removal that contradicts what earlier runs knew: more likely something else is wrong than that all of it is old. */

import type { KnownMaps } from '../../claude-dir/known-maps.ts';
import type { Clock } from '../../clock.ts';
import { RESUME_MAP } from '../../live-sources/resume-map-source.ts';
import type { RemovalHistory } from '../ledger-contracts.ts';
import type { DanglingShare, ExpiredShare, Guards, Held, RemovalShare } from './guards.ts';

/** What goes one by one is wear; more than this share of it at once is a mistake, or a disk that is missing. */
const MASS_SHARE = 0.5;
/** Long enough for somebody to see an alert, and a little less than a day, as a daily run is some minutes early at times. */
const MASS_NOTICE_MS = 23 * 3_600_000;
/** Most of a handful of sessions may well expire on one day. */
const KNOWN_SESSIONS_MIN = 20;
/** Sources whose ids do not go all at once: processes do end overnight. */
const LASTING_SOURCES: ReadonlySet<string> = new Set([RESUME_MAP, 'keep-list']);
const KNOWN_IDS_MIN = 10;
/** A host that has made a lost database anew has soon written a row or two. */
const EMPTIED_SHARE = 0.1;

/** What the guards go by, beside the present. */
export interface GuardSettings {
  /** The resume map's, where it is one of our own making. */
  readonly mapIdentity: string | undefined;
  /** The share of a place's sessions that may go in one run once most of them were due for a day; from 0 to 1. */
  readonly massPortion: number;
  readonly clock: Clock;
}

export function guardsBy(
  history: Pick<RemovalHistory, 'knownSessions' | 'massNoticedAtMs' | 'knownIds'>,
  { mapIdentity, massPortion, clock }: GuardSettings,
): Guards {
  return {
    unknownMap: (claudeDir, known) => unknownMap(claudeDir, mapIdentity, known),
    emptiedSource: (counts, droppedOnPurpose) => emptiedSource(counts, droppedOnPurpose, history),
    massRemoval: (place, plan) => massRemoval(place, plan, massPortion, history, clock.now()),
    massRows: (map, rows) => massRows(map, rows, massPortion, history, clock.now()),
    massDangling,
  };
}

/** Tells of a live source that has lost nearly all the ids that it named before, other than on purpose. */
export function emptiedSource(
  counts: Readonly<Record<string, number>>,
  droppedOnPurpose: Readonly<Record<string, number>>,
  history: Pick<RemovalHistory, 'knownIds'>,
): Held | undefined {
  for (const [source, count] of Object.entries(counts)) {
    const before = history.knownIds(source);
    // A count that has become smaller is another map's.
    const dropped = Math.max(0, (droppedOnPurpose[source] ?? 0) - (before?.droppedOnPurpose ?? 0));
    const known = (before?.ids ?? 0) - dropped;
    if (count > known * EMPTIED_SHARE || known < KNOWN_IDS_MIN || !LASTING_SOURCES.has(source)) continue;
    return {
      guard: 'emptied-source',
      message: `the live source ${source} named ${known} sessions before and names ${count} now, so nothing is removed`,
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
    message: `this is not the resume map that has named ${ids} sessions to earlier runs in ${claudeDir} (is the state directory mounted?), so nothing is removed`,
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
  const noticedAtMs = history.massNoticedAtMs(place);
  const portion = portionOf(sessions, massPortion, noticedAtMs, nowMs);
  const when =
    portion === 0
      ? `none is removed for a day, until ${firstPortionAt(noticedAtMs, nowMs)}, and then a portion in each run`
      : `only the ${portion} oldest go in this run`;
  return {
    guard: 'mass-removal',
    message: `${removals} of the ${sessions} sessions in ${place}, of which earlier runs left ${known}, would go at once, so ${when}`,
    portion,
  };
}

function portionOf(count: number, massPortion: number, noticedAtMs: number | undefined, nowMs: number): number {
  const noticedForMs = nowMs - (noticedAtMs ?? nowMs);
  return noticedForMs < MASS_NOTICE_MS ? 0 : Math.max(1, Math.floor(count * massPortion));
}

function firstPortionAt(noticedAtMs: number | undefined, nowMs: number): string {
  return new Date((noticedAtMs ?? nowMs) + MASS_NOTICE_MS).toISOString();
}

/** Under which name the ledger knows a resume map; its file may hold a session store, too, which is a place of its own. */
export function placeOfMap(map: string): string {
  return `resume map ${map}`;
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
  const noticedAtMs = history.massNoticedAtMs(place);
  const portion = portionOf(rows, massPortion, noticedAtMs, nowMs);
  const when =
    portion === 0
      ? `none is swept before ${firstPortionAt(noticedAtMs, nowMs)}, and then a portion each day`
      : `only the ${portion} oldest go now, and the next portion in a day`;
  return {
    guard: 'mass-removal',
    message: `${expired} of the ${rows} rows of the resume map ${map}, of which earlier runs left ${known}, would be swept at once, so ${when}`,
    portion,
  };
}

/** Tells of a resume map of which most leads nowhere: then the disk, not the rows, is what is wrong. */
export function massDangling({ fresh, dangling }: DanglingShare): Held | undefined {
  if (dangling <= fresh * MASS_SHARE) return undefined;
  return {
    guard: 'mass-dangling',
    message: `${dangling} rows, most of the resume map, have no transcript on this host: none of them is swept; is a Claude directory missing?`,
  };
}
