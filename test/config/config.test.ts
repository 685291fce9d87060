import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { DEFAULT_CLASS_AGES } from '../../src/config/class-ages.ts';
import type { ConfigSources, Origin, ResolvedConfig } from '../../src/config/config.ts';
import {
  flagOf,
  SETTING_PATHS,
  type SettingPath,
  type Settings,
  settingTable,
  variableOf,
} from '../../src/config/settings.ts';
import { showSources } from '../../src/config/source-settings.ts';
import { SYSTEM_TIME_ZONE } from '../../src/config/values.ts';
import { ConfigError } from '../../src/errors.ts';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import { resolveConfig } from '../support/resolved-config.ts';
import { tempDir } from '../support/temp-dir.ts';

const HOME = '/home/ada';
const FILE_PATH = '/etc/sweeper.yaml';
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

interface Given {
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly environment?: Readonly<Record<string, string>>;
  /** Text of the file, or its content. */
  readonly file?: string | object;
  readonly home?: string;
}

function resolve({ flags = {}, environment = {}, file, home = HOME }: Given): ResolvedConfig {
  const sources: ConfigSources = { flags, environment, home };
  if (file === undefined) return resolveConfig(sources);
  const text = typeof file === 'string' ? file : JSON.stringify(file);
  return resolveConfig({ ...sources, file: { path: FILE_PATH, text } });
}

it('tells a default that somebody has said from one that nobody has', () => {
  const ages = [{}, { flags: { 'sessions.maxAge': '30d' } }, { file: 'sessions: {maxAge: 30d}' }].map((given) => {
    const { 'sessions.maxAge': ageMs, setsRowAge } = resolve(given).config;
    return [ageMs, setsRowAge];
  });
  expect(ages).toEqual([false, true, true].map((isSaid) => [30 * DAY_MS, isSaid]));
});

/** What is wrong with it; every test that calls this fails where nothing is. */
function faultsOf(given: Given): readonly string[] {
  try {
    resolve(given);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(EXIT_CODES[error.kind]).toBe(78);
    for (const fault of error.faults) expect(error.message).toContain(fault);
    return error.faults;
  }
  throw new Error('nothing was found to be wrong');
}

/** `('trash.keep', '7d')` → `{trash: {keep: '7d'}}` */
function nested(path: string, value: unknown): object {
  return path.split('.').reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as object;
}

interface Sample<T> {
  /** What stands there, and what it means. */
  readonly flag: readonly [unknown, T];
  readonly environment: readonly [string, T];
  readonly file: readonly [unknown, T];
  readonly default: T;
}

function textSample<T>(flag: [string, T], environment: [string, T], file: [string, T], byDefault: T): Sample<T> {
  return { flag, environment, file, default: byDefault };
}

const booleanSample = (byDefault: boolean): Sample<boolean> => ({
  flag: [!byDefault, !byDefault],
  environment: [String(!byDefault), !byDefault],
  file: [!byDefault, !byDefault],
  default: byDefault,
});

const cronSample = (byDefault: string): Sample<string> =>
  textSample(['1 1 * * *', '1 1 * * *'], ['2 2 * * *', '2 2 * * *'], ['3 3 * * *', '3 3 * * *'], byDefault);

const durationSample = (byDefault: number): Sample<number> =>
  textSample(['90m', 90 * MINUTE_MS], ['2d', 2 * DAY_MS], ['3w', 21 * DAY_MS], byDefault);

