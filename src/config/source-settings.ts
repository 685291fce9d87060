/** Live sources that a host names itself: which kinds there are, and what each kind is told. */

import { postgresUrlFaults, shownPostgresUrl } from '../postgres/postgres-url.ts';
import { listByKind } from './records.ts';
import {
  type Age,
  absolutePath,
  age,
  boolean,
  duration,
  type Parsed,
  type Parser,
  parser,
  refused,
  showAge,
} from './values.ts';

/** The live sources that are there by themselves, as logs and metrics show them. */
export const BUILT_IN_SOURCE_NAMES = [
  'resume-map',
  'keep-list',
  'former-state',
  'running-processes',
  'claude-pins',
] as const;

interface SourceOfAnyKind {
  /** By which logs, metrics and commands show it. */
  readonly name: string;
  /** Whether nothing is removed while it cannot be read; true where it is not said. */
  readonly required?: boolean;
  /** Whether its ids do not go all at once, so that it is doubted where they do; by its kind where it is not said. */
  readonly lasting?: boolean;
}

interface SweepableSettings extends SourceOfAnyKind {
  /** Whether its rows are swept; it is not written to where that is not said. */
  readonly sweep?: boolean;
  /** How long its rows stay unused; for ever where it is not said. */
  readonly maxAge?: Age;
  /** Whether every session of it has its transcript on this host, so that a row of none may go; false where it is not said. */
  readonly onlyThisHost?: boolean;
}

interface MapSettings extends SweepableSettings {
  readonly db: string;
}

/** A resume map in a host's own database. */
export interface ResumeMapSettings extends MapSettings {
  readonly kind: 'resume-map';
}

/** A bot's thread map. */
export interface ThreadMapSettings extends MapSettings {
  readonly kind: 'thread-map';
}

/** A resume map in PostgreSQL, which several hosts share. */
export interface PostgresMapSettings extends SweepableSettings {
  readonly kind: 'postgres-map';
  readonly url: string;
  readonly passwordFile?: string;
  /** Whose rows are this host's; its name where it is not said. */
  readonly host?: string;
}

/** A directory with a file an id, as `pin` makes it, or a file of ids. */
export interface KeepListSettings extends SourceOfAnyKind {
  readonly kind: 'keep-list';
  readonly path: string;
  /** Whether a file without a closing line is an error. */
  readonly closed?: boolean;
}

/** A Claude directory that is not looked after here, of whose running sessions some may lie here. */
export interface ProcessRecordsSettings extends SourceOfAnyKind {
  readonly kind: 'process-records';
  readonly claudeDir: string;
}

/** A JSON file in which a bot keeps its sessions. */
export interface JsonMapSettings extends SourceOfAnyKind {
  readonly kind: 'json-map';
  readonly path: string;
  /** The field of an entry that has the id, where the entry is no text. */
  readonly field?: string;
}

interface AskedSettings extends SourceOfAnyKind {
  /** How long it may take to answer. */
  readonly timeout?: number;
}

/** A statement that gives ids from a host's own SQLite database, which it only reads. */
export interface QuerySettings extends AskedSettings {
  readonly kind: 'query';
  readonly db: string;
  readonly sql: string;
}

/** A program that prints ids. */
export interface CommandSettings extends AskedSettings {
  readonly kind: 'command';
  /** Its absolute path, and its arguments. */
  readonly argv: readonly string[];
}

/** A server that answers with ids. */
export interface HttpSettings extends AskedSettings {
  readonly kind: 'http';
  readonly url: string;
  /** A file with the token that goes along. */
  readonly tokenFile?: string;
}

export type HeldMapSettings = ResumeMapSettings | ThreadMapSettings;
/** Maps that rows may be swept from. */
export type SweptMapSettings = HeldMapSettings | PostgresMapSettings;
export type SourceSettings =
  | HeldMapSettings
  | PostgresMapSettings
  | KeepListSettings
  | ProcessRecordsSettings
  | JsonMapSettings
  | QuerySettings
  | CommandSettings
  | HttpSettings;

/** A run that is to stop waits for whoever is asked. */
export const DEFAULT_TIMEOUT_MS = 10_000;
const TIMEOUT_MAX_MS = 10 * 60_000;

/** Whether it is a map in SQLite, whose writers can be held back. */
export function isHeldMap(source: SourceSettings): source is HeldMapSettings {
  return source.kind === 'resume-map' || source.kind === 'thread-map';
}

export function isSweptMap(source: SourceSettings): source is SweptMapSettings {
  return isHeldMap(source) || source.kind === 'postgres-map';
}

/** What the ledger and messages call it: two kinds may share a database, and a URL may have a password. */
export function mapNameOf(settings: SweptMapSettings): string {
  if (settings.kind === 'postgres-map') return shownPostgresUrl(settings.url);
  return settings.kind === 'thread-map' ? `${settings.db} (threads)` : settings.db;
}

const NAME = '[a-z][a-z0-9-]{0,39}';
const name = pattern('expected a name of lower-case letters, digits and hyphens, which begins with a letter', NAME);
const field = pattern('expected the name of a field', '[^\\s]{1,100}');

export const host = pattern('expected the name of a host', '[^\\s]{1,255}');

const sql = pattern('expected a statement', '[\\s\\S]{1,100000}');

const timeout: Parser<number> = parser(duration.schema, (raw) => {
  const parsed = duration(raw);
  return 'value' in parsed && parsed.value > TIMEOUT_MAX_MS ? refused('expected at most 10m') : parsed;
});

