/** A flag for every setting; those that are on or off are bare, with an opposite. */

import { type Command, Option } from 'commander';
import { flagOf, SETTING_PATHS, type SettingPath, settingTable, variableOf } from '../config/settings.ts';
import type { CliIo } from './command.ts';

const SETTINGS = 'Settings:';
const LISTS: readonly SettingPath[] = ['claudeDir', 'sessions.store', 'http.hosts'];

export function addSettingOptions(program: Command, io: Pick<CliIo, 'home'>): void {
  const table = settingTable(io);
  for (const path of SETTING_PATHS) {
    const { argument, description, defaultText } = table[path];
    const help = `${description} (${variableOf(path)}; default ${defaultText})`.replaceAll('`', '');
    const flags = argument === undefined ? flagOf(path) : `${flagOf(path)} <${argument}>`;
    const option = new Option(flags, help).helpGroup(SETTINGS);
    if (LISTS.includes(path)) {
      option.argParser((value: string, previous?: string[]) => [...(previous ?? []), value]);
    }
    program.addOption(option);
    if (argument === undefined) {
      program.addOption(new Option(opposite(flagOf(path)), `the opposite of ${flagOf(path)}`).helpGroup(SETTINGS));
    }
  }
}

export function isSettingOption(option: Option): boolean {
  return option.helpGroupHeading === SETTINGS;
}

/** `--keep-named` → `--no-keep-named` */
function opposite(flag: string): string {
  return `--no-${flag.slice(2)}`;
}

/** Each setting once: what is on or off is named with its opposite. */
export function settingTerms(program: Command): [term: string, text: string][] {
  return program.options
    .filter((option) => isSettingOption(option) && !option.negate)
    .map((option) => {
      const isSwitch = !option.required;
      return [isSwitch ? option.flags.replace('--', '--[no-]') : option.flags, option.description];
    });
}