/** A setting that is not listed here does not compile. */
const SAMPLES: { readonly [P in SettingPath]: Sample<Settings[P]> } = {
  claudeDir: {
    flag: [
      ['/srv/a', '~/b'],
      ['/srv/a', '/home/ada/b'],
    ],
    environment: ['/srv/c:/srv/d/', ['/srv/c', '/srv/d']],
    file: [['/srv/e'], ['/srv/e']],
    default: ['/home/ada/.claude'],
  },
  stateDir: textSample(
    ['/var/a', '/var/a'],
    ['~/state', '/home/ada/state'],
    ['/var//b/', '/var/b'],
    '/home/ada/.local/state/claude-session-sweeper',
  ),
  'sessions.db': textSample(
    ['/var/a.db', '/var/a.db'],
    ['/var/b.db', '/var/b.db'],
    ['/var/c.db', '/var/c.db'],
    '/home/ada/.local/state/claude-session-sweeper/sessions.db',
  ),
  sources: {
    flag: [
      '[{"kind":"json-map","name":"bot","path":"~/bot.json"}]',
      [{ kind: 'json-map', name: 'bot', path: '/home/ada/bot.json' }],
    ],
    environment: [
      '- {kind: keep-list, name: vips, path: /srv/vips, lasting: false}',
      [{ kind: 'keep-list', name: 'vips', path: '/srv/vips', lasting: false }],
    ],
    file: [
      [{ kind: 'resume-map', name: 'second', db: '/srv/second.db', required: 'true' }],
      [{ kind: 'resume-map', name: 'second', db: '/srv/second.db', required: true }],
    ],
    default: [],
  },
  'sessions.maxAge': { ...durationSample(30 * DAY_MS), environment: ['never', 'never'] },
  'sessions.onlyThisHost': booleanSample(false),
  'sessions.defaultForge': textSample(['github', 'github'], ['gitea', 'gitea'], ['gitlab', 'gitlab'], 'forgejo'),
  maxAge: { ...durationSample(30 * DAY_MS), flag: ['never', 'never'] },
  minAge: durationSample(DAY_MS),
  maxTotalBytes: textSample<Settings['maxTotalBytes']>(
    ['off', 'off'],
    ['500MB', 500_000_000],
    ['50GiB', 50 * 2 ** 30],
    'off',
  ),
  minFree: textSample<Settings['minFree']>(['off', 'off'], ['1GB', 1_000_000_000], ['2GiB', 2 * 2 ** 30], 'off'),
  'sessions.store': {
    flag: [
      ['/srv/a.db', '~/b.db'],
      ['/srv/a.db', '/home/ada/b.db'],
    ],
    environment: ['/srv/c.db:/srv/d.db', ['/srv/c.db', '/srv/d.db']],
    file: [['/srv/e.db'], ['/srv/e.db']],
    default: [],
  },
  'sessions.sharedStores': {
    flag: ['[{"url":"postgres://a@b/c","onlyThisHost":true}]', [{ url: 'postgres://a@b/c', onlyThisHost: true }]],
    environment: [
      '- {url: "postgres://a@b/c", readAs: python, onlyThisHost: true}',
      [{ url: 'postgres://a@b/c', readAs: 'python', onlyThisHost: true }],
    ],
    file: [
      [{ url: 'postgres://a@b/c', passwordFile: '~/password', table: 'bot.entries', onlyThisHost: 'true' }],
      [{ url: 'postgres://a@b/c', passwordFile: '/home/ada/password', table: 'bot.entries', onlyThisHost: true }],
    ],
    default: [],
  },
  keepNamed: booleanSample(false),
  shield: textSample<Settings['shield']>(['off', 'off'], ['all', 'all'], ['wanted', 'wanted'], 'wanted'),
  keepLast: { flag: ['3', 3], environment: ['4', 4], file: [5, 5], default: 0 },
  classes: {
    flag: ['{"sdk":{"maxAge":"7d"}}', { ...DEFAULT_CLASS_AGES, sdk: 7 * DAY_MS }],
    environment: ['{desktop: {maxAge: 90d}}', { ...DEFAULT_CLASS_AGES, desktop: 90 * DAY_MS }],
    file: [{ cli: { maxAge: 'never' } }, { ...DEFAULT_CLASS_AGES, cli: 'never' }],
    default: { desktop: 'never', metadata: 7 * DAY_MS },
  },
  notice: textSample<Settings['notice']>(['off', 'off'], ['3d', 3 * DAY_MS], ['12h', DAY_MS / 2], 'off'),
  massPortion: { flag: ['10%', 0.1], environment: ['100%', 1], file: ['1%', 0.01], default: 0.25 },
  projects: {
    flag: ['[{"match":"a*","maxAge":"7d"}]', [{ match: 'a*', maxAge: 7 * DAY_MS }]],
    environment: ['[{"match":"b","keepLast":2}]', [{ match: 'b', keepLast: 2 }]],
    file: [[{ match: 'c', maxAge: 'never', keepLast: '9' }], [{ match: 'c', maxAge: 'never', keepLast: 9 }]],
    default: [],
  },
  'trash.keep': durationSample(7 * DAY_MS),
  'trash.keepAtLeast': durationSample(DAY_MS),
  'sweep.dangling': booleanSample(true),
  'schedule.prune': cronSample('17 4 * * *'),
  'schedule.sweep': cronSample('7 * * * *'),
  'schedule.purge': cronSample('47 4 * * *'),
  'schedule.timeZone': textSample(
    ['Europe/Berlin', 'Europe/Berlin'],
    ['America/New_York', 'America/New_York'],
    ['Asia/Kolkata', 'Asia/Kolkata'],
    SYSTEM_TIME_ZONE,
  ),
  'schedule.jitter': durationSample(2 * MINUTE_MS),
  runDeadline: durationSample(2 * HOUR_MS),
  'metrics.textfile': textSample(
    ['/f/x.prom', '/f/x.prom'],
    ['~/x.prom', '/home/ada/x.prom'],
    ['/x.prom', '/x.prom'],
    'off',
  ),
  hooks: {
    flag: ['{"after":["/bin/true","-x"]}', { after: ['/bin/true', '-x'] }],
    environment: ['{before: [notify], timeout: 5s}', { before: ['notify'], timeout: 5_000 }],
    file: [{ onHeld: ['/bin/mail', 'ops'] }, { onHeld: ['/bin/mail', 'ops'] }],
    default: {},
  },
  'ping.url': textSample(
    ['https://a/b', 'https://a/b'],
    ['http://c', 'http://c'],
    ['https://d/?e=1', 'https://d/?e=1'],
    'off',
  ),
  'webhook.url': textSample(['https://a/b', 'https://a/b'], ['http://c', 'http://c'], ['off', 'off'], 'off'),
  listen: textSample<Settings['listen']>(
    ['off', 'off'],
    ['0.0.0.0:80', { host: '0.0.0.0', port: 80 }],
    ['[::1]:65535', { host: '::1', port: 65_535 }],
    { host: '127.0.0.1', port: 9_842 },
  ),
  'http.token': textSample(
    ['0123456789abcdef', '0123456789abcdef'],
    ['fedcba9876543210', 'fedcba9876543210'],
    ['off', 'off'],
    'off',
  ),
  'http.tokenFile': textSample(['/a', '/a'], ['~/b', '/home/ada/b'], ['off', 'off'], 'off'),
  'http.tls': {
    flag: ['{"cert":"/a.pem","key":"~/a.key"}', { cert: '/a.pem', key: '/home/ada/a.key' }],
    environment: ['off', 'off'],
    file: [
      { cert: '/b.pem', key: '/b.key' },
      { cert: '/b.pem', key: '/b.key' },
    ],
    default: 'off',
  },
  'http.details': textSample<Settings['http.details']>(
    ['always', 'always'],
    ['never', 'never'],
    ['loopback', 'loopback'],
    'loopback',
  ),
  'http.hosts': {
    flag: [
      ['A.example', 'b'],
      ['a.example', 'b'],
    ],
    environment: ['c.example,d', ['c.example', 'd']],
    file: [['e'], ['e']],
    default: [],
  },
  logLevel: textSample<Settings['logLevel']>(['debug', 'debug'], ['warn', 'warn'], ['silent', 'silent'], 'info'),
  logFormat: textSample<Settings['logFormat']>(['json', 'json'], ['text', 'text'], ['journal', 'journal'], 'auto'),
};

