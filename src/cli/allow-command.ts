/** The command by which an operator lets a run go on that a guard holds back: with the settings in use, wherever they came from. */

import type { ResolvedConfig } from '../config/config.ts';
import type { Setting } from '../config/settings/setting.ts';
import { flagOf, SETTING_PATHS, type SettingPath, settingTable } from '../config/settings.ts';
import type { JobName } from '../jobs/job-names.ts';

const PROGRAM = 'claude-session-sweeper';
/** Settings that say nothing of what a run by hand does. */
const OF_THE_DAEMON = /^(schedule\.|listen$|http\.|log(Level|Format)$)/;

export function allowCommand(job: JobName, { config, origins, configFile }: ResolvedConfig, home: string): string {
  const table = settingTable({ home });
  const given = SETTING_PATHS.filter((path) => {
    return isGiven(origins[path]) && !OF_THE_DAEMON.test(path) && table[path].isSecret !== true;
  });
  const flags = given.flatMap((path: SettingPath) => {
    const setting: Setting<unknown> = table[path];
    return [flagOf(path), setting.show(config[path])];
  });
  const file = configFile === undefined ? [] : ['--config', configFile];
  const words = [PROGRAM, '--run-now', '--allow-mass-removal', '--job', job, ...file, ...flags];
  return words.map(quoted).join(' ');
}

/** What stands in the file is given by the file. */
function isGiven(origin: ResolvedConfig['origins'][SettingPath]): boolean {
  return origin === 'flag' || origin === 'environment';
}

/** As a shell takes it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
