/** The settings that decide when jobs run, and for how long. */

import * as values from '../values.ts';
import { type Setting, setting } from './setting.ts';

export const RUN_SETTINGS = {
  'schedule.prune': cronSetting('prune-transcripts', '17 4 * * *'),
  'schedule.sweep': cronSetting('sweep-sessions', '7 * * * *'),
  'schedule.purge': cronSetting('purge-trash', '47 4 * * *'),
  /** An IANA name, or `SYSTEM_TIME_ZONE`. */
  'schedule.timeZone': setting(values.timeZone, {
    argument: 'ZONE',
    description: 'time zone of the schedule',
    defaultText: "the system's",
    defaultValue: () => values.SYSTEM_TIME_ZONE,
    show: values.timeZoneName,
  }),
  'schedule.jitter': setting(values.duration, {
    argument: 'AGE',
    description: 'each run starts up to this much later, so that many hosts do not start at once',
    defaultText: '`2m`',
    defaultValue: () => 2 * 60_000,
    show: values.showAge,
  }),
  runDeadline: setting(values.duration, {
    argument: 'AGE',
    description: 'a run that takes longer is ended',
    defaultText: '`2h`',
    defaultValue: () => 2 * 3_600_000,
    show: values.showAge,
  }),
};

function cronSetting(job: string, pattern: string): Setting<string> {
  return setting(values.cronPattern, {
    argument: 'CRON',
    description: `when ${job} runs`,
    defaultText: `\`${pattern}\``,
    defaultValue: () => pattern,
    show: String,
  });
}