describe('where a value comes from', () => {
  const layerSets: readonly (readonly Exclude<Origin, 'default'>[])[] = [
    [],
    ['file'],
    ['environment'],
    ['environment', 'file'],
    ['flag'],
    ['flag', 'file'],
    ['flag', 'environment'],
    ['flag', 'environment', 'file'],
  ];

  it.each(SETTING_PATHS)(
    '%s: a flag goes before the environment, that before the file, that before the default',
    (path) => {
      const sample: Sample<unknown> = SAMPLES[path];
      for (const layers of layerSets) {
        const { config, origins } = resolve({
          ...(layers.includes('flag') ? { flags: { [path]: sample.flag[0] } } : {}),
          ...(layers.includes('environment') ? { environment: { [variableOf(path)]: sample.environment[0] } } : {}),
          ...(layers.includes('file') ? { file: nested(path, sample.file[0]) } : {}),
        });
        const [first] = layers;
        expect(origins[path]).toBe(first ?? 'default');
        expect(config[path]).toEqual(first === undefined ? sample.default : sample[first][1]);
      }
    },
  );

  it('takes every setting at once from a YAML file, and the same from a JSON file', () => {
    const content: Record<string, unknown> = {};
    for (const path of SETTING_PATHS) {
      const [group, key] = path.split('.');
      if (group !== undefined && key !== undefined) {
        content[group] = { ...(content[group] as object | undefined), [key]: SAMPLES[path].file[0] };
      } else content[path] = SAMPLES[path].file[0];
    }
    const expected = Object.fromEntries(SETTING_PATHS.map((path) => [path, SAMPLES[path].file[1]]));
    for (const text of [stringify(content), JSON.stringify(content), JSON.stringify(content, null, 2)]) {
      const { config, origins } = resolve({ file: text });
      expect(config).toEqual({
        ...expected,
        ownsSessionsDb: false,
        mayClaudeDirBeMissing: false,
        setsRowAge: true,
        formerStateDir: undefined,
      });
      expect(new Set(Object.values(origins))).toEqual(new Set(['file']));
    }
  });

  it('takes an empty file, and one of comments alone, for no settings', () => {
    for (const file of ['', '\n', '# nothing yet\n', '{}']) {
      expect(resolve({ file }).config).toEqual(resolve({}).config);
    }
  });

  it('gives every setting a flag and a variable of its own, made from its place in the file', () => {
    expect([flagOf('trash.keep'), variableOf('trash.keep')]).toEqual(['--trash-keep', 'SWEEPER_TRASH_KEEP']);
    expect([flagOf('sessions.onlyThisHost'), variableOf('sessions.onlyThisHost')]).toEqual([
      '--sessions-only-this-host',
      'SWEEPER_SESSIONS_ONLY_THIS_HOST',
    ]);
    for (const nameOf of [flagOf, variableOf]) {
      expect(new Set(SETTING_PATHS.map(nameOf)).size).toBe(SETTING_PATHS.length);
    }
  });

  it('leaves variables of other programs, and the one that names the file, alone', () => {
    const environment = { PATH: '/bin', MAX_AGE: '1d', sweeper_max_age: '1d', SWEEPER_CONFIG: '/x.yaml' };
    expect(resolve({ environment }).config).toEqual(resolve({}).config);
  });
});

