/** The settings that decide how long anything stays: sessions, what lies in the trash, and rows of the resume map. */

import { classAges, DEFAULT_CLASS_AGES } from '../class-ages.ts';
import { projectOverrides } from '../project-overrides.ts';
import * as values from '../values.ts';
import { setting } from './setting.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Below this, a session in use could pass for an idle one: a long tool call writes nothing for many minutes. */
export const MIN_AGE_FLOOR_MS = HOUR_MS;

export function retentionSettings(home: string) {
  return {
    maxAge: setting(values.age, {
      argument: 'AGE',
      description: 'transcripts unused for longer are moved to the trash',
      defaultText: '`30d`',
      defaultValue: () => 30 * DAY_MS,
      show: values.showAge,
    }),
    minAge: setting(values.duration, {
      argument: 'AGE',
      description: 'nothing younger is ever removed, whatever else says so; at least `1h`',
      defaultText: '`24h`',
      defaultValue: () => DAY_MS,
      show: values.showAge,
    }),
    maxTotalBytes: setting(values.byteSizeOrOff, {
      argument: 'SIZE',
      description:
        'where a Claude directory takes more of the disk, its trash included, the oldest sessions go until 80 % of it is left, and the trash is purged early, the oldest first, as far as that takes',
      defaultText: '`off`',
      defaultValue: () => 'off',
      show: values.showByteSize,
    }),
    minFree: setting(values.byteSizeOrOff, {
      argument: 'SIZE',
      description:
        'where less of the file system is free, the oldest sessions go and the trash is purged early, as far as that takes',
      defaultText: '`off`',
      defaultValue: () => 'off',
      show: values.showByteSize,
    }),
    notice: setting(values.durationOrOff, {
      argument: 'AGE',
      description:
        'nothing goes that was not announced for so long: what is due is written down first, and forgotten where it is used',
      defaultText: '`off`',
      defaultValue: () => 'off',
      show: (value) => (value === 'off' ? value : values.showAge(value)),
    }),
    massPortion: setting(values.percentage, {
      argument: 'PERCENT',
      description:
        'where most sessions of a directory would go at once, none goes for a day, and then at most this share of them a run',
      defaultText: '`25%`',
      defaultValue: () => 0.25,
      show: values.showPercentage,
    }),
    keepLast: setting(values.count, {
      argument: 'N',
      description: 'the newest N sessions of every project are kept',
      defaultText: '`0`',
      defaultValue: () => 0,
      show: String,
    }),
    keepNamed: setting(values.boolean, {
      description: 'sessions that a person has given a title are kept too',
      defaultText: '`false`',
      defaultValue: () => false,
      show: String,
    }),
    shield: setting(values.shieldScope, {
      argument: 'WHOM',
      description:
        "whom to keep from Claude's own clean-up, by making files younger in time: `off`, `wanted` (what somebody asked for by name) or `all` that stays",
      defaultText: '`wanted`',
      defaultValue: () => 'wanted',
      show: String,
    }),
    projects: setting(projectOverrides(home), {
      argument: 'JSON',
      description:
        'retention of single projects, by real path or by the name that Claude gives: a list of `{match, maxAge, keepLast}`; the first match counts',
      defaultText: 'none',
      defaultValue: () => [],
      show: (value) =>
        JSON.stringify(
          value.map(({ maxAge, ...rest }) =>
            maxAge === undefined ? rest : { ...rest, maxAge: values.showAge(maxAge) },
          ),
        ),
    }),
    classes: setting(classAges, {
      argument: 'JSON',
      description:
        'retention by how sessions came to be: `{cli, sdk, background, desktop, remote, archived, metadata}`, each with its `maxAge`; where a project has one of its own, the longer counts',
      defaultText: 'desktop `never`, metadata `7d`',
      defaultValue: () => DEFAULT_CLASS_AGES,
      show: (value) =>
        JSON.stringify(
          Object.fromEntries(Object.entries(value).map(([name, maxAge]) => [name, { maxAge: values.showAge(maxAge) }])),
        ),
    }),
    'trash.keep': setting(values.duration, {
      argument: 'AGE',
      description: 'the trash is purged of what has lain in it for longer',
      defaultText: '`7d`',
      defaultValue: () => 7 * DAY_MS,
      show: values.showAge,
    }),
    'trash.keepAtLeast': setting(values.duration, {
      argument: 'AGE',
      description: 'nothing that has lain in the trash for less is purged early, whatever the disk says',
      defaultText: '`24h`',
      defaultValue: () => DAY_MS,
      show: values.showAge,
    }),
    'sweep.dangling': setting(values.boolean, {
      description: 'also sweep rows whose transcript is gone; takes effect with `sessions.onlyThisHost`',
      defaultText: '`true`',
      defaultValue: () => true,
      show: String,
    }),
  };
}
