/** `check-config`: the effective configuration, and where each value comes from. */

import { flagOf, SETTING_PATHS, type Setting, settingTable, variableOf } from '../config/settings.ts';
import { formerStateFinding } from '../doctor/former-state-finding.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { CommandContext } from './command.ts';
import { renderFinding } from './finding-lines.ts';
import { renderTable } from './table.ts';

export async function checkConfig({ io, resolved, json, colors }: CommandContext): Promise<number> {
  const table = settingTable(io);
  const settings = SETTING_PATHS.map((path) => {
    const setting: Setting<unknown> = table[path];
    const value = setting.show(resolved.config[path]);
    return { setting: path, value, origin: resolved.origins[path], flag: flagOf(path), variable: variableOf(path) };
  });
  const formerState = formerStateFinding(resolved.config);
  if (json) io.stdout.write(`${JSON.stringify({ settings, formerState: formerState ?? null })}\n`);
  else {
    const rows = settings.map(({ setting, value, origin }) => [setting, value, origin]);
    io.stdout.write(`${renderTable(['SETTING', 'VALUE', 'FROM'], rows, colors)}\n`);
    if (formerState !== undefined) io.stdout.write(`\n${renderFinding(formerState, colors)}\n`);
  }
  return EXIT_CODES.ok;
}