describe('the default directories', () => {
  it('are those that Claude Code and the XDG specification use', () => {
    const { config } = resolve({ environment: { CLAUDE_CONFIG_DIR: '/srv/claude', XDG_STATE_HOME: '/srv/state' } });
    expect(config.claudeDir).toEqual(['/srv/claude']);
    expect(config.stateDir).toBe('/srv/state/claude-session-sweeper');
    expect(config['sessions.db']).toBe('/srv/state/claude-session-sweeper/sessions.db');
  });

  it('put CLAUDE_HOOKS_STATE_DIR before XDG_STATE_HOME', () => {
    const environment = { CLAUDE_HOOKS_STATE_DIR: '/srv/hooks', XDG_STATE_HOME: '/srv/state' };
    expect(resolve({ environment }).config.stateDir).toBe('/srv/hooks');
  });

  it('take empty variables for unset ones, and a relative XDG_STATE_HOME for none, as its specification says', () => {
    const environment = { CLAUDE_CONFIG_DIR: '', CLAUDE_HOOKS_STATE_DIR: '', XDG_STATE_HOME: 'state' };
    expect(resolve({ environment }).config).toEqual(resolve({}).config);
  });

  it('refuse a relative CLAUDE_HOOKS_STATE_DIR', () => {
    const [fault, ...more] = faultsOf({ environment: { CLAUDE_HOOKS_STATE_DIR: 'hooks' } });
    expect(fault).toMatch(/CLAUDE_HOOKS_STATE_DIR.*"hooks"/);
    expect(more).toEqual([]);
  });

  it('follow the state directory with the resume map, wherever that comes from', () => {
    expect(resolve({ flags: { stateDir: '/var/a' } }).config['sessions.db']).toBe('/var/a/sessions.db');
    expect(resolve({ file: { stateDir: '/var/b' } }).config['sessions.db']).toBe('/var/b/sessions.db');
  });

  it('make the resume map ours only where nobody named one, not even by the default name', () => {
    expect(resolve({}).config.ownsSessionsDb).toBe(true);
    const path = `${HOME}/.local/state/claude-session-sweeper/sessions.db`;
    expect(resolve({ flags: { 'sessions.db': path } }).config.ownsSessionsDb).toBe(false);
    expect(resolve({ file: nested('sessions.db', path) }).config.ownsSessionsDb).toBe(false);
    expect(resolve({ environment: { SWEEPER_SESSIONS_DB: path } }).config.ownsSessionsDb).toBe(false);
  });
});

