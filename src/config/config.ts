/** Raw values from flags, environment, file and defaults to one frozen Config, or a ConfigError that lists every fault. */

import { realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { ConfigError } from '../errors.ts';
import { nearestWord } from '../format/nearest-word.ts';
import { shownValue } from '../format/shown-text.ts';
import { accessFaults } from './http-settings.ts';
import { MIN_AGE_FLOOR_MS } from './settings/retention.ts';
import type { Setting, Surroundings } from './settings/setting.ts';
import {
  ENVIRONMENT_PREFIX,
  flagOf,
  SETTING_PATHS,
  type SettingPath,
  type Settings,
  settingTable,
  variableOf,
} from './settings.ts';
import { isHeldMap, sourceFaults } from './source-settings.ts';
import { formerDefaultStateDir } from './state-dir.ts';
import { sharedStoreFaults } from './store-settings.ts';
import { showAge } from './values.ts';
import { parseYaml } from './yaml-text.ts';

/** Plain data, so that it can be handed to a thread. */
export type Config = Readonly<Settings> & {
  /** Whether `sessions.db` is the default one, which is ours to make and to migrate. */
  readonly ownsSessionsDb: boolean;
  /** The state directory by its former name; only where the state directory is the default one. */
  readonly formerStateDir: string | undefined;
  /** Somebody has said how long rows live, if by the default's words. */
  readonly setsRowAge: boolean;
  /** Nobody named the Claude directory: where there is none yet, Claude has not run, and there is nothing to do. */
  readonly mayClaudeDirBeMissing: boolean;
};

export type Origin = 'flag' | 'environment' | 'file' | 'default';

export interface ResolvedConfig {
  readonly config: Config;
  readonly origins: Readonly<Record<SettingPath, Origin>>;
  /** The configuration file's path, where one was named. */
  readonly configFile: string | undefined;
}

export interface ConfigSources extends Surroundings {
  /** By setting path; only what was given on the command line. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** Text of the configuration file and its path, where one was named. */
  readonly file?: { readonly path: string; readonly text: string };
}

/** The variable that names the configuration file; it is no setting of the file itself. */
export const CONFIG_FILE_VARIABLE = `${ENVIRONMENT_PREFIX}CONFIG`;

/** All that the four layers say, with every fault that they have. */
export interface CollectedConfig {
  readonly settings: Readonly<Partial<Settings>>;
  readonly origins: Readonly<Record<SettingPath, Origin>>;
  readonly faults: readonly string[];
  readonly configFile: string | undefined;
  readonly formerStateDir: string | undefined;
}

/** @throws ConfigError where there are faults */
export function concludeConfig({
  settings,
  origins,
  faults,
  configFile,
  formerStateDir,
}: CollectedConfig): ResolvedConfig {
  if (faults.length > 0) throw new ConfigError(faults);
  const ownsSessionsDb = origins['sessions.db'] === 'default';
  const mayClaudeDirBeMissing = origins.claudeDir === 'default';
  const setsRowAge = origins['sessions.maxAge'] !== 'default';
  const known = { ownsSessionsDb, formerStateDir, setsRowAge, mayClaudeDirBeMissing };
  const config = frozen({ ...(settings as Settings), ...known });
  return { config, origins, configFile };
}

export function collectConfig(sources: ConfigSources): CollectedConfig {
  const faults: string[] = [];
  const table = settingTable(sources);
  const layers: readonly (readonly [Origin, ReadonlyMap<string, unknown>, (path: string) => string])[] = [
    ['flag', new Map(Object.entries(sources.flags)), flagOf],
    ['environment', environmentLayer(sources.environment, faults), variableOf],
    ['file', fileLayer(sources.file, faults), (path) => `${sources.file?.path}: ${path}`],
  ];
  const settings: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  for (const path of SETTING_PATHS) {
    const setting: Setting<unknown> = table[path];
    const layer = layers.find(([, values]) => values.has(path));
    origins[path] = layer?.[0] ?? 'default';
    settings[path] =
      layer === undefined ? setting.defaultValue(sources) : parse(setting, layer[1].get(path), layer[2](path), faults);
  }
  if (origins['sessions.db'] === 'default') settings['sessions.db'] = sessionsDbIn(settings.stateDir);
  crossCheck(settings, sources, faults);
  return {
    settings,
    origins: origins as Record<SettingPath, Origin>,
    faults,
    configFile: sources.file?.path,
    formerStateDir:
      origins.stateDir === 'default' ? formerDefaultStateDir(sources.home, sources.environment) : undefined,
  };
}

function sessionsDbIn(stateDir: unknown): string | undefined {
  return stateDir === undefined ? undefined : `${stateDir}/sessions.db`;
}

/** All the way down. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(Object.freeze(value))) frozen(part);
  }
  return value;
}

function parse(setting: Setting<unknown>, value: unknown, name: string, faults: string[]): unknown {
  const parsed = setting.parse(value);
  if ('value' in parsed) return parsed.value;
  for (const { fault, at } of parsed.faults) {
    const shown = setting.isSecret === true ? '' : `${shownValue(value)}${at === undefined ? '' : ` at ${at}`}: `;
    faults.push(`${name}: ${shown}${fault}`);
  }
  return undefined;
}

function environmentLayer(environment: Surroundings['environment'], faults: string[]): Map<string, unknown> {
  const pathByVariable = new Map<string, string>(SETTING_PATHS.map((path) => [variableOf(path), path]));
  const layer = new Map<string, unknown>();
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith(ENVIRONMENT_PREFIX) || variable === CONFIG_FILE_VARIABLE || value === undefined) continue;
    const path = pathByVariable.get(variable);
    if (path === undefined) faults.push(unknownKey(variable, [...pathByVariable.keys(), CONFIG_FILE_VARIABLE]));
    else layer.set(path, value);
  }
  return layer;
}

function fileLayer(file: ConfigSources['file'], faults: string[]): Map<string, unknown> {
  const layer = new Map<string, unknown>();
  if (file === undefined) return layer;
  const parsed = parseYaml(file.text);
  if ('faults' in parsed) {
    faults.push(...parsed.faults.map(({ fault }) => `${file.path}: ${fault}`));
    return layer;
  }
  const content = parsed.value;
  // An empty file, or one of comments alone.
  if (content === null || content === undefined || content === '') return layer;
  if (typeof content !== 'object' || Array.isArray(content)) {
    faults.push(`${file.path}: expected settings, one a line`);
    return layer;
  }
  for (const [path, value] of flatten(content, '')) {
    if (layer.has(path)) faults.push(`${file.path}: ${path} is there twice`);
    else if ((SETTING_PATHS as readonly string[]).includes(path)) layer.set(path, value);
    else faults.push(`${file.path}: ${unknownKey(path, SETTING_PATHS)}`);
  }
  return layer;
}

/** `{trash: {keep: '7d'}}` → `['trash.keep', '7d']` */
function flatten(content: object, prefix: string): [string, unknown][] {
  return Object.entries(content).flatMap(([key, value]): [string, unknown][] => {
    const path = prefix + key;
    const isSetting = (SETTING_PATHS as readonly string[]).includes(path);
    if (!isSetting && typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return flatten(value, `${path}.`);
    }
    return [[path, value]];
  });
}

function unknownKey(key: string, known: readonly string[]): string {
  // The name of a group, given a value: one of its settings is meant.
  const inGroup = known.filter((name) => name.startsWith(`${key}.`));
  return `${key}: there is no such setting; did you mean ${nearestWord(key, inGroup.length > 0 ? inGroup : known)}?`;
}

/** Timers count milliseconds in 31 bits; beyond that they fire at once. */
const TIMER_MAX_MS = 24 * 86_400_000;

/** What is wrong with values that are right one by one; those that are not have been told, and are undefined here. */
function crossCheck(settings: Partial<Settings>, sources: ConfigSources, faults: string[]): void {
  const { minAge, stateDir, claudeDir = [] } = settings;
  if (minAge !== undefined && minAge < MIN_AGE_FLOOR_MS) {
    faults.push(`minAge: ${showAge(minAge)} is less than ${showAge(MIN_AGE_FLOOR_MS)}`);
  }
  for (const path of ['runDeadline', 'schedule.jitter'] as const) {
    const durationMs = settings[path];
    if (durationMs !== undefined && durationMs > TIMER_MAX_MS)
      faults.push(`${path}: ${showAge(durationMs)} is more than ${showAge(TIMER_MAX_MS)}`);
  }
  const { CLAUDE_HOOKS_STATE_DIR, CLAUDE_CONFIG_DIR, XDG_STATE_HOME } = sources.environment;
  const stateOrigin = CLAUDE_HOOKS_STATE_DIR ? 'CLAUDE_HOOKS_STATE_DIR' : XDG_STATE_HOME ? 'XDG_STATE_HOME' : 'HOME';
  const claudeOrigin = CLAUDE_CONFIG_DIR ? 'CLAUDE_CONFIG_DIR' : 'HOME';
  const refused = [
    ...[stateDir].filter(isRelative).map((path) => [stateOrigin, path]),
    ...claudeDir.filter(isRelative).map((path) => [claudeOrigin, path]),
  ];
  for (const [origin, path] of refused) {
    faults.push(`${origin}: ${shownValue(path)}: expected an absolute path without '..'`);
  }
  faults.push(...accessFaults(settings), ...sourceFaults(settings.sources ?? []));
  faults.push(...sharedStoreFaults(settings['sessions.sharedStores'] ?? [], settings.sources ?? []));
  if (refused.length === 0) crossCheckPlaces(settings, sources, faults);
}

/** Only what the surroundings gave can be it: the settings refuse it themselves. */
function isRelative(path: string | undefined): boolean {
  return path !== undefined && (!isAbsolute(path) || path.split('/').includes('..'));
}

function crossCheckPlaces(settings: Partial<Settings>, { file }: ConfigSources, faults: string[]): void {
  const { stateDir, claudeDir = [], 'sessions.store': stores = [], 'sessions.db': resumeMap, sources = [] } = settings;
  if (resumeMap !== undefined && stores.some((path) => realPath(path) === realPath(resumeMap))) {
    faults.push(`sessions.store: ${resumeMap} is the resume map's own database; a store needs another`);
  }
  const maps = sources.filter(isHeldMap);
  const tables = [
    `resume-map ${resumeMap && realPath(resumeMap)}`,
    ...maps.map(({ kind, db }) => `${kind} ${realPath(db)}`),
  ];
  for (const [index, { kind, name, db }] of maps.entries()) {
    if (tables.indexOf(tables[index + 1] ?? '') <= index)
      faults.push(`sources: ${name}: ${db} is another ${kind} already`);
  }
  const claudeDirs = claudeDir.map(realPath);
  for (const [index, directory] of claudeDirs.entries()) {
    const other = claudeDirs.find((candidate, at) => at !== index && isWithin(directory, candidate));
    if (other !== undefined) faults.push(`claudeDir: ${directory} lies in ${other}, which is given too`);
    const inside = (name: string, path: string | undefined) => {
      if (path !== undefined && isWithin(realPath(path), directory))
        faults.push(`${name}: ${path} must not lie in the Claude directory ${directory}`);
    };
    inside('stateDir', stateDir);
    inside('sessions.db', settings['sessions.db']);
    for (const path of stores) inside('sessions.store', path);
    for (const { name, db } of maps) inside(`sources: ${name}`, db);
    inside('config file', file?.path);
    if (stateDir !== undefined && isWithin(directory, realPath(stateDir))) {
      faults.push(`claudeDir: ${directory} must not lie in the state directory ${stateDir}`);
    }
  }
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory.replace(/\/$/, '')}/`);
}

/** The real path as far as there is one, so that no symlink hides that one thing lies in another. */
function realPath(path: string): string {
  try {
    // The system's own: Node's looks at a component and then reads it as a link, and fails where it is swapped in between.
    return realpathSync.native(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}
