/** Whom a host wants to be told of runs: programs of its own, and addresses, which are secrets. */

import { type Fields, recordOf } from './records.ts';
import { duration, type Parser, parser, refused } from './values.ts';

/** When a program is started: before a job runs, after it, and where it failed or did a part, was held back, or has announced what is due. */
export const HOOK_EVENTS = ['before', 'after', 'onFailure', 'onHeld', 'onNotice'] as const;
export type HookEvent = (typeof HOOK_EVENTS)[number];

/** Each a program and its arguments; no shell reads them. */
export type HookSettings = { readonly [E in HookEvent]?: readonly string[] } & {
  /** After which a hook is killed, with all that it has started. */
  readonly timeout?: number;
};

export const DEFAULT_HOOK_TIMEOUT_MS = 30_000;
/** Of a run that ends with it, and of what waits for that run. */
const HOOK_TIMEOUT_MAX_MS = 10 * 60_000;

const timeout: Parser<number> = parser(duration.schema, (raw) => {
  const parsed = duration(raw);
  if ('faults' in parsed || parsed.value <= HOOK_TIMEOUT_MAX_MS) return parsed;
  return refused('expected 10m at the most');
});

/** Found by its path or in PATH: nothing is relative to a directory that nobody knows. */
const PROGRAM = '^(/[^\\0]*|[^/\\0]+)$';
const program = new RegExp(PROGRAM, 'u');

const argv: Parser<readonly string[]> = parser({ type: 'array', items: { type: 'string' }, minItems: 1 }, (raw) => {
  const words = Array.isArray(raw) ? raw.filter((word) => typeof word === 'string' && !word.includes('\0')) : [];
  const isWhole = Array.isArray(raw) && words.length === raw.length;
  if (!isWhole || !program.test(words[0] ?? ''))
    return refused(
      'expected a list of a program, by its absolute path or a name that PATH leads to, and its arguments',
    );
  return { value: words };
});

const FIELDS: Fields<HookSettings> = {
  before: { parse: argv, isOptional: true },
  after: { parse: argv, isOptional: true },
  onFailure: { parse: argv, isOptional: true },
  onHeld: { parse: argv, isOptional: true },
  onNotice: { parse: argv, isOptional: true },
  timeout: { parse: timeout, isOptional: true },
};

export const hookSettings = recordOf<HookSettings>(FIELDS);

/** An address to which something is sent; whoever knows it can send there, too. */
export const secretUrl: Parser<string> = parser({ type: 'string', pattern: '^(off|https?://[^\\s@]+)$' }, (raw) => {
  if (raw === 'off') return { value: raw };
  return typeof raw === 'string' && isPlainUrl(raw)
    ? { value: raw }
    : refused('expected an address that begins with https:// or http:// and names no user, or off');
});

function isPlainUrl(text: string): boolean {
  if (/\s/.test(text) || !URL.canParse(text)) return false;
  const { protocol, username, password, hostname } = new URL(text);
  return /^https?:$/.test(protocol) && username === '' && password === '' && hostname !== '';
}

/** Never the address itself. */
export function showSecret(value: string): string {
  return value === 'off' ? value : 'set, and not shown';
}
