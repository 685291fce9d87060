/**
 * Every setting there is, once: its place in the file, and by that its flag and its environment variable, its meaning and
 * its default. Help, `check-config` and the table of docs/configuration.md come from here.
 */

import type { LogFormat, LogLevel } from '../format/log-line.ts';
import { type ClassAges, classAges, DEFAULT_CLASS_AGES } from './class-ages.ts';
import { type HookSettings, hookSettings, secretUrl, showSecretUrl } from './notice-settings.ts';
import { type ProjectOverride, projectOverrides } from './project-overrides.ts';
import { type SourceSettings, showSources, sourceSettings } from './source-settings.ts';
import { defaultStateDir } from './state-dir.ts';
import * as values from './values.ts';

/** How long a row of the resume map may stay unused (30 d): as long as its transcript, so that no conversation is forgotten over a weekend. */
export const DEFAULT_SESSION_MAX_AGE_MS = 30 * 86_400_000;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Below this, a session in use could pass for an idle one: a long tool call writes nothing for many minutes. */
export const MIN_AGE_FLOOR_MS = HOUR_MS;

export interface Settings {
  claudeDir: readonly string[];
  stateDir: string;
  'sessions.db': string;
  'sessions.store': readonly string[];
  sources: readonly SourceSettings[];
  'sessions.maxAge': values.Age;
  'sessions.onlyThisHost': boolean;
  'sessions.defaultForge': string;
  maxAge: values.Age;
  minAge: number;
  maxTotalBytes: number | 'off';
  minFree: number | 'off';
  keepLast: number;
  massPortion: number;
  notice: number | 'off';
  keepNamed: boolean;
  shield: values.ShieldScope;
  projects: readonly ProjectOverride[];
  classes: ClassAges;
  'trash.keep': number;
  'trash.keepAtLeast': number;
  'sweep.dangling': boolean;
  'schedule.prune': string;
  'schedule.sweep': string;
  'schedule.purge': string;
  /** An IANA name, or `SYSTEM_TIME_ZONE`. */
  'schedule.timeZone': string;
  'schedule.jitter': number;
  runDeadline: number;
  listen: values.ListenAddress | 'off';
  'metrics.textfile': string;
  hooks: HookSettings;
  'ping.url': string;
  'webhook.url': string;
  logLevel: LogLevel;
  logFormat: LogFormat;
}

export type SettingPath = keyof Settings;

export interface Setting<T> {
  /** Absent where the setting is on or off: its flag is bare. */
  readonly argument?: string;
  readonly description: string;
  /** What the default is, in words; also shown in help. */
  readonly defaultText: string;
  readonly parse: values.Parser<T>;
  defaultValue(surroundings: Surroundings): T;
  show(value: T): string;
  /** It is never told, neither where it is wrong nor in a command that is suggested. */
  readonly isSecret?: true;
}

