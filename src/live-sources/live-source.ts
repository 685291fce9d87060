/** Whatever can say which sessions are live. One contract for all: complete, or an error. */

import { type IdPrefix, IdPrefixes } from '../claude-dir/id-prefixes.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import { BusyError, OperatingError } from '../errors.ts';

/** How a source protects; also the reason that a plan gives for a kept unit, the first of several. */
export const PROTECTIONS = ['live', 'running', 'pinned'] as const;
export type Protection = (typeof PROTECTIONS)[number];

export interface NamedProject {
  /** As `projectPattern` takes it. */
  readonly match: string;
  /** As the source says. */
  readonly why: string | undefined;
}

export interface LiveReading {
  readonly ids: ReadonlySet<SessionId>;
  /** Each protects every session whose id begins with it. */
  readonly prefixes?: IdPrefixes;
  /** Whatever was written to at or after this is protected (Unix epoch ms): it cannot be told which of it is meant. */
  readonly writtenSinceMs?: number | undefined;
  /** Entries that name no session, and so protect none. */
  readonly malformed: number;
  /** Entries with times that cannot be read or believed: they protect like any other, and never expire. */
  readonly senselessTimes?: number;
  /** How many ids were ever taken out on purpose, where the source counts that: they are no loss. */
  readonly droppedOnPurpose?: number;
  /** Entries that have had their time: they protect nothing, and may be deleted. */
  readonly stale?: number;
  /** What somebody should see to, one sentence each; names as `displayName` gives them. */
  readonly faults?: readonly string[];
  /** Each protects every session that was begun in it. */
  readonly projects?: readonly NamedProject[];
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
  /** Of a source that may take long and has no writers: those of `ids` that are live now. Several such are asked at once. */
  ask?(ids: readonly SessionId[]): Promise<ReadonlySet<SessionId>>;
  /** Rejects where the source cannot be read; cheap. */
  check(): Promise<void>;
}

/** Others are held up meanwhile, so that this source did not wait for long: it is to be asked again when all are free. */
export class BrieflyBusyError extends BusyError {}

/** Ids of several sources; one that two of them name may come twice. */
export interface NamedIds extends Iterable<SessionId> {
  has(id: SessionId): boolean;
}

/** Whom the sources of one protection name, or one source alone. */
export interface NamedSessions {
  readonly ids: NamedIds;
  readonly prefixes: IdPrefixes;
  /** Unix epoch ms; infinite where all are named by their ids. */
  readonly writtenSinceMs: number;
  readonly projects: readonly NamedProject[];
  /** Why one is named, as far as a source says it. */
  reasonFor(id: SessionId): string | undefined;
}

/** The live sessions of all sources, by what protects them. */
export type LiveSessions = Readonly<Record<Protection, NamedSessions>>;

export interface SourceCount {
  readonly source: string;
  /** Ids, prefixes and projects. */
  readonly ids: number;
  readonly malformed: number;
  readonly stale: number;
  readonly droppedOnPurpose: number;
}

/** How one source has answered. */
export interface SourceState {
  readonly source: string;
  readonly isUp: boolean;
  /** Ids, prefixes and projects that it named. */
  readonly ids: number;
}

export interface LiveReadings {
  readonly sessions: LiveSessions;
  /** By source. */
  readonly named: ReadonlyMap<string, NamedSessions>;
  readonly counts: readonly SourceCount[];
  readonly states: readonly SourceState[];
  readonly faults: readonly string[];
}

/** Some source could not be read, so that nothing may be removed; the message is of the first, and the states are of all. */
export class UnreadSourceError extends OperatingError {
  readonly states: readonly SourceState[];

  constructor(first: OperatingError, states: readonly SourceState[]) {
    super(first.kind, first.message, { cause: first });
    this.name = 'UnreadSourceError';
    this.states = states;
  }
}

/** Reads all sources. @throws UnreadSourceError where one cannot be read in full: then nothing may be removed */
export async function readAllSources(sources: readonly LiveSource[]): Promise<LiveReadings> {
  const readings = new Readings();
  for (const source of sources) {
    try {
      readings.add(source, await source.read());
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      readings.fail(source, error);
    }
  }
  return readings.all();
}

class Readings {
  readonly #byProtection = { live: new Gathered(), running: new Gathered(), pinned: new Gathered() };
  readonly #bySource = new Map<string, Gathered>();
  readonly #counts = new Map<string, SourceCount>();
  readonly #down = new Set<string>();
  readonly #faults: string[] = [];
  #failure: OperatingError | undefined;

  add({ name, protection }: LiveSource, reading: LiveReading): void {
    this.#byProtection[protection].add(reading);
    const ofSource = this.#bySource.get(name) ?? new Gathered();
    this.#bySource.set(name, ofSource);
    ofSource.add(reading);
    this.#faults.push(...(reading.faults ?? []));
    // What it named before is not what it names now, and neither is nothing.
    if (reading.isSilent) this.#down.add(name);
    else this.#count(name, reading);
  }

  fail({ name }: LiveSource, error: OperatingError): void {
    this.#down.add(name);
    this.#failure ??= error;
  }

