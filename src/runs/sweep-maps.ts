/** Puts the sweep together: of the resume map, and of those maps among the sources that the configuration gives to it. */

import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { parseProtectedId, type SessionId } from '../claude-dir/session-id.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { isSweptMap, mapNameOf, type SweptMapSettings } from '../config/source-settings.ts';
import { OperatingError } from '../errors.ts';
import type { Guards } from '../jobs/guards/guards.ts';
import type { Job, JobContext } from '../jobs/job.ts';
import type { RemovalHistory, SweptRowRecorder } from '../jobs/ledger-contracts.ts';
import type { SweepReport } from '../jobs/report.ts';
import { sweepsInTurn } from '../jobs/sweep-sessions/in-turn.ts';
import { sweepSessionsJob } from '../jobs/sweep-sessions/index.ts';
import { openSweptMap } from '../live-sources/configured/swept-map.ts';
import type { LiveSource } from '../live-sources/live-source.ts';
import { RESUME_MAP } from '../live-sources/resume-map-source.ts';
import type { MaintainableResumeMap, UncheckedResumeRow } from '../resume-map/resume-map.ts';
import type { SessionMaxAge } from '../resume-map/row-age.ts';
import { SqliteResumeMap } from '../resume-map/sqlite.ts';
import { ShortHolds, withoutRests } from '../sqlite/short-holds.ts';
import { JOB_WAIT } from './job-wait.ts';
import type { OpenedStores } from './open-stores.ts';

export interface SweepSurroundings extends OpenedStores {
  /** Unix epoch ms. */
  readonly startedAtMs: number;
  /** Of the rows of the resume map. */
  readonly maxAge: SessionMaxAge;
  readonly config: Config;
  readonly openDirs: readonly ClaudeDir[];
  readonly guards: Guards;
  readonly history: RemovalHistory;
  readonly sweptRows: SweptRowRecorder;
  readonly holds: ShortHolds;
  readonly clock: Clock;
}

/** The resume map first, and then each of the others for itself. */
export function sweepOfAllMaps(map: MaintainableResumeMap, surroundings: SweepSurroundings): Job<'sweep-sessions'> {
  const further = sweptSources(surroundings.config).map((settings) => {
    return (context: JobContext) => sweepSource(settings, surroundings, context);
  });
  return sweepsInTurn(sweepOfResumeMap(map, surroundings), further);
}

function sweepOfResumeMap(map: MaintainableResumeMap, surroundings: SweepSurroundings): Job<'sweep-sessions'> {
  const { config, maxAge } = surroundings;
  return sweepSessionsJob({
    ...placesOf(surroundings),
    map,
    sourceName: RESUME_MAP,
    mapPath: config['sessions.db'],
    offSwitch: 'set sessions.maxAge to never',
    maxAge,
    sweepsDangling: mayBeDangling(surroundings, config['sessions.onlyThisHost']),
  });
}

async function sweepSource(
  settings: SweptMapSettings,
  surroundings: SweepSurroundings,
  context: JobContext,
  onDue?: (rows: readonly UncheckedResumeRow[]) => void,
): Promise<SweepReport> {
  const { name, maxAge = 'never', onlyThisHost = false } = settings;
  const opening = { clock: surroundings.clock, ...JOB_WAIT, maxSessionAge: maxAge, isRead: context.dryRun };
  const { map, rowClock } = await openSweptMap(settings, opening);
  try {
    const job = sweepSessionsJob({
      ...placesOf(surroundings),
      map,
      rowClock,
      sourceName: name,
      mapPath: mapNameOf(settings),
      offSwitch: `take sweep from the source ${name}`,
      // As in the map of the settings: its host may have written down that rows live longer.
      maxAge: map instanceof SqliteResumeMap ? await map.maxSessionAge() : maxAge,
      sweepsDangling: mayBeDangling(surroundings, onlyThisHost),
      ...(onDue === undefined ? {} : { onDue }),
    });
    return await job.run(context);
  } finally {
    await map.close();
  }
}