/** What defaults depend on. */
export interface Surroundings {
  readonly home: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export type SettingTable = { readonly [P in SettingPath]: Setting<Settings[P]> };

export function settingTable({ home }: Pick<Surroundings, 'home'>): SettingTable {
  const path = values.absolutePath(home);
  return {
    claudeDir: {
      argument: 'DIR',
      description: 'Claude directory to look after; may be given more than once',
      defaultText: '`$CLAUDE_CONFIG_DIR`, else `~/.claude`',
      parse: values.absolutePaths(home),
      defaultValue: ({ environment }) => [environment.CLAUDE_CONFIG_DIR || `${home}/.claude`],
      show: (value) => value.join(':'),
    },
    stateDir: {
      argument: 'DIR',
      description: 'where the resume map, the ledger and the keep list are',
      defaultText:
        '`$CLAUDE_HOOKS_STATE_DIR`, else `$XDG_STATE_HOME/claude-session-sweeper`, else `~/.local/state/claude-session-sweeper`',
      parse: path,
      defaultValue: ({ environment }) => defaultStateDir(home, environment),
      show: String,
    },
    'sessions.db': {
      argument: 'FILE',
      description: "SQLite database with the resume map; a host's own must exist and hold the table",
      defaultText: '`sessions.db` in the state directory',
      parse: path,
      // Depends on another setting; filled in when all are known.
      defaultValue: () => '',
      show: String,
    },
    'sessions.store': {
      argument: 'FILE',
      description: "SQLite database of the Agent SDK's session entries, pruned like a Claude directory; may be several",
      defaultText: 'none',
      parse: values.absolutePaths(home),
      defaultValue: () => [],
      show: (value) => value.join(':'),
    },
    sources: {
      argument: 'JSON',
      description: 'further live sources: a list, each with its `kind`, its `name` and what the kind needs',
      defaultText: 'none',
      parse: sourceSettings(home),
      defaultValue: () => [],
      show: showSources,
    },
    'sessions.maxAge': {
      argument: 'AGE',
      description:
        'rows of the resume map unused for longer are swept; where a host has written an age into its map, the longer counts',
      defaultText: 'what the host has written, else `30d`',
      parse: values.age,
      defaultValue: () => DEFAULT_SESSION_MAX_AGE_MS,
      show: values.showAge,
    },
    'sessions.onlyThisHost': {
      description: 'declares that every session of the resume map has its transcript in the given Claude directories',
      defaultText: '`false`',
      parse: values.boolean,
      defaultValue: () => false,
      show: String,
    },
    'sessions.defaultForge': {
      argument: 'NAME',
      description: 'forge of old keys without one, when `sessions.json` is imported',
      defaultText: '`forgejo`',
      parse: values.forgeName,
      defaultValue: () => 'forgejo',
      show: String,
    },
    maxAge: {
      argument: 'AGE',
      description: 'transcripts unused for longer are moved to the trash',
      defaultText: '`30d`',
      parse: values.age,
      defaultValue: () => 30 * DAY_MS,
      show: values.showAge,
    },
    minAge: {
      argument: 'AGE',
      description: 'nothing younger is ever removed, whatever else says so; at least `1h`',
      defaultText: '`24h`',
      parse: values.duration,
      defaultValue: () => DAY_MS,
      show: values.showAge,
    },
    maxTotalBytes: {
      argument: 'SIZE',
      description:
        'where a Claude directory takes more of the disk, its trash included, the oldest sessions go until 80 % of it is left, and the trash is purged early, the oldest first, as far as that takes',
      defaultText: '`off`',
      parse: values.byteSizeOrOff,
      defaultValue: () => 'off',
      show: values.showByteSize,
    },
    minFree: {
      argument: 'SIZE',
      description:
        'where less of the file system is free, the oldest sessions go and the trash is purged early, as far as that takes',
      defaultText: '`off`',
      parse: values.byteSizeOrOff,
      defaultValue: () => 'off',
      show: values.showByteSize,
    },
    notice: {
      argument: 'AGE',
      description:
        'nothing goes that was not announced for so long: what is due is written down first, and forgotten where it is used',
      defaultText: '`off`',
      parse: values.durationOrOff,
      defaultValue: () => 'off',
      show: (value) => (value === 'off' ? value : values.showAge(value)),
    },
    massPortion: {
      argument: 'PERCENT',
      description:
        'where most sessions of a directory would go at once, none goes for a day, and then at most this share of them a run',
      defaultText: '`25%`',
      parse: values.percentage,
      defaultValue: () => 0.25,
      show: values.showPercentage,
    },
    keepLast: {
      argument: 'N',
      description: 'the newest N sessions of every project are kept',
      defaultText: '`0`',
      parse: values.count,
      defaultValue: () => 0,
      show: String,
    },
    keepNamed: {
      description: 'sessions that a person has given a title are kept too',
      defaultText: '`false`',
      parse: values.boolean,
      defaultValue: () => false,
      show: String,
    },
    shield: {
      argument: 'WHOM',
      description:
        "whom to keep from Claude's own clean-up, by making files younger in time: `off`, `wanted` (what somebody asked for by name) or `all` that stays",
      defaultText: '`wanted`',
      parse: values.shieldScope,
      defaultValue: () => 'wanted',
      show: String,
    },
    projects: {
      argument: 'JSON',
      description:
        'retention of single projects, by real path or by the name that Claude gives: a list of `{match, maxAge, keepLast}`; the first match counts',
      defaultText: 'none',
      parse: projectOverrides(home),
      defaultValue: () => [],
      show: (value) =>
        JSON.stringify(
          value.map(({ maxAge, ...rest }) =>
            maxAge === undefined ? rest : { ...rest, maxAge: values.showAge(maxAge) },
          ),
        ),
    },
    classes: {
      argument: 'JSON',
      description:
        'retention by how sessions came to be: `{cli, sdk, background, desktop, remote, archived, metadata}`, each with its `maxAge`; where a project has one of its own, the longer counts',
      defaultText: 'desktop `never`, metadata `7d`',
      parse: classAges,
      defaultValue: () => DEFAULT_CLASS_AGES,
      show: (value) =>
        JSON.stringify(
          Object.fromEntries(Object.entries(value).map(([name, maxAge]) => [name, { maxAge: values.showAge(maxAge) }])),
        ),
    },
    'trash.keep': {
      argument: 'AGE',
      description: 'the trash is purged of what has lain in it for longer',
      defaultText: '`7d`',
      parse: values.duration,
      defaultValue: () => 7 * DAY_MS,
      show: values.showAge,
    },
    'trash.keepAtLeast': {
      argument: 'AGE',
      description: 'nothing that has lain in the trash for less is purged early, whatever the disk says',
      defaultText: '`24h`',
      parse: values.duration,
      defaultValue: () => DAY_MS,
      show: values.showAge,
    },
    'sweep.dangling': {
      description: 'also sweep rows whose transcript is gone; takes effect with `sessions.onlyThisHost`',
      defaultText: '`true`',
      parse: values.boolean,
      defaultValue: () => true,
      show: String,
    },
    'schedule.prune': cronSetting('prune-transcripts', '17 4 * * *'),
    'schedule.sweep': cronSetting('sweep-sessions', '7 * * * *'),
    'schedule.purge': cronSetting('purge-trash', '47 4 * * *'),
    'schedule.timeZone': {
      argument: 'ZONE',
      description: 'time zone of the schedule',
      defaultText: "the system's",
      parse: values.timeZone,
      defaultValue: () => values.SYSTEM_TIME_ZONE,
      show: values.timeZoneName,
    },
    'schedule.jitter': {
      argument: 'AGE',
      description: 'each run starts up to this much later, so that many hosts do not start at once',
      defaultText: '`2m`',
      parse: values.duration,
      defaultValue: () => 2 * 60_000,
      show: values.showAge,
    },
    runDeadline: {
      argument: 'AGE',
      description: 'a run that takes longer is ended',
      defaultText: '`2h`',
      parse: values.duration,
      defaultValue: () => 2 * HOUR_MS,
      show: values.showAge,
    },
    listen: {
      argument: 'HOST:PORT',
      description: 'where the daemon serves /metrics, /healthz and /readyz; `off` for nowhere',
      defaultText: '`127.0.0.1:9842`',
      parse: values.listenAddress,
      defaultValue: () => ({ host: '127.0.0.1', port: 9842 }),
      show: values.showListen,
    },
    'metrics.textfile': {
      argument: 'FILE',
      description:
        'where a run by hand or by a timer writes the same metrics for the node_exporter of Prometheus, as `/var/lib/node_exporter/sweeper.prom`',
      defaultText: '`off`',
      parse: values.metricsFile(home),
      defaultValue: () => 'off',
      show: String,
    },
    hooks: {
      argument: 'JSON',
      description:
        'programs that are started about each run, with what is known of it on stdin: `{before, after, onFailure, onHeld, onNotice, timeout}`, each a list of a program and its arguments',
      defaultText: 'none',
      parse: hookSettings,
      defaultValue: () => ({}),
      show: ({ timeout, ...rest }) =>
        JSON.stringify(timeout === undefined ? rest : { ...rest, timeout: values.showAge(timeout) }),
    },
    'ping.url': {
      argument: 'URL',
      description:
        'address of a dead-man switch, as of Healthchecks, that is told when a prune starts, ends well or does not; a secret, and never shown',
      defaultText: '`off`',
      parse: secretUrl,
      defaultValue: () => 'off',
      show: showSecretUrl,
      isSecret: true,
    },
    'webhook.url': {
      argument: 'URL',
      description:
        'address that is sent JSON, as a chat takes it, of runs that failed, were held back or announced something; a secret, and never shown',
      defaultText: '`off`',
      parse: secretUrl,
      defaultValue: () => 'off',
      show: showSecretUrl,
      isSecret: true,
    },
    logLevel: {
      argument: 'LEVEL',
      description: 'trace, debug, info, warn, error, fatal or silent',
      defaultText: '`info`; `silent` for commands on a terminal',
      parse: values.logLevel,
      defaultValue: () => 'info',
      show: String,
    },
    logFormat: {
      argument: 'FORMAT',
      description: 'how the log is written: json, text for people, journal with its priorities, or auto, which fits',
      defaultText: '`auto`',
      parse: values.logFormat,
      defaultValue: () => 'auto',
      show: String,
    },
  };
}

function cronSetting(job: string, pattern: string): Setting<string> {
  return {
    argument: 'CRON',
    description: `when ${job} runs`,
    defaultText: `\`${pattern}\``,
    parse: values.cronPattern,
    defaultValue: () => pattern,
    show: String,
  };
}

export const SETTING_PATHS: readonly SettingPath[] = Object.keys(settingTable({ home: '/' })) as SettingPath[];

/** `trash.keep` → `--trash-keep` */
export function flagOf(path: string): string {
  return `--${words(path).join('-')}`;
}

/** `trash.keep` → `SWEEPER_TRASH_KEEP` */
export function variableOf(path: string): string {
  return `${ENVIRONMENT_PREFIX}${words(path).join('_').toUpperCase()}`;
}

export const ENVIRONMENT_PREFIX = 'SWEEPER_';

function words(path: string): string[] {
  return path.split(/\.|(?=[A-Z])/).map((word) => word.toLowerCase());
}
