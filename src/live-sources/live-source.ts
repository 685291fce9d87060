/** Whatever can say which sessions are live. One contract for all: complete, or an error. */

import { type IdPrefix, IdPrefixes } from '../claude-dir/id-prefixes.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import { BusyError } from '../errors.ts';

/** How a source protects; also the reason that a plan gives for a kept unit, the first of several. */
export const PROTECTIONS = ['live', 'running', 'pinned'] as const;
export type Protection = (typeof PROTECTIONS)[number];

export interface LiveReading {
  readonly ids: ReadonlySet<SessionId>;
  /** Each protects every session whose id begins with it. */
  readonly prefixes?: IdPrefixes;
  /** Whatever was written to at or after this is protected (Unix epoch ms): it cannot be told which of it is meant. */
  readonly writtenSinceMs?: number | undefined;
  /** Entries that name no session, and so protect none. */
  readonly malformed: number;
  /** How many ids were ever taken out on purpose, where the source counts that: they are no loss. */
  readonly droppedOnPurpose?: number;
  /** Entries that have had their time: they protect nothing, and may be deleted. */
  readonly stale?: number;
  /** What somebody should see to, one sentence each; names as `displayName` gives them. */
  readonly faults?: readonly string[];
  /** Why some of them are live, as the source itself says. */
  readonly reasons?: ReadonlyMap<SessionId, string>;
  /** It could not be read, and by the configuration that stops nothing: what is here is what was read last, if anything. */
  readonly isSilent?: boolean;
}

export interface LiveSource {
  /** As logs and metrics show it: one of those that are always there, or as the configuration calls it. */
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

/** Others are held up meanwhile, so that this source did not wait for long: it is to be asked again when all are free. */
export class BrieflyBusyError extends BusyError {}

/** Whom the sources of one protection name. */
export interface NamedSessions {
  readonly ids: ReadonlySet<SessionId>;
  readonly prefixes: IdPrefixes;
  /** Unix epoch ms; infinite where all are named by their ids. */
  readonly writtenSinceMs: number;
}

/** The live sessions of all sources, by what protects them. */
export type LiveSessions = Readonly<Record<Protection, NamedSessions>>;

export interface SourceCount {
  readonly source: string;
  /** Ids and prefixes. */
  readonly ids: number;
  readonly malformed: number;
  readonly stale: number;
  readonly droppedOnPurpose: number;
}

export interface LiveReadings {
  readonly sessions: LiveSessions;
  readonly counts: readonly SourceCount[];
  readonly faults: readonly string[];
}

/** Reads all sources. @throws OperatingError of the first that cannot be read in full: then nothing may be removed */
export async function readAllSources(sources: readonly LiveSource[]): Promise<LiveReadings> {
  const gathered = { live: new Gathered(), running: new Gathered(), pinned: new Gathered() };
  const countBySource = new Map<string, SourceCount>();
  const faults: string[] = [];
  for (const source of sources) {
    const reading = await source.read();
    gathered[source.protection].add(reading);
    faults.push(...(reading.faults ?? []));
    // What it named before is not what it names now, and neither is nothing.
    if (reading.isSilent) continue;
    const before = countBySource.get(source.name);
    countBySource.set(source.name, {
      source: source.name,
      ids: reading.ids.size + (reading.prefixes?.size ?? 0) + (before?.ids ?? 0),
      malformed: reading.malformed + (before?.malformed ?? 0),
      stale: (reading.stale ?? 0) + (before?.stale ?? 0),
      droppedOnPurpose: (reading.droppedOnPurpose ?? 0) + (before?.droppedOnPurpose ?? 0),
    });
  }
  const { live, running, pinned } = gathered;
  const sessions = { live: live.all(), running: running.all(), pinned: pinned.all() };
  return { sessions, counts: [...countBySource.values()], faults };
}

class Gathered {
  readonly #ids = new Set<SessionId>();
  readonly #prefixes = new Set<IdPrefix>();
  #writtenSinceMs = Number.POSITIVE_INFINITY;

  add({ ids, prefixes, writtenSinceMs }: LiveReading): void {
    for (const id of ids) this.#ids.add(id);
    for (const prefix of prefixes ?? []) this.#prefixes.add(prefix);
    this.#writtenSinceMs = Math.min(this.#writtenSinceMs, writtenSinceMs ?? Number.POSITIVE_INFINITY);
  }

  all(): NamedSessions {
    return { ids: this.#ids, prefixes: new IdPrefixes(this.#prefixes), writtenSinceMs: this.#writtenSinceMs };
  }
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

/**
 * For sources without writers to hold back: reads everything anew. Whatever was written since the plan was made is kept as changed, so
 * that ids and prefixes are all that matters here.
 */
export async function withFreshReading<T>(
  source: Pick<LiveSource, 'read'>,
  ids: readonly SessionId[],
  act: (live: ReadonlySet<SessionId>) => Promise<T>,
): Promise<T> {
  const reading = await source.read();
  return act(new Set(ids.filter((id) => reading.ids.has(id) || reading.prefixes?.match(id))));
}
