/** Whatever can say which sessions are live. One contract for all: complete, or an error. */

import type { SessionId } from '../claude-dir/session-id.ts';

/** How a source protects; also the reason that a plan gives for a kept unit, the first of several. */
export const PROTECTIONS = ['live', 'running', 'pinned'] as const;
export type Protection = (typeof PROTECTIONS)[number];

export interface LiveReading {
  readonly ids: ReadonlySet<SessionId>;
  /** Entries that name no session, and so protect none. */
  readonly malformed: number;
  /** How many ids were ever taken out on purpose, where the source counts that: they are no loss. */
  readonly droppedOnPurpose?: number;
}

export interface LiveSource {
  /** For logs and the label of a metric, e.g. `resume-map`. */
  readonly name: string;
  readonly protection: Protection;
  /** Every id, or a rejection (OperatingError); never a part. */
  read(): Promise<LiveReading>;
  /**
   * Runs `act` with those of `ids` that are live now; sources with writers hold them back meanwhile. Keep `act` short.
   * Rejects without having run `act` where the source cannot be read.
   * @param onHeld called as soon as writers are held back
   */
  withLive<T>(
    ids: readonly SessionId[],
    act: (live: ReadonlySet<SessionId>) => Promise<T>,
    onHeld?: () => void,
  ): Promise<T>;
  /** Rejects where the source cannot be read; cheap. */
  check(): Promise<void>;
}

/** The live ids of all sources, by what protects them. */
export type LiveIdsByProtection = Readonly<Record<Protection, ReadonlySet<SessionId>>>;

export interface SourceCount {
  readonly source: string;
  readonly ids: number;
  readonly malformed: number;
  readonly droppedOnPurpose: number;
}

/** Reads all sources. @throws OperatingError of the first that cannot be read in full: then nothing may be removed */
export async function readAllSources(
  sources: readonly LiveSource[],
): Promise<{ readonly ids: LiveIdsByProtection; readonly counts: readonly SourceCount[] }> {
  const ids = { live: new Set<SessionId>(), running: new Set<SessionId>(), pinned: new Set<SessionId>() };
  const countBySource = new Map<string, SourceCount>();
  for (const source of sources) {
    const reading = await source.read();
    for (const id of reading.ids) ids[source.protection].add(id);
    const before = countBySource.get(source.name);
    countBySource.set(source.name, {
      source: source.name,
      ids: reading.ids.size + (before?.ids ?? 0),
      malformed: reading.malformed + (before?.malformed ?? 0),
      droppedOnPurpose: (reading.droppedOnPurpose ?? 0) + (before?.droppedOnPurpose ?? 0),
    });
  }
  return { ids, counts: [...countBySource.values()] };
}

/**
 * Runs `act` with those of `ids` that any source protects now, while the writers of all of them are held back.
 * @param onHeld called as soon as any of them holds its writers back
 */
export async function withLiveOfAll<T>(
  sources: readonly LiveSource[],
  ids: readonly SessionId[],
  act: (live: ReadonlySet<SessionId>) => T,
  onHeld: () => void = () => undefined,
): Promise<T> {
  const [first, ...rest] = sources;
  if (first === undefined) return act(new Set());
  return first.withLive(
    ids,
    (live) => withLiveOfAll(rest, ids, (liveElsewhere) => act(new Set([...live, ...liveElsewhere])), onHeld),
    onHeld,
  );
}

/** For sources without writers to hold back: reads everything anew. */
export async function withFreshReading<T>(
  source: Pick<LiveSource, 'read'>,
  ids: readonly SessionId[],
  act: (live: ReadonlySet<SessionId>) => Promise<T>,
): Promise<T> {
  const reading = await source.read();
  return act(new Set(ids.filter((id) => reading.ids.has(id))));
}
