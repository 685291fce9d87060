/** What the text or the file's value of one setting means, or why it means nothing. No value is ever guessed. */

import { isAbsolute, join, normalize } from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { formatBytes, parseByteSize } from '../byte-size.ts';
import { formatDurationExact, parseDurationMs } from '../duration.ts';
import { LOG_LEVELS } from '../log.ts';
import { escapeControls } from '../shown-text.ts';

/** Milliseconds, or never. */
export type Age = number | 'never';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Retention that differs in the projects whose directory name matches a glob. */
export interface ProjectOverride {
  readonly match: string;
  readonly maxAge?: Age;
  readonly keepLast?: number;
}

const KEEP_LAST_MAX = 1_000_000;
const PORT_MAX = 65_535;

function text<T>(expectation: string, parse: (value: string) => T | undefined) {
  return z.string({ error: expectation }).transform((value, context) => {
    const parsed = parse(value);
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: 'custom', message: expectation });
    return z.NEVER;
  });
}

const DURATION_EXPECTED = 'expected a duration such as 30d, 24h or 15m';

export const duration = text(DURATION_EXPECTED, parseDurationMs);
export const age = text<Age>(`${DURATION_EXPECTED}, or never`, (value) =>
  value === 'never' ? 'never' : parseDurationMs(value),
);

export const byteSizeOrOff = text<number | 'off'>('expected a size such as 50GiB or 500MB, or off', (value) =>
  value === 'off' ? 'off' : parseByteSize(value),
);

export const count = z
  .union(
    [z.number(), text('expected a whole number', (value) => (/^[0-9]{1,7}$/.test(value) ? Number(value) : undefined))],
    {
      error: `expected a whole number from 0 to ${KEEP_LAST_MAX}`,
    },
  )
  .refine((value) => Number.isInteger(value) && value >= 0 && value <= KEEP_LAST_MAX, {
    error: `expected a whole number from 0 to ${KEEP_LAST_MAX}`,
  });

export const flag = z.union(
  [z.boolean(), z.literal('true').transform(() => true), z.literal('false').transform(() => false)],
  { error: 'expected true or false' },
);

export const logLevel = z.enum(LOG_LEVELS, { error: `expected one of ${LOG_LEVELS.join(', ')}` });

export const forgeName = text('expected a name without colons, white space or control characters', (value) =>
  /^[^\s:]{1,100}$/.test(value) && escapeControls(value) === value ? value : undefined,
);

export const timeZone = text('expected a time zone such as Europe/Berlin', (value) => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: value }).resolvedOptions().timeZone === '' ? undefined : value;
  } catch {
    return undefined;
  }
});

/** Whether the pattern means anything is the scheduler's to say. */
export const cronPattern = text('expected a cron pattern such as 17 4 * * *', (value) =>
  value.trim() === value && value !== '' ? value : undefined,
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
);

/** @param home what a leading `~/` stands for: neither an environment file nor YAML expands it */
export function absolutePath(home: string) {
  return text("expected an absolute path without '..'", (value) => parsePath(value, home));
}

/** A list in the file, repeated flags, or one text with colons between, as in PATH. */
export function absolutePaths(home: string) {
  const expectation = "expected absolute paths without '..'";
  return z
    .union([z.array(z.string()), z.string().transform((value) => value.split(':'))], { error: expectation })
    .transform((values, context) => {
      const paths = values.map((value) => parsePath(value, home)).filter((path) => path !== undefined);
      if (paths.length === values.length && paths.length > 0) return paths;
      context.addIssue({ code: 'custom', message: expectation });
      return z.NEVER;
    });
}

function parsePath(value: string, home: string): string | undefined {
  const expanded = value === '~' || value.startsWith('~/') ? join(home, value.slice(1)) : value;
  if (!isAbsolute(expanded) || expanded.split('/').includes('..') || expanded.includes('\0')) return undefined;
  return normalize(expanded).replace(/(?<=.)\/+$/, '');
}

const overrideList = z.array(
  z.strictObject({
    match: z.string({ error: 'match: expected a glob over project directory names' }).min(1),
    maxAge: age.optional(),
    keepLast: count.optional(),
  }),
  { error: 'expected a list of {match, maxAge, keepLast}' },
);

/** A list in the file; JSON text in the environment or a flag. */
export const projectOverrides = z
  .union([overrideList, jsonText(overrideList)], { error: 'expected a list of {match, maxAge, keepLast}' })
  .transform((overrides): readonly ProjectOverride[] =>
    overrides.map(({ match, maxAge, keepLast }) => ({
      match,
      ...(maxAge === undefined ? {} : { maxAge }),
      ...(keepLast === undefined ? {} : { keepLast }),
    })),
  );

function jsonText<T>(schema: z.ZodType<T>) {
  return z
    .string()
    .transform((value, context) => {
      try {
        const parsed: unknown = JSON.parse(value);
        // JSON.parse would let the last of two equal keys win in silence.
        const [fault] = parseDocument(value, { uniqueKeys: true, schema: 'failsafe' }).errors;
        if (fault?.code !== 'DUPLICATE_KEY') return parsed;
        context.addIssue({ code: 'custom', message: 'a key is there twice' });
      } catch {
        context.addIssue({ code: 'custom', message: 'expected JSON' });
      }
      return z.NEVER;
    })
    .pipe(schema);
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
