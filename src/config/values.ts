/** What the text or the file's value of one setting means, or why it means nothing. No value is ever guessed. */

import { isAbsolute, join, normalize } from 'node:path';
import { formatBytes, parseByteSize } from '../format/byte-size.ts';
import { formatDurationExact, parseDurationMs } from '../format/duration.ts';
import { withHome } from '../format/home-path.ts';
import { LOG_FORMATS, LOG_LEVELS } from '../format/log-line.ts';
import { escapeControls } from '../format/shown-text.ts';

/** Milliseconds, or never. */
export type Age = number | 'never';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface Fault {
  /** Says what was expected. */
  readonly fault: string;
  /** Where in the value; absent where it is all of it. */
  readonly at?: string;
}

/** What a raw value means, or all that is wrong with it. */
export type Parsed<T> = { readonly value: T } | { readonly faults: readonly Fault[] };
export interface Parser<T> {
  (raw: unknown): Parsed<T>;
  /** What can stand in the file, as far as a JSON schema can say it: whatever means something is allowed by it. */
  readonly schema: JsonSchema;
}

export type JsonSchema = Readonly<Record<string, unknown>>;

export function parser<T>(schema: JsonSchema, parse: (raw: unknown) => Parsed<T>): Parser<T> {
  return Object.assign((raw: unknown) => parse(raw), { schema });
}

export function refused(fault: string, at?: string): { readonly faults: readonly Fault[] } {
  return { faults: [at === undefined ? { fault } : { fault, at }] };
}

const KEEP_LAST_MAX = 1_000_000;
const PORT_MAX = 65_535;

/** @param shape what a text must be like, beside being one */
function text<T>(expectation: string, parse: (value: string) => T | undefined, shape: JsonSchema = {}): Parser<T> {
  return parser({ type: 'string', ...shape }, (raw) => {
    const value = typeof raw === 'string' ? parse(raw) : undefined;
    return value === undefined ? refused(expectation) : { value };
  });
}

const DURATION_EXPECTED = 'expected a duration such as 30d, 24h or 15m';

const DURATION = '0*[1-9][0-9]*(ms|s|m|h|d|w)';
export const duration = text(DURATION_EXPECTED, parseDurationMs, { pattern: `^${DURATION}$` });
export const age = text<Age>(
  `${DURATION_EXPECTED}, or never`,
  (value) => (value === 'never' ? 'never' : parseDurationMs(value)),
  { pattern: `^(never|${DURATION})$` },
);

export const durationOrOff = text<number | 'off'>(
  `${DURATION_EXPECTED}, or off`,
  (value) => (value === 'off' ? 'off' : parseDurationMs(value)),
  { pattern: `^(off|${DURATION})$` },
);

export const byteSizeOrOff = text<number | 'off'>(
  'expected a size such as 50GiB or 500MB, or off',
  (value) => (value === 'off' ? 'off' : parseByteSize(value)),
  { pattern: '^(off|0*[1-9][0-9]*(B|[kKMGT]B|[KMGT]iB))$' },
);

const COUNT: JsonSchema = {
  anyOf: [
    { type: 'integer', minimum: 0, maximum: KEEP_LAST_MAX },
    { type: 'string', pattern: '^[0-9]{1,7}$' },
  ],
};
export const count = parser<number>(COUNT, (raw) => {
  const value = typeof raw === 'string' && /^[0-9]{1,7}$/.test(raw) ? Number(raw) : raw;
  const isCount = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= KEEP_LAST_MAX;
  return isCount ? { value } : refused(`expected a whole number from 0 to ${KEEP_LAST_MAX}`);
});

/** `25%` is 0.25: a share of at least one percent. */
export const percentage = text<number>(
  'expected a whole percentage from 1% to 100%',
  (value) => {
    const percent = /^([1-9][0-9]?|100)%$/.exec(value)?.[1];
    return percent === undefined ? undefined : Number(percent) / 100;
  },
  { pattern: '^([1-9][0-9]?|100)%$' },
);

export function showPercentage(value: number): string {
  return `${Math.round(value * 100)}%`;
}

export const boolean = parser<boolean>({ enum: [true, false, 'true', 'false'] }, (raw) => {
  if (typeof raw === 'boolean') return { value: raw };
  return raw === 'true' || raw === 'false' ? { value: raw === 'true' } : refused('expected true or false');
});

/** Whose sessions are kept from Claude's own clean-up: nobody's, those that somebody asked for, or all that stay. */
export const SHIELD_SCOPES = ['off', 'wanted', 'all'] as const;
export type ShieldScope = (typeof SHIELD_SCOPES)[number];

export const shieldScope = text(
  `expected one of ${SHIELD_SCOPES.join(', ')}`,
  (value) => SHIELD_SCOPES.find((scope) => scope === value),
  { enum: SHIELD_SCOPES },
);