const argv: Parser<readonly string[]> = parser(
  { type: 'array', items: { type: 'string' }, minItems: 1 },
  (raw): Parsed<readonly string[]> => {
    const isList = Array.isArray(raw) && raw.every((word) => typeof word === 'string' && !word.includes('\0'));
    const value = isList ? (raw as readonly string[]) : [];
    const isWhole = value[0]?.startsWith('/') === true;
    return isWhole ? { value } : refused('expected a list: the absolute path of a program, and its arguments');
  },
);

const url: Parser<string> = parser({ type: 'string', pattern: '^https?://' }, (raw) => {
  const isUrl = typeof raw === 'string' && /^https?:\/\//.test(raw) && URL.canParse(raw);
  return isUrl ? { value: raw } : refused('expected a URL that begins with http:// or https://');
});

export const postgresUrl: Parser<string> = parser({ type: 'string', pattern: '^postgres(ql)?://' }, (raw) => {
  const [fault] = postgresUrlFaults(raw);
  return fault === undefined ? { value: raw as string } : refused(fault);
});

function pattern(expectation: string, source: string): Parser<string> {
  const whole = new RegExp(`^${source}$`, 'u');
  return parser({ type: 'string', pattern: `^${source}$` }, (raw) => {
    return typeof raw === 'string' && whole.test(raw) ? { value: raw } : refused(expectation);
  });
}

function exactly<const T extends string>(value: T): Parser<T> {
  return parser({ const: value }, (raw) => (raw === value ? { value } : refused(`expected ${value}`)));
}

export function required<T>(parse: Parser<T>) {
  return { parse, isOptional: false } as const;
}

export function optional<T>(parse: Parser<T>) {
  return { parse, isOptional: true } as const;
}

const OF_ANY_KIND = { name: required(name), required: optional(boolean), lasting: optional(boolean) };

/** @param home what a leading `~` stands for */
export function sourceSettings(home: string): Parser<readonly SourceSettings[]> {
  const path = absolutePath(home);
  const ofSwept = { sweep: optional(boolean), maxAge: optional(age), onlyThisHost: optional(boolean) };
  const ofMap = { db: required(path), ...ofSwept };
  return listByKind<SourceSettings>({
    'resume-map': { kind: required(exactly('resume-map')), ...OF_ANY_KIND, ...ofMap },
    'thread-map': { kind: required(exactly('thread-map')), ...OF_ANY_KIND, ...ofMap },
    'postgres-map': {
      kind: required(exactly('postgres-map')),
      ...OF_ANY_KIND,
      url: required(postgresUrl),
      passwordFile: optional(path),
      host: optional(host),
      ...ofSwept,
    },
    'keep-list': {
      kind: required(exactly('keep-list')),
      ...OF_ANY_KIND,
      path: required(path),
      closed: optional(boolean),
    },
    'process-records': { kind: required(exactly('process-records')), ...OF_ANY_KIND, claudeDir: required(path) },
    'json-map': {
      kind: required(exactly('json-map')),
      ...OF_ANY_KIND,
      path: required(path),
      field: optional(field),
    },
    query: {
      kind: required(exactly('query')),
      ...OF_ANY_KIND,
      db: required(path),
      sql: required(sql),
      timeout: optional(timeout),
    },
    command: { kind: required(exactly('command')), ...OF_ANY_KIND, argv: required(argv), timeout: optional(timeout) },
    http: {
      kind: required(exactly('http')),
      ...OF_ANY_KIND,
      url: required(url),
      tokenFile: optional(path),
      timeout: optional(timeout),
    },
  });
}

/** What is wrong with sources that are right one by one. */
export function sourceFaults(sources: readonly SourceSettings[]): readonly string[] {
  const names = sources.map(({ name: one }) => one);
  return names.flatMap((one, index) => {
    const at = `sources: ${JSON.stringify(one)} at ${index}.name`;
    if ((BUILT_IN_SOURCE_NAMES as readonly string[]).includes(one))
      return [`${at}: it is the name of a source that is always there`];
    return names.indexOf(one) < index ? [`${at}: another source has that name`] : [];
  });
}

function withShownAge(source: SweptMapSettings): object {
  return source.maxAge === undefined ? source : { ...source, maxAge: showAge(source.maxAge) };
}

/** Whatever follows the program may be a token, and whatever follows the path of a URL. */
function withoutSecrets(source: QuerySettings | CommandSettings | HttpSettings): object {
  if (source.kind === 'http') return { ...source, url: shownUrl(source.url) };
  if (source.kind !== 'command' || source.argv.length === 1) return source;
  return { ...source, argv: [source.argv[0], `and ${source.argv.length - 1} more`] };
}

function shownUrl(text: string): string {
  const url = new URL(text);
  url.username = '';
  url.password = '';
  return `${url.href.slice(0, url.href.length - url.search.length - url.hash.length)}${url.search === '' ? '' : '?***'}`;
}

/** As it would stand in the configuration, but for what may be a secret. */
export function showSources(sources: readonly SourceSettings[]): string {
  return JSON.stringify(
    sources.map((source) => {
      if (isHeldMap(source)) return withShownAge(source);
      if (source.kind === 'postgres-map') return withShownAge({ ...source, url: shownPostgresUrl(source.url) });
      if (source.kind !== 'query' && source.kind !== 'command' && source.kind !== 'http') return source;
      const shown = withoutSecrets(source);
      return source.timeout === undefined ? shown : { ...shown, timeout: showAge(source.timeout) };
    }),
  );
}

/** Processes do end overnight; what is written down does not. */
export function isLasting({ kind, lasting = kind !== 'process-records' }: SourceSettings): boolean {
  return lasting;
}
