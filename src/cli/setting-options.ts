/** A flag for every setting. */

import { type Command, Option } from 'commander';
import { flagOf, SETTING_PATHS, settingTable, variableOf } from '../config/settings.ts';
import type { CliIo } from './command.ts';

export function addSettingOptions(program: Command, io: CliIo): void {
  const table = settingTable(io);
  for (const path of SETTING_PATHS) {
    const { argument, description, defaultText } = table[path];
    const help = `${description} (${variableOf(path)}; default ${defaultText})`.replaceAll('`', '');
    const option = new Option(`${flagOf(path)} <${argument}>`, help);
    if (path === 'claudeDir' || path === 'sessions.store')
      option.argParser((value: string, previous?: string[]) => [...(previous ?? []), value]);
    program.addOption(option);
  }
}