function sweptSources({ sources }: Config): readonly SweptMapSettings[] {
  return sources.filter(isSweptMap).filter(({ sweep }) => sweep === true);
}

function placesOf({ config, openDirs, ...surroundings }: SweepSurroundings) {
  return {
    ...surroundings,
    claudeDirs: openDirs,
    minAgeMs: config.minAge,
    // Whose conversation may lie in a store that nobody can look into is not gone for certain.
    areStoresWhole: surroundings.refusedStores.length === 0,
  };
}

function mayBeDangling({ config, openDirs }: SweepSurroundings, onlyThisHost: boolean): boolean {
  return config['sweep.dangling'] && onlyThisHost && openDirs.length === config.claudeDir.length;
}

const PREVIEW: JobContext = {
  dryRun: true,
  listsRemoved: 'none',
  shouldStop: async () => false,
  onProgress: () => undefined,
};

/** The resume map as a sweep would leave it, in memory; undefined where it would leave it as it is, which saves the copy. */
export async function previewSwept(
  map: SqliteResumeMap,
  surroundings: SweepSurroundings,
): Promise<SqliteResumeMap | undefined> {
  const { swept } = await sweepOfResumeMap(map, surroundings).run(PREVIEW);
  if (swept === undefined || swept.expired + swept.dangling === 0) return undefined;
  const copy = await SqliteResumeMap.preview(map, undefined, { clock: surroundings.clock });
  const holds = new ShortHolds(withoutRests);
  await sweepOfResumeMap(copy, { ...surroundings, holds }).run({ ...PREVIEW, dryRun: false });
  return copy;
}

/** The sources as a sweep of their maps would leave them. */
export async function previewSources(
  sources: readonly LiveSource[],
  surroundings: SweepSurroundings,
): Promise<LiveSource[]> {
  const settingsByName = new Map(sweptSources(surroundings.config).map((settings) => [settings.name, settings]));
  return sources.map((source) => {
    const settings = settingsByName.get(source.name);
    if (settings === undefined) return source;
    const read = async () => {
      const reading = await source.read();
      const swept = await idsSwept(settings, surroundings);
      return { ...reading, ids: new Set([...reading.ids].filter((id) => !swept.has(id))) };
    };
    return { ...source, read };
  });
}

/** Those that no row would name any more. What cannot be swept now stays. */
async function idsSwept(
  settings: SweptMapSettings,
  surroundings: SweepSurroundings,
): Promise<ReadonlySet<SessionId | undefined>> {
  const due = new Set<string>();
  try {
    await sweepSource(settings, surroundings, PREVIEW, (rows) => {
      for (const row of rows) due.add(rowName(row));
    });
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    return new Set();
  }
  const swept = new Set<SessionId | undefined>();
  const left = new Set<SessionId | undefined>();
  const { map } = await openSweptMap(settings, { clock: surroundings.clock, ...JOB_WAIT, isRead: true });
  try {
    for await (const page of map.readPages()) {
      for (const row of page) (due.has(rowName(row)) ? swept : left).add(parseProtectedId(row.sessionId));
    }
  } finally {
    await map.close();
  }
  for (const id of left) swept.delete(id);
  return swept;
}

function rowName({ locator: { keyType, keyBytes } }: UncheckedResumeRow): string {
  return `${keyType} ${Buffer.isBuffer(keyBytes) ? keyBytes.toString('hex') : ''}`;
}

/** For a dry run, which sweeps a copy of the map at the most. */
export function unwrittenRows(written: SweptRowRecorder | undefined): SweptRowRecorder {
  return {
    recordSwept: () => [],
    forgetSwept: () => undefined,
    restoredSince: (map, sinceMs) => written?.restoredSince(map, sinceMs) ?? new Map(),
  };
}
