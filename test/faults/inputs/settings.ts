/** Values of settings, good ones and bad ones, from every place that a setting can come from. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InputCase } from './case.ts';

interface SettingValues {
  readonly path: string;
  /** As `check-config` shows them, where that is another form. */
  readonly good: readonly (string | readonly [value: string, shown: string])[];
  readonly bad: readonly string[];
}

const BAD_AGES = ['', '0', '0d', '-1', '-1d', 'NaN', '1e400', '1e3d', '0x10', ' 5 ', '5', '30 dogs', '30dogs', '1.5d'];
const MORE_BAD_AGES = [
  '٣٠d',
  '30D',
  '30d ',
  ' 30d',
  '30d\n',
  '36526d',
  '99999999999d',
  'Infinity',
  '1_000s',
  '+3d',
  '30d30d',
];
const BAD_COUNTS = ['', '-1', '1.5', '1e3', '0x10', ' 5', 'five', 'NaN', '1000001', '٣', '+5', '99999999999999999999'];
const BAD_SIZES = [
  '',
  '0B',
  '0',
  '5',
  '-5GB',
  '1.5GiB',
  '50 GiB',
  '50gib',
  '50G',
  'GB',
  '1e9B',
  '0x1B',
  '9999999999TiB',
  'on',
];
const BAD_PATHS = ['', 'relative/path', './x', '../x', '/srv/../etc', '/srv/..', '~other/x', 'file:///srv/x', ' /srv'];
const BAD_CRONS = [
  '',
  '* * * *',
  '99 * * * *',
  '* * * * * * * *',
  '0 0 30 2 *',
  'daily',
  ' 17 4 * * *',
  '17 4 * * mondey',
  '*/0 * * * *',
];

export const SETTINGS: readonly SettingValues[] = [
  {
    path: 'maxAge',
    good: ['30d', '25h', ['1d', '1d'], ['36525d', '36525d'], 'never', ['1w', '7d'], ['1ms', '1ms']],
    bad: [...BAD_AGES, ...MORE_BAD_AGES, 'Never', 'off', 'null'],
  },
  { path: 'minAge', good: ['1h', ['60m', '1h'], '2d'], bad: [...BAD_AGES, '59m', '3599999ms', 'never'] },
  { path: 'sessions.maxAge', good: ['90m', 'never'], bad: BAD_AGES },
  { path: 'trash.keep', good: ['14d', '1s'], bad: [...BAD_AGES, 'never'] },
  { path: 'runDeadline', good: ['24d', '1s'], bad: [...BAD_AGES, '25d', 'never'] },
  { path: 'schedule.jitter', good: ['1ms', '24d'], bad: [...BAD_AGES, '25d'] },
  {
    path: 'maxTotalBytes',
    good: [
      'off',
      ['1B', '1B (1 B)'],
      ['50GiB', '53687091200B (50.0 GiB)'],
      ['9007199254740991B', '9007199254740991B (8192 TiB)'],
    ],
    bad: BAD_SIZES,
  },
  { path: 'keepLast', good: ['0', '1000000', ['007', '7']], bad: BAD_COUNTS },
  { path: 'sessions.onlyThisHost', good: ['true', 'false'], bad: ['', 'yes', '1', 'TRUE', 'on', ' true', 'null'] },
  { path: 'sweep.dangling', good: ['false'], bad: ['', 'no', '0', 'False', 'true '] },
  {
    path: 'sessions.defaultForge',
    good: ['github', 'git.example.com'],
    bad: ['', 'a:b', 'a b', 'a\tb', 'a\nb', 'a\u001bb', 'x'.repeat(101)],
  },
  { path: 'logLevel', good: ['silent', 'trace'], bad: ['', 'INFO', 'lout', 'verbose', '30', 'info '] },
  {
    path: 'listen',
    good: ['off', '127.0.0.1:0', '[::1]:9842', 'localhost:65535'],
    bad: [
      '',
      '9842',
      ':9842',
      'localhost',
      'localhost:',
      'localhost:65536',
      'localhost:-1',
      '::1:80',
      'http://localhost:80',
      'localhost:80/x',
      'a b:80',
      'localhost:0x50',
    ],
  },
  { path: 'schedule.prune', good: ['17 4 * * *', '*/5 * * * *', '@daily'], bad: BAD_CRONS },
  { path: 'schedule.sweep', good: ['0 0 29 2 *'], bad: BAD_CRONS.slice(0, 5) },
  { path: 'schedule.purge', good: ['0 12 * * MON'], bad: BAD_CRONS.slice(3) },
  {
    path: 'schedule.timeZone',
    good: ['Europe/Berlin', 'UTC'],
    bad: ['', 'Mars/Olympus_Mons', 'Europe/', 'Berlin', 'local', '../etc/localtime'],
  },
  { path: 'sessions.db', good: ['/srv/host.db'], bad: BAD_PATHS },
  { path: 'stateDir', good: ['/srv/state'], bad: BAD_PATHS },
  {
    path: 'claudeDir',
    good: ['/srv/claude', '/srv/a:/srv/b'],
    bad: [...BAD_PATHS, '/srv/a:', ':/srv/a', '/srv/a::/srv/b', '/srv/a:b'],
  },
  {
    path: 'projects',
    good: ['[]', ['[{"match":"a*","maxAge":"2d"}]', '[{"match":"a*","maxAge":"2d"}]']],
    bad: [
      '',
      '{}',
      '[',
      '[1]',
      '[null]',
      '[{}]',
      '[{"match":""}]',
      '[{"match":["a"]}]',
      '[{"match":"a","maxage":"1d"}]',
      '[{"match":"a","maxAge":"30 dogs"}]',
      '[{"match":"a","maxAge":0}]',
      '[{"match":"a","keepLast":-1}]',
      '[{"match":"a","keepLast":1.5}]',
      '[{"match":"a","match":"b"}]',
      '[{"match":"a","__proto__":{"maxAge":"1d"}}]',
      'null',
      '"-srv-*"',
      '[[{"match":"a"}]]',
      '[{"match":"a"}] x',
    ],
  },
];

