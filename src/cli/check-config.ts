/** `check-config`: the effective configuration, and where each value comes from. */

import { flagOf, SETTING_PATHS, type Setting, settingTable, variableOf } from '../config/settings.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { CommandContext } from './command.ts';
import { renderTable } from './table.ts';

export async function checkConfig({ io, resolved, json, colors }: CommandContext): Promise<number> {
  const table = settingTable(io);
  const settings = SETTING_PATHS.map((path) => {
    const setting: Setting<unknown> = table[path];
    const value = setting.show(resolved.config[path]);
    return { setting: path, value, origin: resolved.origins[path], flag: flagOf(path), variable: variableOf(path) };
  });
  if (json) io.stdout.write(`${JSON.stringify({ settings })}\n`);
  else {
    const rows = settings.map(({ setting, value, origin }) => [setting, value, origin]);
    io.stdout.write(`${renderTable(['SETTING', 'VALUE', 'FROM'], rows, colors)}\n`);
  }
  return EXIT_CODES.ok;
}
