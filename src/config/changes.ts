/** What differs between two configurations, as an operator would write it. */

import { isDeepStrictEqual } from 'node:util';
import { shownText } from '../format/shown-text.ts';
import type { Config } from './config.ts';
import type { Setting } from './settings/setting.ts';
import { SETTING_PATHS, settingTable } from './settings.ts';

export type SettingChanges = Readonly<Record<string, { readonly from: string; readonly to: string }>>;

/** By the names of the settings; empty where nothing has changed. */
export function changedSettings(before: Config, after: Config): SettingChanges {
  const table = settingTable({ home: '/' });
  const changed = SETTING_PATHS.filter((path) => !isDeepStrictEqual(before[path], after[path]));
  return Object.fromEntries(
    changed.map((path) => {
      const setting: Setting<unknown> = table[path];
      const shown = (config: Config) => shownText(setting.show(config[path]));
      return [path, { from: shown(before), to: shown(after) }];
    }),
  );
}