describe('a value that means nothing', () => {
  const HOSTILE = ['', '0', '-1', 'NaN', '1e400', '0x10', ' 5 ', '30 dogs'] as const;
  const AMOUNTS: readonly SettingPath[] = [
    'maxAge',
    'minAge',
    'sessions.maxAge',
    'trash.keep',
    'schedule.jitter',
    'runDeadline',
    'maxTotalBytes',
    'keepLast',
  ];
  /** Keeping the last 0 sessions of a project is the default. */
  const isRefused = (path: SettingPath, value: string) => !(path === 'keepLast' && value === '0');

  it.each(AMOUNTS)('%s: is refused, with its key and value named, wherever it stands', (path) => {
    for (const value of HOSTILE.filter((candidate) => isRefused(path, candidate))) {
      const named = (key: string) => expect.stringContaining(`${key}: ${JSON.stringify(value)}`);
      expect(faultsOf({ flags: { [path]: value } })).toEqual([named(flagOf(path))]);
      expect(faultsOf({ environment: { [variableOf(path)]: value } })).toEqual([named(variableOf(path))]);
      expect(faultsOf({ file: nested(path, value) })).toEqual([named(`${FILE_PATH}: ${path}`)]);
    }
  });

  it.each(AMOUNTS)('%s: is refused as a number of the file, too', (path) => {
    const numbers = ['-1', '1e400', '.nan', '0.5', 'null', '0x10', 'true', ...(path === 'keepLast' ? [] : ['0', '5'])];
    const all = [...numbers.map((written) => [written, JSON.stringify(written)] as const), ['[]', '[]'] as const];
    for (const [written, shown] of all) {
      const keys = path.split('.');
      const file = `${keys.map((key, depth) => `${'  '.repeat(depth)}${key}:`).join('\n')} ${written}\n`;
      expect(faultsOf({ file })).toEqual([expect.stringContaining(`${path}: ${shown}`)]);
    }
  });

  const NONSENSE: readonly (readonly [SettingPath, string])[] = [
    ['claudeDir', ''],
    ['claudeDir', 'relative/dir'],
    ['claudeDir', '/srv/a:'],
    ['claudeDir', '/srv/../etc'],
    ['claudeDir', '/srv/a:b'],
    ['claudeDir', '/srv/a\0b'],
    ['stateDir', ''],
    ['stateDir', '.'],
    ['stateDir', './state'],
    ['stateDir', '/srv/..'],
    ['stateDir', '~ada/state'],
    ['sessions.db', ''],
    ['sessions.db', 'sessions.db'],
    ['sessions.db', '/srv/../sessions.db'],
    ['sessions.db', ':memory:'],
    ['sessions.db', 'file:/srv/sessions.db'],
    ['sessions.onlyThisHost', 'yes'],
    ['sessions.onlyThisHost', '1'],
    ['sessions.onlyThisHost', ''],
    ['sweep.dangling', 'False'],
    ['sessions.defaultForge', ''],
    ['sessions.defaultForge', 'a:b'],
    ['sessions.defaultForge', 'a b'],
    ['minAge', 'never'],
    ['keepLast', '1000001'],
    ['keepLast', '1.0'],
    ['projects', '{'],
    ['projects', '{}'],
    ['projects', '[1]'],
    ['projects', '[{"match":""}]'],
    ['projects', '[{"maxAge":"1d"}]'],
    ['projects', '[{"match":"a","maxage":"1d"}]'],
    ['projects', '[{"match":"a","maxAge":"30 dogs"}]'],
    ['projects', '[{"match":"a","keepLast":-1}]'],
    ['schedule.prune', ''],
    ['schedule.prune', ' 17 4 * * *'],
    ['schedule.timeZone', ''],
    ['schedule.timeZone', 'Mars/Olympus_Mons'],
    ['hooks', '{"after":"/bin/true"}'],
    ['hooks', '{"after":[]}'],
    ['hooks', '{"after":["./notify"]}'],
    ['hooks', '{"after":[""]}'],
    ['hooks', '{"later":["/bin/true"]}'],
    ['hooks', '{"timeout":"11m"}'],
    ['metrics.textfile', '/f/x'],
    ['metrics.textfile', 'x.prom'],
    ['metrics.textfile', '/f/../x.prom'],
    ['metrics.textfile', ''],
    ['listen', ''],
    ['listen', '9842'],
    ['listen', 'localhost'],
    ['listen', 'localhost:'],
    ['listen', 'localhost:65536'],
    ['listen', 'localhost:-1'],
    ['listen', '::1:80'],
    ['listen', 'http://localhost:80'],
    ['http.tokenFile', 'token'],
    ['http.tls', '{"cert":"/a.pem"}'],
    ['http.tls', '{"cert":"a.pem","key":"/a.key"}'],
    ['http.tls', 'on'],
    ['http.details', 'yes'],
    ['http.hosts', ''],
    ['http.hosts', 'a:80'],
    ['http.hosts', 'a,,b'],
    ['http.hosts', 'https://a'],
    ['logLevel', 'INFO'],
    ['logLevel', 'verbose'],
  ];

  it.each([
    ['ping.url', 'ftp://s3cret'],
    ['ping.url', 's3cret'],
    ['ping.url', 'https://me:s3cret@a/b'],
    ['ping.url', 'https://s3 cret'],
    ['webhook.url', ''],
    ['webhook.url', 'https://'],
  ] as const)('%s: a secret that is wrong is refused, and not shown: %j', (path, value) => {
    const faults = faultsOf({ environment: { [variableOf(path)]: value } });
    expect(faults).toEqual([
      `${variableOf(path)}: expected an address that begins with https:// or http:// and names no user, or off`,
    ]);
  });

  it.each(['', 'tooshort', 's3cret with white space', 's3crét-s3crét-s3crét'])(
    'http.token: a token that is none is refused, and not shown: %j',
    (value) => {
      const faults = faultsOf({ environment: { SWEEPER_HTTP_TOKEN: value } });
      expect(faults).toEqual(['SWEEPER_HTTP_TOKEN: expected 16 characters at least, without white space, or off']);
    },
  );

  it('refuses a token beside a file with one', () => {
    const environment = { SWEEPER_HTTP_TOKEN: 's3cret-s3cret-s3cret', SWEEPER_HTTP_TOKEN_FILE: '/run/token' };
    expect(faultsOf({ environment })).toEqual(['http.tokenFile: there is http.token as well; give one of them']);
  });

  it.each(NONSENSE)('%s: %j is refused, and named', (path, value) => {
    const faults = faultsOf({ environment: { [variableOf(path)]: value } });
    expect(faults).toEqual([expect.stringContaining(`${variableOf(path)}: ${JSON.stringify(value)}`)]);
  });

  it('is refused where the file has a text for a list, a list for a text, or a group for a value', () => {
    expect(faultsOf({ file: { claudeDir: ['/srv/a', 7] } })).toEqual([expect.stringContaining('["/srv/a","7"]')]);
    expect(faultsOf({ file: { claudeDir: [] } })).toEqual([expect.stringContaining('claudeDir: []')]);
    expect(faultsOf({ file: { stateDir: ['/srv/a'] } })).toEqual([expect.stringContaining('stateDir: ["/srv/a"]')]);
    expect(faultsOf({ file: nested('trash.keep', { days: 7 }) })).toEqual([
      expect.stringContaining('trash.keep: {"days":"7"}'),
    ]);
  });
});

describe('an unknown key', () => {
  it.each(SETTING_PATHS)('%s: misspelt in the environment or the file, is refused with the right one', (path) => {
    const misspell = (name: string) => `${name.slice(0, -2)}${name.slice(-1)}`;
    const variable = misspell(variableOf(path));
    expect(faultsOf({ environment: { [variable]: 'x' } })).toEqual([
      `${variable}: there is no such setting; did you mean ${variableOf(path)}?`,
    ]);
    const [name = '', ...groups] = path.split('.').reverse();
    const misspelt = [...groups, misspell(name)].join('.');
    expect(faultsOf({ file: nested(misspelt, 'x') })).toEqual([
      `${FILE_PATH}: ${misspelt}: there is no such setting; did you mean ${path}?`,
    ]);
  });

  it.each([
    ['another case', { maxage: '7d' }, 'maxage', 'maxAge'],
    ['the name of the flag', { 'trash-keep': '7d' }, 'trash-keep', 'trash.keep'],
    ['a group for a value', { trash: '7d' }, 'trash', 'trash.keep'],
    ['a name that every object has', { constructor: '7d' }, 'constructor', undefined],
  ])('in the file is refused: %s', (_name, file, key, suggestion) => {
    expect(faultsOf({ file })).toEqual([
      expect.stringContaining(`${key}: there is no such setting; did you mean ${suggestion ?? ''}`),
    ]);
  });

  it('is refused even where its name is __proto__, and changes no object', () => {
    expect(faultsOf({ file: '{"__proto__": {"maxAge": "1d"}}' })).toEqual([expect.stringContaining('__proto__')]);
    expect(Object.hasOwn(Object.prototype, 'maxAge')).toBe(false);
  });
});