const ORIGINS = ['flag', 'environment', 'yaml', 'json'] as const;
export type Origin = (typeof ORIGINS)[number];

const words = (path: string) => path.split(/\.|(?=[A-Z])/).map((word) => word.toLowerCase());
export const flagOf = (path: string) => `--${words(path).join('-')}`;
export const variableOf = (path: string) => `SWEEPER_${words(path).join('_').toUpperCase()}`;

export function settingCases(): InputCase[] {
  return SETTINGS.flatMap(({ path, good, bad }, index) => [
    ...bad.flatMap((value, at) => originsFor(path, index + at, value).map((origin) => refused(path, value, origin))),
    ...good.flatMap((value, at) =>
      originsFor(path, index + at)
        .slice(0, 2)
        .map((origin) => accepted(path, value, origin)),
    ),
  ]);
}

/** The retention that matters most from everywhere; of the others each value from one place, turn by turn. */
function originsFor(path: string, turn: number, value = ''): readonly Origin[] {
  // Repeated as a flag, each directory is a path of its own, in which a colon is one.
  if (path === 'claudeDir' && value.includes(':')) return ['environment'];
  return path === 'maxAge' ? ORIGINS : [ORIGINS[turn % ORIGINS.length] ?? 'flag'];
}

function refused(path: string, value: string, origin: Origin): InputCase {
  return {
    name: `${path} ${JSON.stringify(value.slice(0, 40))} from ${origin}`,
    ...from(path, value, origin),
    codes: [78],
    names: [nameOf(path), shownPattern(value)],
  };
}

/** A cross-check names the setting as the file does, and the value in its shortest form. */
function nameOf(path: string): RegExp {
  return new RegExp([path, flagOf(path), variableOf(path)].map(escapePattern).join('|'));
}

function shownPattern(value: string): RegExp {
  if (value === '3599999ms' || /^\d+[dm]$/.test(value)) return new RegExp(escapePattern(value));
  // A list out of a file is shown as what it holds, not as its text.
  return value.startsWith('[') || value.startsWith('{') ? /[[{]/ : new RegExp(`"?${escapePattern(quoted(value))}`);
}

function quoted(value: string): string {
  return JSON.stringify(value.slice(0, 100)).slice(1, -1).replaceAll('\u007f', '\\u007f');
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function accepted(path: string, value: SettingValues['good'][number], origin: Origin): InputCase {
  const [text, shown] = typeof value === 'string' ? [value, value] : value;
  const layer = { flag: 'flag', environment: 'environment', yaml: 'file', json: 'file' }[origin];
  return {
    name: `good: ${path} ${JSON.stringify(text)} from ${origin}`,
    ...from(path, text, origin),
    codes: [0],
    shows: (stdout) => {
      const { settings } = JSON.parse(stdout) as { settings: { setting: string; value: string; origin: string }[] };
      const found = settings.find((one) => one.setting === path);
      return found?.value === shown && found.origin === layer;
    },
  };
}

function from(path: string, value: string, origin: Origin): Pick<InputCase, 'args' | 'environment' | 'prepare'> {
  const command = ['check-config', '--json'];
  // The two directories come from the environment otherwise, which would go before the file.
  const own = path === 'claudeDir' || path === 'stateDir' ? { [variableOf(path)]: undefined } : {};
  if (origin === 'flag') return { args: [...command, `${flagOf(path)}=${value}`] };
  if (origin === 'environment') return { args: command, environment: { [variableOf(path)]: value } };
  const document = nested(path, path === 'projects' ? parsedOr(value) : value);
  const text = origin === 'json' ? JSON.stringify(document, undefined, 1) : toYaml(document);
  return {
    args: [...command, '--config', '{place}/config'],
    environment: own,
    prepare: ({ directory }) => writeFileSync(join(directory, 'config'), text),
  };
}

/** In a file the list stands as such, wherever its text is one. */
function parsedOr(value: string): unknown {
  try {
    // What JSON.parse would hide is to be seen in the file as it stands.
    if (!/match.*match|__proto__/.test(value)) return JSON.parse(value);
  } catch {
    // Then it is a text, which is no list.
  }
  return value;
}

function nested(path: string, value: unknown): object {
  const keys = path.split('.');
  return keys.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as object;
}

function toYaml(document: object, indent = ''): string {
  return Object.entries(document)
    .map(([key, value]) => {
      if (typeof value === 'object' && value !== null && !Array.isArray(value))
        return `${indent}${key}:\n${toYaml(value, `${indent}  `)}`;
      return `${indent}${key}: ${JSON.stringify(value)}\n`;
    })
    .join('');
}
