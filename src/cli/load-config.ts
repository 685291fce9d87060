/** From command line, environment and file to the configuration, with every fault of all of them at once. */

import { readFileSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import {
  CONFIG_FILE_VARIABLE,
  type CollectedConfig,
  type ConfigSources,
  collectConfig,
  concludeConfig,
  type ResolvedConfig,
} from '../config/config.ts';
import { defaultConfigPath, readDefaultConfigFile } from '../config/config-file.ts';
import { flagOf, SETTING_PATHS, type SettingPath } from '../config/settings.ts';
import { ConfigError, errorMessage } from '../errors.ts';
import { shownValue } from '../format/shown-text.ts';
import type { CliIo } from './command.ts';

/** Options as commander gives them: by the camel-cased flag. */
export type RawOptions = Readonly<Record<string, unknown>>;

const CRON_SETTINGS = ['schedule.sweep', 'schedule.prune', 'schedule.purge'] as const satisfies SettingPath[];

/** @throws ConfigError */
export async function loadConfig(options: RawOptions, io: CliIo): Promise<ResolvedConfig> {
  const file = readConfigFile(options.config ?? io.environment[CONFIG_FILE_VARIABLE], io);
  const flags: Record<string, unknown> = {};
  for (const path of SETTING_PATHS) {
    const value = options[optionName(path)];
    if (value !== undefined) flags[path] = value;
  }
  const sources: ConfigSources = {
    flags,
    environment: io.environment,
    home: io.home,
    ...(file === undefined ? {} : { file }),
  };
  const collected = collectConfig(sources);
  return concludeConfig({ ...collected, faults: [...collected.faults, ...(await patternFaults(collected))] });
}

/** Only patterns that somebody wrote are checked: for the defaults, loading the scheduler would be wasted time. */
async function patternFaults({ settings, origins }: CollectedConfig): Promise<string[]> {
  const written = CRON_SETTINGS.filter((path) => origins[path] !== 'default');
  if (written.length === 0) return [];
  const { cronFault } = await import('../daemon/schedule.ts');
  return written.flatMap((path) => {
    const pattern = settings[path];
    const fault = pattern === undefined ? undefined : cronFault(pattern, settings['schedule.timeZone'] ?? 'UTC');
    return fault === undefined ? [] : [`${path}: ${shownValue(pattern)}: ${fault}`];
  });
}

function readConfigFile(value: unknown, io: CliIo): ConfigSources['file'] {
  if (value === undefined) return readDefaultConfigFile(defaultConfigPath(io.home, io.environment));
  if (typeof value !== 'string' || value === '')
    throw new ConfigError([`--config: ${JSON.stringify(value)}: expected a file`]);
  const path = isAbsolute(value) ? value : resolve(io.workingDirectory, value);
  try {
    return { path, text: readFileSync(path, 'utf8') };
  } catch (error) {
    throw new ConfigError([`--config: ${path}: ${errorMessage(error)}`]);
  }
}

/** `trash.keep` → `trashKeep`, as commander names the value of `--trash-keep`. */
export function optionName(path: SettingPath): string {
  return flagOf(path)
    .slice(2)
    .replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
