/** Refuses a removal that contradicts what earlier runs knew: more likely something else is wrong than that all of it is old. */

import { OperatingError } from '../../errors.ts';

/** What earlier runs wrote down. */
export interface PruneMemory {
  /** Sessions that the last prune left in a Claude directory; undefined where no run has known it. */
  knownSessions(claudeDir: string): number | undefined;
  /** Ids that a live source named last; undefined where it never was read. */
  knownLiveIds(source: string): number | undefined;
}

/** Of a handful of sessions, most may well expire on one day. */
const KNOWN_SESSIONS_MIN = 20;
const MASS_SHARE = 0.5;
/** Sources whose ids do not go all at once: processes do end overnight. */
const LASTING_SOURCES: ReadonlySet<string> = new Set(['resume-map', 'keep-list']);
const KNOWN_IDS_MIN = 10;
/** A host that has made a lost database anew has soon written a row or two. */
const EMPTIED_SHARE = 0.1;

const HOW_TO_ALLOW = 'look at it with --dry-run, and run it with --run-now --allow-mass-removal if it is right';

/** @returns why the sources are not to be believed; undefined where they are */
export function emptiedSource(
  counts: Readonly<Record<string, number>>,
  memory: Pick<PruneMemory, 'knownLiveIds'>,
): OperatingError | undefined {
  for (const [source, count] of Object.entries(counts)) {
    const known = memory.knownLiveIds(source) ?? 0;
    if (count > known * EMPTIED_SHARE || known < KNOWN_IDS_MIN || !LASTING_SOURCES.has(source)) continue;
    return new OperatingError(
      'bad-data',
      `the live source ${source} named ${known} sessions before and names ${count} now, so nothing is removed; ${HOW_TO_ALLOW}`,
    );
  }
  return undefined;
}

/**
 * @param identity of the resume map, where it is one of our own making
 * @param known the maps that have protected sessions of this Claude directory
 * @returns why the map is not to be believed
 */
export function strangeMap(
  claudeDir: string,
  identity: string | undefined,
  known: Readonly<Record<string, number>>,
): OperatingError | undefined {
  if (identity === undefined || known[identity] !== undefined) return undefined;
  const ids = Math.max(0, ...Object.values(known));
  if (ids === 0) return undefined;
  return new OperatingError(
    'bad-data',
    `this is not the resume map that has named ${ids} sessions to earlier runs in ${claudeDir} (is the state directory mounted?), so nothing is removed; ${HOW_TO_ALLOW}`,
  );
}

/** @returns why so many are not to go at once; undefined where they may: a first run may, the trash undoes it */
export function massRemoval(
  claudeDir: string,
  plan: { readonly sessions: number; readonly removals: number },
  memory: PruneMemory,
): OperatingError | undefined {
  const known = memory.knownSessions(claudeDir) ?? 0;
  if (known < KNOWN_SESSIONS_MIN || plan.removals <= plan.sessions * MASS_SHARE) return undefined;
  return new OperatingError(
    'bad-data',
    `${plan.removals} of the ${plan.sessions} sessions in ${claudeDir}, of which earlier runs left ${known}, would go at once, so none is removed; ${HOW_TO_ALLOW}`,
  );
}
