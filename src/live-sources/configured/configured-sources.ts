/** The live sources that the configuration names, in the order in which they are to be asked. */

import { constants, realpathSync } from 'node:fs';
import { access } from 'node:fs/promises';
import type { SessionId } from '../../claude-dir/session-id.ts';
import type { Clock } from '../../clock.ts';
import {
  type CommandSettings,
  type HeldMapSettings,
  type HttpSettings,
  isHeldMap,
  type PostgresMapSettings,
  type QuerySettings,
  type SourceSettings,
} from '../../config/source-settings.ts';
import { errorMessage, OperatingError } from '../../errors.ts';
import { BoundedLooks } from '../../files/bounded-looks.ts';
import { type LiveReading, type LiveSource, withFreshReading } from '../live-source.ts';
import { heldMapSource } from './held-map.ts';
import type { HttpAsker } from './http.ts';
import { readKeepList } from './id-file.ts';
import { readJsonMap } from './json-map.ts';
import { optionalSource } from './optional.ts';
import { readProcessRecords } from './process-records.ts';

export interface ConfiguredSources {
  /** Those without writers to hold back, and then those that are far away: asked before anybody here is held up. */
  readonly asked: readonly LiveSource[];
  /** Those whose writers wait meanwhile. */
  readonly held: readonly LiveSource[];
}

export interface ConfiguredOptions {
  /** The database of a map whose writers are held back already when these are asked. */
  readonly heldDatabase?: string;
  /** Ends the waiting for a host's own programs. */
  readonly stop?: AbortSignal | undefined;
  /** What a query's process executes. */
  readonly queryScript?: URL;
}

export function configuredSources(
  all: readonly SourceSettings[],
  clock: Clock,
  { heldDatabase, queryScript, stop }: ConfiguredOptions = {},
): ConfiguredSources {
  const heldDatabases = heldDatabase === undefined ? [] : [realPathOf(heldDatabase)];
  const opened = all.map((settings) => {
    const source = sourceOf(settings, clock, { heldDatabases, queryScript, stop });
    return { settings, source: settings.required === false ? optionalSource(source) : source };
  });
  const isHeld = ({ settings }: (typeof opened)[number]) => isHeldMap(settings);
  const isFar = ({ settings }: (typeof opened)[number]) => settings.kind === 'postgres-map';
  return {
    asked: [...opened.filter((one) => !isHeld(one) && !isFar(one)), ...opened.filter(isFar)].map(
      ({ source }) => source,
    ),
    held: opened.filter(isHeld).map(({ source }) => source),
  };
}

interface SourceContext {
  /** By their real paths; whoever holds one adds it. */
  readonly heldDatabases: string[];
  readonly queryScript: URL | undefined;
  readonly stop: AbortSignal | undefined;
}

function sourceOf(settings: SourceSettings, clock: Clock, context: SourceContext): LiveSource {
  switch (settings.kind) {
    case 'resume-map':
    case 'thread-map':
      return mapSource(settings, clock, context.heldDatabases);
    case 'postgres-map':
      return postgresSource(settings);
    case 'keep-list':
      return askedSource(settings, 'pinned', () => readKeepList(settings));
    case 'process-records':
      return askedSource(settings, 'running', async () => readProcessRecords(settings, clock));
    case 'json-map':
      return askedSource(settings, 'live', async () => readJsonMap(settings));
    case 'query':
      return querySource(settings, clock, context);
    case 'command':
      return commandSource(settings, clock, context);
    case 'http':
      return httpSource(settings, clock, context);
  }
}

/** Of two maps in one database, the first holds the writers of both: the second would wait for it. */
function mapSource(settings: HeldMapSettings, clock: Clock, heldDatabases: string[]): LiveSource {
  const source = heldMapSource(settings, clock);
  const database = realPathOf(settings.db);
  if (!heldDatabases.includes(database)) {
    heldDatabases.push(database);
    return source;
  }
  return { ...source, withLive: (ids, act) => withFreshReading(source, ids, act) };
}

function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // Whoever asks it says so.
    return path;
  }
}

// What these take is loaded where it is asked for: hardly any host has them.

function postgresSource(settings: PostgresMapSettings): LiveSource {
  let opened: Promise<LiveSource> | undefined;
  const source = () => {
    opened ??= import('./postgres-map.ts').then(({ postgresMapSource }) => postgresMapSource(settings));
    return opened;
  };
  return {
    name: settings.name,
    protection: 'live',
    read: async () => (await source()).read(),
    withLive: async (ids, act, onHeld) => (await source()).withLive(ids, act, onHeld),
    check: async () => (await source()).check(),
  };
}

function querySource(settings: QuerySettings, clock: Clock, { queryScript, stop }: SourceContext): LiveSource {
  const read = async () => {
    const { readQuery, QUERY_SCRIPT } = await import('./query.ts');
    return readQuery(settings, clock, { script: queryScript ?? QUERY_SCRIPT, stop });
  };
  // What only has to be understood takes no time, and no process.
  return askedSource(settings, 'live', read, async () => (await import('./query-rows.ts')).checkQuery(settings));
}

function commandSource(settings: CommandSettings, clock: Clock, { stop }: SourceContext): LiveSource {
  const read = async () => (await import('./command.ts')).readCommand(settings, clock, stop);
  return askedSource(settings, 'live', read, async () => throwIfNotExecutable(settings));
}

function httpSource(settings: HttpSettings, clock: Clock, { stop }: SourceContext): LiveSource {
  let asker: HttpAsker | undefined;
  const read = async () => {
    asker ??= new (await import('./http.ts')).HttpAsker(settings, clock, stop);
    return asker.read();
  };
  // Whether it answers, only an answer tells, and whoever watches the worker asks often.
  return askedSource(settings, 'live', read, async () => undefined);
}

/** Of this process: what hangs is looked at once, however many ask. */
const PROGRAM_LOOKS = new BoundedLooks((path) => access(path, constants.X_OK).then(() => true, errorMessage));

async function throwIfNotExecutable({ name, argv: [program = ''] }: CommandSettings): Promise<void> {
  const answer = (await PROGRAM_LOOKS.at(program)) ?? `${program} does not answer`;
  if (answer !== true) throw new OperatingError('unavailable', `run the command of ${name}: ${answer}`);
}

/** One that is asked anew for each act, since it has no writers that could be held back. */
function askedSource(
  { name }: SourceSettings,
  protection: LiveSource['protection'],
  read: () => Promise<LiveReading>,
  check: () => Promise<unknown> = read,
): LiveSource {
  /** Of the reading that the plan was made by. */
  let planned: ReadonlySet<string> = new Set();
  const ask = async (ids: readonly SessionId[]) => {
    const reading = await read();
    // Which sessions are of a project that is named only now, the next plan finds out.
    const isNew = reading.projects?.some(({ match }) => !planned.has(match)) === true;
    return new Set(ids.filter((id) => isNew || reading.ids.has(id) || reading.prefixes?.match(id)));
  };
  const source: LiveSource = {
    name,
    protection,
    read: async () => {
      const reading = await read();
      planned = new Set(reading.projects?.map(({ match }) => match));
      return reading;
    },
    ask,
    withLive: async (ids, act) => act(await ask(ids)),
    check: async () => {
      await check();
    },
  };
  return source;
}