describe('a file that cannot be read as settings', () => {
  it.each([
    ['a list', '- maxAge: 7d'],
    ['a single word', 'maxAge'],
    ['a key that is there twice', 'maxAge: 7d\nmaxAge: 8d'],
    ['a key that is there twice in a group', 'trash:\n  keep: 7d\n  keep: 8d'],
    ['two documents', 'maxAge: 7d\n---\nmaxAge: 8d'],
    ['JSON that was cut off', '{"maxAge": "7d"'],
    ['a tab for an indent', 'trash:\n\tkeep: 7d'],
    ['binary', '\u0000\u0001\u0002'],
  ])('is refused, and named: %s', (_name, file) => {
    expect(faultsOf({ file })).toEqual(expect.arrayContaining([expect.stringMatching(/^\/etc\/sweeper\.yaml: .+/)]));
  });

  it('says where', () => {
    expect(faultsOf({ file: 'minAge: 2d\nmaxAge: 7d\nmaxAge: 8d' })).toEqual([expect.stringContaining('line 3')]);
  });
});

describe('values that do not go together', () => {
  it('a minAge under an hour is refused, and an hour is the least', () => {
    for (const minAge of ['1ms', '59m', '3599s']) {
      expect(faultsOf({ flags: { minAge } })).toEqual([expect.stringContaining(minAge)]);
    }
    expect(resolve({ flags: { minAge: '60m' } }).config.minAge).toBe(HOUR_MS);
  });

  const REFUSED: readonly (readonly [string, Readonly<Record<string, unknown>>, readonly string[]])[] = [
    ['one Claude directory in another', { claudeDir: ['/srv/a', '/srv/a/b'] }, ['/srv/a/b lies in /srv/a']],
    [
      'the same Claude directory twice',
      { claudeDir: ['/srv/a', '/srv/a/'] },
      ['/srv/a lies in /srv/a', '/srv/a lies in /srv/a'],
    ],
    [
      'the state directory in a Claude directory',
      { claudeDir: ['/srv/a'], stateDir: '/srv/a/state' },
      ['stateDir: /srv/a/state', 'sessions.db: /srv/a/state/sessions.db'],
    ],
    [
      'the state directory in the second Claude directory',
      { claudeDir: ['/srv/a', '/srv/b'], stateDir: '/srv/b/state', 'sessions.db': '/var/x.db' },
      ['stateDir: /srv/b/state'],
    ],
    [
      'the same directory for both',
      { claudeDir: ['/srv/a'], stateDir: '/srv/a', 'sessions.db': '/var/x.db' },
      ['stateDir: /srv/a', 'claudeDir: /srv/a must not lie in the state directory'],
    ],
    [
      'a Claude directory in the state directory',
      { claudeDir: ['/srv/state/claude'], stateDir: '/srv/state' },
      ['/srv/state/claude must not lie in the state directory /srv/state'],
    ],
    [
      'the resume map in a Claude directory',
      { claudeDir: ['/srv/a'], 'sessions.db': '/srv/a/projects/sessions.db' },
      ['sessions.db: /srv/a/projects/sessions.db'],
    ],
    [
      'the root of the file system',
      { claudeDir: ['/'] },
      ['must not lie in the Claude directory /', 'must not lie in the Claude directory /'],
    ],
    [
      'the home directory, which holds the default state directory',
      { claudeDir: [HOME] },
      [`must not lie in the Claude directory ${HOME}`, `must not lie in the Claude directory ${HOME}`],
    ],
  ];

  it.each(REFUSED)('%s: is refused', (_name, flags, expected) => {
    expect(faultsOf({ flags })).toEqual(expected.map((part) => expect.stringContaining(part)));
  });

  it('the configuration file in a Claude directory is refused', () => {
    const faults = faultsOf({ file: '', flags: { claudeDir: ['/etc'] } });
    expect(faults).toEqual([expect.stringContaining(FILE_PATH)]);
  });

  it('names that only begin alike are not within one another', () => {
    const flags = { claudeDir: ['/srv/claude', '/srv/claude-2'], stateDir: '/srv/claude.state' };
    expect(resolve({ flags }).config.claudeDir).toEqual(['/srv/claude', '/srv/claude-2']);
  });

  it('no symlink hides that one thing lies in another, be it there already or not', () => {
    const root = tempDir();
    mkdirSync(join(root, 'claude'));
    symlinkSync(join(root, 'claude'), join(root, 'elsewhere'));
    const claudeDir = [join(root, 'claude')];
    const stateDir = join(root, 'elsewhere', 'not', 'there', 'yet');
    expect(faultsOf({ flags: { claudeDir, stateDir } })).toEqual([
      expect.stringContaining(`stateDir: ${stateDir}`),
      expect.stringContaining('sessions.db'),
    ]);
    expect(faultsOf({ flags: { claudeDir: [...claudeDir, join(root, 'elsewhere')] } })).toHaveLength(2);
  });
});

