/** Raw values from flags, environment, file and defaults to one frozen Config, or a ConfigError that lists every fault. */

import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { distance } from 'fastest-levenshtein';
import { parseDocument } from 'yaml';
import { ConfigError, errorMessage } from '../errors.ts';
import {
  ENVIRONMENT_PREFIX,
  flagOf,
  MIN_AGE_FLOOR_MS,
  SETTING_PATHS,
  type Setting,
  type SettingPath,
  type Settings,
  type Surroundings,
  settingTable,
  variableOf,
} from './settings.ts';
import { showAge } from './values.ts';

/** Plain data, so that it can be handed to a thread. */
export type Config = Readonly<Settings> & {
  /** Whether `sessions.db` is the default one, which is ours to make and to migrate. */
  readonly ownsSessionsDb: boolean;
};

export type Origin = 'flag' | 'environment' | 'file' | 'default';

export interface ResolvedConfig {
  readonly config: Config;
  readonly origins: Readonly<Record<SettingPath, Origin>>;
}

export interface ConfigSources extends Surroundings {
  /** By setting path; only what was given on the command line. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** Text of the configuration file and its path, where one was named. */
  readonly file?: { readonly path: string; readonly text: string };
}

/** The variable that names the configuration file; it is no setting of the file itself. */
export const CONFIG_FILE_VARIABLE = `${ENVIRONMENT_PREFIX}CONFIG`;

/** @throws ConfigError naming every unknown key (with the nearest known one) and every value that means nothing */
export function resolveConfig(sources: ConfigSources): ResolvedConfig {
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
  const ownsSessionsDb = origins['sessions.db'] === 'default';
  if (ownsSessionsDb) settings['sessions.db'] = `${settings.stateDir}/sessions.db`;
  if (faults.length === 0) crossCheck(settings as unknown as Settings, sources, faults);
  if (faults.length > 0) throw new ConfigError(faults);
  const config = frozen({ ...(settings as unknown as Settings), ownsSessionsDb });
  return { config, origins: origins as Record<SettingPath, Origin> };
}

/** All the way down. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(Object.freeze(value))) frozen(part);
  }
  return value;
}

function parse(setting: Setting<unknown>, value: unknown, name: string, faults: string[]): unknown {
  const result = setting.schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue?.path.length ? ` at ${issue.path.join('.')}` : '';
  faults.push(`${name}: ${JSON.stringify(value)}${where}: ${issue?.message ?? 'not understood'}`);
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
  // Every scalar stays the text that it is: what 0x10 or 1e3 mean is not for YAML to say.
  const document = parseDocument(file.text, { uniqueKeys: true, schema: 'failsafe' });
  for (const error of document.errors) faults.push(`${file.path}: ${error.message.split('\n')[0]}`);
  if (document.errors.length > 0) return layer;
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 0 });
  } catch (error) {
    faults.push(`${file.path}: ${errorMessage(error)}`);
    return layer;
  }
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
  return `${key}: there is no such setting; did you mean ${nearest(key, known)}?`;
}

export function nearest(word: string, known: readonly string[]): string {
  return known.reduce((best, candidate) => (distance(word, candidate) < distance(word, best) ? candidate : best));
}

/** Timers count milliseconds in 31 bits; beyond that they fire at once. */
const TIMER_MAX_MS = 24 * 86_400_000;

/** What is wrong with values that are right one by one. */
function crossCheck(settings: Settings, sources: ConfigSources, faults: string[]): void {
  if (settings.minAge < MIN_AGE_FLOOR_MS) {
    faults.push(`minAge: ${showAge(settings.minAge)} is less than ${showAge(MIN_AGE_FLOOR_MS)}`);
  }
  if (!isAbsolute(settings.stateDir) || settings.stateDir.split('/').includes('..')) {
    faults.push(`CLAUDE_HOOKS_STATE_DIR: ${JSON.stringify(settings.stateDir)}: expected an absolute path without '..'`);
    return;
  }
  for (const path of ['runDeadline', 'schedule.jitter'] as const) {
    if (settings[path] > TIMER_MAX_MS)
      faults.push(`${path}: ${showAge(settings[path])} is more than ${showAge(TIMER_MAX_MS)}`);
  }
  const relative = settings.claudeDir.find((path) => !isAbsolute(path) || path.split('/').includes('..'));
  if (relative !== undefined) {
    faults.push(`CLAUDE_CONFIG_DIR: ${JSON.stringify(relative)}: expected an absolute path without '..'`);
    return;
  }
  const claudeDirs = settings.claudeDir.map(realPath);
  for (const [index, directory] of claudeDirs.entries()) {
    const other = claudeDirs.find((candidate, at) => at !== index && isWithin(directory, candidate));
    if (other !== undefined) faults.push(`claudeDir: ${directory} lies in ${other}, which is given too`);
    const inside = (name: string, path: string) => {
      if (isWithin(realPath(path), directory))
        faults.push(`${name}: ${path} must not lie in the Claude directory ${directory}`);
    };
    inside('stateDir', settings.stateDir);
    inside('sessions.db', settings['sessions.db']);
    if (sources.file !== undefined) inside('config file', sources.file.path);
    if (isWithin(directory, realPath(settings.stateDir))) {
      faults.push(`claudeDir: ${directory} must not lie in the state directory ${settings.stateDir}`);
    }
  }
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory.replace(/\/$/, '')}/`);
}

/** The real path as far as there is one, so that no symlink hides that one thing lies in another. */
function realPath(path: string): string {
  if (existsSync(path)) return realpathSync(path);
  const parent = dirname(path);
  return parent === path ? path : join(realPath(parent), basename(path));
}
