/**
 * Every setting there is: its place in the file, and by that its flag and its environment variable. Each is declared once, with its
 * meaning and its default, in the file of its subject; help, `check-config` and the table of docs/configuration.md come from there.
 */

import { lookedAfterSettings } from './settings/looked-after.ts';
import { retentionSettings } from './settings/retention.ts';
import { RUN_SETTINGS } from './settings/runs.ts';
import { servingSettings } from './settings/serving.ts';
import type { Setting, Surroundings } from './settings/setting.ts';
import { tellingSettings } from './settings/telling.ts';

/** In the order in which they are shown. */
export function settingTable({ home }: Pick<Surroundings, 'home'>) {
  return {
    ...lookedAfterSettings(home),
    ...retentionSettings(home),
    ...RUN_SETTINGS,
    ...servingSettings(home),
    ...tellingSettings(home),
  };
}

export type SettingTable = Readonly<ReturnType<typeof settingTable>>;

export type SettingPath = keyof SettingTable;

/** What each setting was given, or its default. */
export type Settings = { [P in SettingPath]: SettingTable[P] extends Setting<infer T> ? T : never };

export const SETTING_PATHS: readonly SettingPath[] = Object.keys(settingTable({ home: '/' })) as SettingPath[];

/** `trash.keep` → `--trash-keep` */
export function flagOf(path: string): string {
  return `--${words(path).join('-')}`;
}

/** `trash.keep` → `SWEEPER_TRASH_KEEP` */
export function variableOf(path: string): string {
  return `${ENVIRONMENT_PREFIX}${words(path).join('_').toUpperCase()}`;
}

export const ENVIRONMENT_PREFIX = 'SWEEPER_';

function words(path: string): string[] {
  return path.split(/\.|(?=[A-Z])/).map((word) => word.toLowerCase());
}