describe('every fault', () => {
  it('of flags, environment and file is listed at once, one a line', () => {
    const faults = faultsOf({
      flags: { maxAge: '30 dogs', 'trash.keep': '0' },
      environment: { SWEEPER_KEEP_LAST: '-1', SWEEPER_MAXAGE: '7d', SWEEPER_LISTEN: 'nowhere' },
      file: { logLevel: 'loud', projets: [], schedule: { sweep: '', nap: '1d' } },
    });
    const expected = [
      'SWEEPER_MAXAGE',
      'projets',
      'schedule.nap',
      '--max-age: "30 dogs"',
      'SWEEPER_KEEP_LAST: "-1"',
      '--trash-keep: "0"',
      'schedule.sweep: ""',
      'SWEEPER_LISTEN: "nowhere"',
      'logLevel: "loud"',
    ];
    for (const part of expected) expect(faults).toContainEqual(expect.stringContaining(part));
    expect(faults).toHaveLength(expected.length);
    for (const fault of faults) expect(fault).not.toContain('\n');
  });

  it('is listed where a value means nothing and others do not go together', () => {
    const faults = faultsOf({
      flags: { maxAge: 'x', minAge: '1s', runDeadline: '25d', claudeDir: '/srv/a:/srv/a/b', stateDir: '/srv/a/state' },
    });
    const expected = [
      /^--max-age: "x"/,
      /^minAge: 1s/,
      /^runDeadline: 25d/,
      /lies in/,
      /^stateDir: /,
      /^sessions.db: /,
    ];
    for (const part of expected) expect(faults).toContainEqual(expect.stringMatching(part));
    expect(faults).toHaveLength(expected.length);
  });

  it('names the variable that a default was made from', () => {
    expect(faultsOf({ environment: { XDG_STATE_HOME: '/srv/../x' } })).toEqual([
      expect.stringMatching(/^XDG_STATE_HOME/),
    ]);
    expect(faultsOf({ home: 'home', environment: { CLAUDE_CONFIG_DIR: '/srv/c' } })).toEqual([
      expect.stringMatching(/^HOME/),
    ]);
  });

  it('is a plain line without secrets, however long or strange the value', () => {
    const values = ['postgres://bot:hunter2@db/x', `a\n\u001b[31m`, 'x'.repeat(100_000)];
    for (const value of values) {
      const [fault = ''] = faultsOf({ flags: { 'sessions.db': value } });
      expect(fault).toMatch(/^--sessions-db: "[ -~…]{1,201}: expected an absolute path/);
      expect(fault).not.toContain('hunter2');
    }
  });
});

describe('the list of projects', () => {
  const MANY_FAULTS = [
    { match: '', maxAge: '30 dogs', keepLast: '-1', maxage: '1d' },
    'a',
    { match: 'a' },
    { keepLast: '3' },
  ];
  const FAULTS = [
    'at 0.maxage: expected one of match, maxAge, keepLast',
    'at 0.match: expected a path, or a glob over paths',
    'at 0.maxAge: expected a duration such as 30d, 24h or 15m, or never',
    'at 0.keepLast: expected a whole number from 0 to 1000000',
    'at 1: expected {match, maxAge, keepLast}',
    'at 3.match: expected a path, or a glob over paths',
  ].map((fault) => expect.stringContaining(` ${fault}`));

  it('is refused with all that is wrong with it, in a file as on the command line', () => {
    expect(faultsOf({ file: { projects: MANY_FAULTS } })).toEqual(FAULTS);
    expect(faultsOf({ flags: { projects: JSON.stringify(MANY_FAULTS) } })).toEqual(FAULTS);
  });

  it.each([
    ['JSON', '[{"match":"a*","maxAge":"never","keepLast":3}]'],
    ['JSON with tabs', '[\n\t{\n\t\t"match": "a*",\n\t\t"maxAge": "never",\n\t\t"keepLast": 3\n\t}\n]'],
    ['YAML on one line', '[{match: a*, maxAge: never, keepLast: 3}]'],
    ['YAML', '- match: a*\n  maxAge: never\n  keepLast: 3\n'],
  ])('is understood as %s', (_name, text) => {
    const { config } = resolve({ environment: { SWEEPER_PROJECTS: text } });
    expect(config.projects).toEqual([{ match: 'a*', maxAge: 'never', keepLast: 3 }]);
  });

  it.each([
    ['a key twice', '[{"match":"a","match":"b"}]'],
    ['a key of the prototype', '[{"match":"a","__proto__":{"maxAge":"1d"}}]'],
    ['a key of every object', '[{"match":"a","constructor":"b"}]'],
    ['an alias', '[{match: &a b, maxAge: 1d}, {match: *a}]'],
    ['two documents', '[{match: a}]\n---\n[{match: b}]'],
    ['a number that is no count', '[{"match":"a","keepLast":1e1}]'],
    ['a field of nothing', '[{"match":"a","maxAge":null}]'],
  ])('is refused where there is %s', (_name, text) => {
    expect(faultsOf({ flags: { projects: text } })).toEqual([expect.stringMatching(/^--projects: /)]);
  });
});

describe('the list of sources', () => {
  it('is shown as it can be given again', () => {
    const map = { db: '/srv/threads.db', sweep: true, maxAge: '36h', onlyThisHost: false };
    const sources = [
      { kind: 'thread-map', name: 'slack', ...map },
      { kind: 'resume-map', name: 'second', db: '/srv/second.db', maxAge: 'never' },
    ];
    const { config } = resolve({ file: { sources } });
    expect(config.sources).toMatchObject([{ maxAge: 36 * 3_600_000 }, { maxAge: 'never' }]);
    expect(resolve({ flags: { sources: showSources(config.sources) } }).config.sources).toEqual(config.sources);
  });

  it.each(['bot:s3cret@db/claude?sslmode=on', ':s3cret@db/claude', 'bot@db:99999/claude?password=s3cret'])(
    'is refused without a word of a password in it: %s',
    (rest) => {
      const [fault, ...others] = faultsOf({
        file: { sources: [{ kind: 'postgres-map', name: 'shared', url: `postgres://${rest}` }] },
      });
      expect(others).toEqual([]);
      expect(fault).toContain('at 0.url');
      expect(fault).not.toContain('s3cret');
    },
  );

  it('is refused with all that is wrong with it', () => {
    const sources = [
      { kind: 'oracle', name: 'a' },
      { kind: 'json-map', name: 'A', path: 'x.json', file: 'y' },
      'b',
      { kind: 'resume-map' },
    ];
    const faults = [
      'at 0.kind: expected one of resume-map, thread-map, postgres-map, keep-list, process-records, json-map, query, command, http',
      'at 1.file: expected one of kind, name, required, lasting, path, field',
      'at 1.name: expected a name of lower-case letters, digits and hyphens',
      "at 1.path: expected an absolute path without '..'",
      'at 2: expected a record with a kind and a name',
      'at 3.name: expected a name',
      'at 3.db: expected an absolute path',
    ];
    expect(faultsOf({ file: { sources } })).toEqual(faults.map((fault) => expect.stringContaining(` ${fault}`)));
  });

  it.each([
    [{ kind: 'query', db: '/a.db', sql: '' }, 'at 0.sql: expected a statement'],
    [{ kind: 'query', db: '/a.db', sql: 'SELECT 1', timeout: '11m' }, 'at 0.timeout: expected at most 10m'],
    [{ kind: 'command', argv: 'ls -l' }, 'at 0.argv: expected a list: the absolute path of a program'],
    [{ kind: 'command', argv: [] }, 'at 0.argv: expected a list'],
    [{ kind: 'command', argv: ['ls'] }, 'at 0.argv: expected a list'],
    [{ kind: 'command', argv: ['/bin/ls', { a: 1 }] }, 'at 0.argv: expected a list'],
    [{ kind: 'http', url: 'file:///etc/passwd' }, 'at 0.url: expected a URL that begins with http'],
    [{ kind: 'http', url: 'http://' }, 'at 0.url: expected a URL that begins with http'],
    [
      { kind: 'http', url: 'https://ada:hush@h/?key=hush', tokenFile: 'x' },
      'at 0.tokenFile: expected an absolute path',
    ],
  ])('is refused where it holds %j, and no secret is told', (source, fault) => {
    const faults = faultsOf({ file: { sources: [{ name: 'a', ...source }] } });
    expect(faults).toEqual([expect.stringContaining(fault)]);
    expect(faults.join()).not.toContain('hush');
  });

  it('is shown as it would stand in the file, but for secrets', () => {
    const sources = [
      { kind: 'http', name: 'a', url: `https://ada:pa'hush@h/live?a='hush&b=hush`, timeout: '90s' },
      { kind: 'command', name: 'b', argv: ['/bin/x', '--auth', 'hush'], required: 'false' },
    ];
    const { config } = resolve({ file: { sources } });
    expect(JSON.parse(settingTable({ home: '/' }).sources.show(config.sources))).toEqual([
      { kind: 'http', name: 'a', url: 'https://h/live?***', timeout: '90s' },
      { kind: 'command', name: 'b', argv: ['/bin/x', 'and 2 more'], required: false },
    ]);
  });

  it('gives each source a name of its own, which none has that is always there', () => {
    const source = (name: string) => ({ kind: 'keep-list', name, path: '/srv/x' });
    const sources = [source('vips'), source('claude-pins'), source('vips'), source('other')];
    expect(faultsOf({ file: { sources } })).toEqual([
      'sources: "claude-pins" at 1.name: it is the name of a source that is always there',
      'sources: "vips" at 2.name: another source has that name',
    ]);
  });

  it('names no map twice, and none in a Claude directory; two kinds may share a database', () => {
    const map = (name: string, db: string) => ({ kind: 'resume-map', name, db });
    const sources = [
      map('a', '/srv/a.db'),
      map('b', '/srv/main.db'),
      map('c', '/srv//a.db'),
      map('d', '/srv/c/x.db'),
      { kind: 'thread-map', name: 'e', db: '/srv/a.db' },
    ];
    expect(faultsOf({ file: { sources, 'sessions.db': '/srv/main.db', claudeDir: ['/srv/c'] } })).toEqual([
      'sources: b: /srv/main.db is another resume-map already',
      'sources: c: /srv/a.db is another resume-map already',
      'sources: d: /srv/c/x.db must not lie in the Claude directory /srv/c',
    ]);
  });
});

describe('the configuration', () => {
  it('cannot be changed, and goes to a thread as it is', () => {
    const { config } = resolve({ file: { projects: [{ match: 'a' }], claudeDir: ['/srv/a', '/srv/b'] } });
    expect(Object.isFrozen(config)).toBe(true);
    expect(structuredClone(config)).toEqual(config);
  });
});