export const logLevel = text(
  `expected one of ${LOG_LEVELS.join(', ')}`,
  (value) => LOG_LEVELS.find((level) => level === value),
  { enum: LOG_LEVELS },
);

export const logFormat = text(
  `expected one of ${LOG_FORMATS.join(', ')}`,
  (value) => LOG_FORMATS.find((format) => format === value),
  { enum: LOG_FORMATS },
);

export const forgeName = text(
  'expected a name without colons, white space or control characters',
  (value) => (/^[^\s:]{1,100}$/.test(value) && escapeControls(value) === value ? value : undefined),
  { pattern: '^[^\\s:]{1,100}$' },
);

export const projectGlob = (home: string) =>
  text(
    "expected a path, or a glob over paths or over Claude's names of projects",
    (value) => (value === '' ? undefined : withHome(value, home)),
    { minLength: 1 },
  );

/** Resolved late, since `Intl` is slow to load. */
export const SYSTEM_TIME_ZONE = 'system';

export const timeZone = text('expected a time zone such as Europe/Berlin', (value) => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: value }).resolvedOptions().timeZone === '' ? undefined : value;
  } catch {
    return undefined;
  }
});

/** Whether the pattern means anything is the scheduler's to say. */
export const cronPattern = text(
  'expected a cron pattern such as 17 4 * * *',
  (value) => (value.trim() === value && value !== '' ? value : undefined),
  { pattern: '^\\S(.*\\S)?$' },
);

export const listenAddress = text<ListenAddress | 'off'>(
  'expected HOST:PORT such as 127.0.0.1:9842, or off',
  (value) => {
    if (value === 'off') return 'off';
    const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})$/.exec(value);
    const host = match?.[1] ?? match?.[2];
    const port = Number(match?.[3]);
    return host === undefined || port > PORT_MAX ? undefined : { host, port };
  },
  { pattern: '^(off|(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9.-]+):[0-9]{1,5})$' },
);

/** @param home what a leading `~/` stands for: neither an environment file nor YAML expands it */
export function absolutePath(home: string) {
  return text("expected an absolute path without '..'", (value) => parsePath(value, home), PATH);
}

/** The node_exporter reads what ends in `.prom`, and nothing else. @param home what a leading `~/` stands for */
export function metricsFile(home: string) {
  return text(
    "expected an absolute path without '..' that ends in .prom, or off",
    (value) => {
      if (value === 'off') return value;
      return value.endsWith('.prom') ? parsePath(value, home) : undefined;
    },
    { pattern: '^(off|(?!(.*/)?\\.\\.(/|$))(/|~/).*\\.prom)$' },
  );
}

/** With no `..` as a part of it. */
const PATH: JsonSchema = { pattern: '^(?!(.*/)?\\.\\.(/|$))(/|~/|~$)' };

/** A list in the file, repeated flags, or one text with colons between, as in PATH. */
export function absolutePaths(home: string): Parser<readonly string[]> {
  const schema: JsonSchema = {
    anyOf: [
      { type: 'array', items: { type: 'string', ...PATH }, minItems: 1 },
      { type: 'string', pattern: '^(/|~/|~$|~:)' },
    ],
  };
  return parser(schema, (raw) => {
    const values: readonly unknown[] = typeof raw === 'string' ? raw.split(':') : Array.isArray(raw) ? raw : [];
    const paths = values.map((value) => (typeof value === 'string' ? parsePath(value, home) : undefined));
    const value = paths.filter((path) => path !== undefined);
    const isWhole = value.length === values.length && value.length > 0;
    return isWhole ? { value } : refused("expected absolute paths without '..'");
  });
}

function parsePath(value: string, home: string): string | undefined {
  const expanded = value === '~' || value.startsWith('~/') ? join(home, value.slice(1)) : value;
  if (!isAbsolute(expanded) || expanded.split('/').includes('..') || expanded.includes('\0')) return undefined;
  return normalize(expanded).replace(/(?<=.)\/+$/, '');
}

/** @returns an IANA name */
export function timeZoneName(value: string): string {
  return value === SYSTEM_TIME_ZONE ? Intl.DateTimeFormat().resolvedOptions().timeZone : value;
}

/** As it would stand in the configuration, for `check-config`. */
export function showAge(value: Age): string {
  return value === 'never' ? value : formatDurationExact(value);
}

export function showByteSize(value: number | 'off'): string {
  return value === 'off' ? value : `${value}B (${formatBytes(value)})`;
}

export function showListen(value: ListenAddress | 'off'): string {
  if (value === 'off') return value;
  return value.host.includes(':') ? `[${value.host}]:${value.port}` : `${value.host}:${value.port}`;
}