  /** @throws UnreadSourceError */
  all(): LiveReadings {
    const names = [...new Set([...this.#bySource.keys(), ...this.#down])];
    const states = names.map((source): SourceState => {
      return { source, isUp: !this.#down.has(source), ids: this.#counts.get(source)?.ids ?? 0 };
    });
    if (this.#failure !== undefined) throw new UnreadSourceError(this.#failure, states);
    const { live, running, pinned } = this.#byProtection;
    return {
      sessions: { live: live.all(), running: running.all(), pinned: pinned.all() },
      named: new Map(Array.from(this.#bySource, ([source, gathered]) => [source, gathered.all()])),
      counts: [...this.#counts.values()],
      states,
      faults: this.#faults,
    };
  }

  #count(source: string, reading: LiveReading): void {
    const before = this.#counts.get(source);
    this.#counts.set(source, {
      source,
      ids: namesIn(reading) + (before?.ids ?? 0),
      malformed: reading.malformed + (before?.malformed ?? 0),
      stale: (reading.stale ?? 0) + (before?.stale ?? 0),
      droppedOnPurpose: (reading.droppedOnPurpose ?? 0) + (before?.droppedOnPurpose ?? 0),
    });
  }
}

function namesIn({ ids, prefixes, projects = [] }: LiveReading): number {
  return ids.size + (prefixes?.size ?? 0) + projects.length;
}

/** Several readings as one. A million ids are not held twice for it. */
class Gathered {
  readonly #readings: LiveReading[] = [];
  readonly #prefixes = new Set<IdPrefix>();
  #writtenSinceMs = Number.POSITIVE_INFINITY;

  add(reading: LiveReading): void {
    this.#readings.push(reading);
    for (const prefix of reading.prefixes ?? []) this.#prefixes.add(prefix);
    this.#writtenSinceMs = Math.min(this.#writtenSinceMs, reading.writtenSinceMs ?? Number.POSITIVE_INFINITY);
  }

  all(): NamedSessions {
    const readings = this.#readings;
    return {
      ids: {
        has: (id) => readings.some(({ ids }) => ids.has(id)),
        *[Symbol.iterator]() {
          for (const { ids } of readings) yield* ids;
        },
      },
      prefixes: new IdPrefixes(this.#prefixes),
      writtenSinceMs: this.#writtenSinceMs,
      projects: readings.flatMap(({ projects = [] }) => projects),
      reasonFor: (id) => readings.find(({ reasons }) => reasons?.has(id))?.reasons?.get(id),
    };
  }
}

/**
 * Runs `act` with those of `ids` that any source protects now, while the writers of all of them are held back. Those that can only be
 * asked are asked before, all at once, so that the answer of one is no older than the slowest of them takes, and a second more.
 * @param onHeld called as soon as any of them holds its writers back
 * @param monotonicMs for how long anything takes
 * @throws BrieflyBusyError where busy writers had to be waited for until the answers were too old
 */
export async function withLiveOfAll<T>(
  sources: readonly LiveSource[],
  ids: readonly SessionId[],
  act: (live: ReadonlySet<SessionId>) => T | Promise<T>,
  onHeld: () => void = () => undefined,
  monotonicMs: () => number = () => performance.now(),
): Promise<T> {
  const asked = await answersOf(sources, ids);
  const answeredAt = monotonicMs();
  const held = sources.filter(({ ask }) => ask === undefined);
  const acting = (live: ReadonlySet<SessionId>) => {
    const ageMs = monotonicMs() - answeredAt;
    if (asked.length > 0 && ageMs > ANSWER_AGE_MAX_MS) {
      throw new BrieflyBusyError(
        `hold the resume maps: they were busy for ${Math.round(ageMs)} ms, too long for the other sources' answers`,
      );
    }
    return act(union([...asked, live]));
  };
  return withLiveOfHeld(held, ids, acting, onHeld);
}

/** Each of several busy maps is waited for, and the waits add up. */
const ANSWER_AGE_MAX_MS = 1_000;

/** @throws what the first of them throws, once none is under way any more */
async function answersOf(
  sources: readonly LiveSource[],
  ids: readonly SessionId[],
): Promise<readonly ReadonlySet<SessionId>[]> {
  const answers = await Promise.allSettled(sources.flatMap((source) => source.ask?.(ids) ?? []));
  return answers.map((answer) => {
    if (answer.status === 'rejected') throw answer.reason;
    return answer.value;
  });
}

async function withLiveOfHeld<T>(
  sources: readonly LiveSource[],
  ids: readonly SessionId[],
  act: (live: ReadonlySet<SessionId>) => T | Promise<T>,
  onHeld: () => void,
): Promise<T> {
  const [first, ...rest] = sources;
  if (first === undefined) return act(new Set());
  return first.withLive(
    ids,
    (live) => withLiveOfHeld(rest, ids, (liveElsewhere) => act(union([live, liveElsewhere])), onHeld),
    onHeld,
  );
}

function union(sets: readonly ReadonlySet<SessionId>[]): ReadonlySet<SessionId> {
  return new Set(sets.flatMap((set) => [...set]));
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
