/** What inputs mean by the documentation alone: a second reading, made of regular expressions and JSON.parse, to hold the program's against. */

import { isUtf8 } from 'node:buffer';
import { normalize } from 'node:path';

/** Undefined: to be refused. */
export type Meaning = { readonly value: unknown } | undefined;

const UNIT_MS: Readonly<Record<string, bigint>> = {
  ms: 1n,
  s: 1_000n,
  m: 60_000n,
  h: 3_600_000n,
  d: 86_400_000n,
  w: 604_800_000n,
};
const CENTURY_MS = 36_525n * 86_400_000n;
const UNIT_BYTES: Readonly<Record<string, bigint>> = {
  B: 1n,
  kB: 1_000n,
  KB: 1_000n,
  MB: 10n ** 6n,
  GB: 10n ** 9n,
  TB: 10n ** 12n,
  KiB: 2n ** 10n,
  MiB: 2n ** 20n,
  GiB: 2n ** 30n,
  TiB: 2n ** 40n,
};
const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
const CONTROL = /[\u0000-\u001f\u007f]/;
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

export function isId(text: unknown): text is string {
  return typeof text === 'string' && text.length === 36 && ID.test(text);
}

export function isKey(text: string): boolean {
  return text.length > 0 && text.length <= 1_024 && !CONTROL.test(text) && !LONE_SURROGATE.test(text);
}

function duration(text: string, minMs = 1n, maxMs = CENTURY_MS): Meaning {
  const [, digits, unit] = /^(\d{1,9})(ms|s|m|h|d|w)$/.exec(text) ?? [];
  const durationMs = BigInt(digits ?? 0) * (UNIT_MS[unit ?? 'ms'] ?? 0n);
  return durationMs >= minMs && durationMs <= maxMs ? { value: Number(durationMs) } : undefined;
}

const age = (text: string): Meaning => (text === 'never' ? { value: text } : duration(text));

function byteSize(text: string): Meaning {
  if (text === 'off') return { value: text };
  const [, digits, unit] = /^(\d{1,16})([A-Za-z]+)$/.exec(text) ?? [];
  const bytes = BigInt(digits ?? 0) * (UNIT_BYTES[unit ?? ''] ?? 0n);
  return bytes > 0n && bytes <= BigInt(Number.MAX_SAFE_INTEGER) ? { value: Number(bytes) } : undefined;
}

const count = (text: string): Meaning =>
  /^\d{1,7}$/.test(text) && BigInt(text) <= 1_000_000n ? { value: Number(text) } : undefined;

const oneOf =
  (words: Readonly<Record<string, unknown>>) =>
  (text: string): Meaning =>
    Object.hasOwn(words, text) ? { value: words[text] } : undefined;

function listen(text: string): Meaning {
  if (text === 'off') return { value: text };
  const [, v6, name, port] = /^(?:\[([\da-fA-F:.]+)\]|([A-Za-z\d.-]+)):(\d{1,5})$/.exec(text) ?? [];
  return port === undefined || Number(port) > 65_535 ? undefined : { value: { host: v6 ?? name, port: Number(port) } };
}

function path(text: string): Meaning {
  const isPlain = text.startsWith('/') && !/(^|\/)\.\.(\/|$)/.test(text) && !text.includes('\0');
  return isPlain ? { value: normalize(text).replace(/(.)\/+$/, '$1') } : undefined;
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];
const BOOLEANS = oneOf({ true: true, false: false });
const HOUR_MS = 3_600_000n;
const TIMER_MAX_MS = 24n * 86_400_000n;

export const MEANINGS: Readonly<Record<string, (text: string) => Meaning>> = {
  maxAge: age,
  'sessions.maxAge': age,
  'trash.keep': (text) => duration(text),
  minAge: (text) => duration(text, HOUR_MS),
  runDeadline: (text) => duration(text, 1n, TIMER_MAX_MS),
  'schedule.jitter': (text) => duration(text, 1n, TIMER_MAX_MS),
  maxTotalBytes: byteSize,
  keepLast: count,
  'sweep.dangling': BOOLEANS,
  'sessions.onlyThisHost': BOOLEANS,
  logLevel: oneOf(Object.fromEntries(LEVELS.map((level) => [level, level]))),
  'sessions.defaultForge': (text) =>
    /^[^\s:]{1,100}$/.test(text) && !CONTROL.test(text) ? { value: text } : undefined,
  listen,
  'sessions.db': path,
  projects: (text) => projects(text),
};

/** A list as JSON text, each of its objects with keys that are known and there once; its scalars are the texts that they are. */
export function projects(text: string): Meaning {
  const tree = readJson(text);
  return tree === undefined ? undefined : projectList(textual(tree));
}

export function projectList(list: unknown): Meaning {
  if (!Array.isArray(list)) return undefined;
  const value: object[] = [];
  for (const one of list as Record<string, unknown>[]) {
    if (typeof one !== 'object' || one === null || Array.isArray(one)) return undefined;
    if (Object.keys(one).some((key) => !['match', 'maxAge', 'keepLast'].includes(key))) return undefined;
    const { match, maxAge, keepLast } = one;
    const ofAge = typeof maxAge === 'string' ? age(maxAge) : undefined;
    const ofCount = typeof keepLast === 'string' || Number.isInteger(keepLast) ? count(String(keepLast)) : undefined;
    if (typeof match !== 'string' || match === '') return undefined;
    if (('maxAge' in one && ofAge === undefined) || ('keepLast' in one && ofCount === undefined)) return undefined;
    value.push({ match, ...(ofAge && { maxAge: ofAge.value }), ...(ofCount && { keepLast: ofCount.value }) });
  }
  return { value };
}

/** JSON with its objects as lists of entries: nothing is hidden, neither order nor a key that is there twice. */
export type Json = string | number | boolean | null | readonly Json[] | Entries;
export class Entries {
  readonly list: readonly (readonly [string, Json])[];
  constructor(list: readonly (readonly [string, Json])[]) {
    this.list = list;
  }
}

/** Undefined where it is no JSON, or an object has a key twice. */
export function readJson(text: string): Json | undefined {
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  let at = 0;
  let isDouble = false;
  // What JSON.parse has taken is well-formed: this need only follow it.
  const value = (): Json => {
    const token = tokens[at++] as string;
    if (token === '[') return list(']', value);
    if (token !== '{') return JSON.parse(token);
    const entries = list('}', (): readonly [string, Json] => {
      const key = JSON.parse(tokens[at] as string) as string;
      at += 2;
      return [key, value()];
    });
    isDouble ||= new Set(entries.map(([key]) => key)).size < entries.length;
    return new Entries(entries);
  };
  const list = <T>(end: string, read: () => T): T[] => {
    const items: T[] = [];
    while (tokens[at] !== end) {
      items.push(read());
      if (tokens[at] === ',') at += 1;
    }
    at += 1;
    return items;
  };
  const tree = value();
  return isDouble ? undefined : tree;
}

export type ImportedRow = readonly [key: string, sessionId: string, lastUsedAtMs: number];

/** The rows that a `sessions.json` stands for, by key, as they come out of an import; undefined where it is to be refused. */
export function readRows(bytes: Buffer): ReadonlyMap<string, ImportedRow> | undefined {
  const text = bytes.toString('utf8');
  if (!isUtf8(bytes) || text.startsWith('\uFEFF')) return undefined;
  const tree = readJson(text);
  if (!(tree instanceof Entries)) return undefined;
  const rows = tree.list.map(([key, value]) => readRow(key, value));
  const byKey = new Map<string, ImportedRow>();
  for (const isRenamed of [false, true]) {
    for (const one of rows) {
      if (one === undefined) return undefined;
      if (one.isRenamed === isRenamed && !byKey.has(one.row[0])) byKey.set(one.row[0], one.row);
    }
  }
  return byKey;
}

function readRow(oldKey: string, value: Json): { readonly row: ImportedRow; readonly isRenamed: boolean } | undefined {
  if (oldKey === '__proto__') return undefined;
  const key = oldKey
    .replace(/^[^:]*:[^:]*:[^:]*$/, 'forgejo:$&')
    .replace(/^([^:]*):foreman:([^:]*:[^:]*)$/, '$1:architect:$2');
  if (!isKey(key)) return undefined;
  const isRenamed = key !== oldKey;
  if (typeof value === 'string') return isId(value) ? { row: [key, value, 0], isRenamed } : undefined;
  if (!(value instanceof Entries)) return undefined;
  if (value.list.some(([name, field]) => name === '__proto__' || (typeof field === 'object' && field !== null)))
    return undefined;
  const fields = new Map(value.list);
  const [id, time] = [fields.get('id'), fields.get('last_used_at')];
  if (!isId(id) || typeof time !== 'number' || !Number.isSafeInteger(time) || time < 0) return undefined;
  return { row: [key, id, time], isRenamed };
}

/** What the text of a configuration file in JSON sets, by setting; undefined where it is to be refused or is no JSON. */
export function readConfigFile(text: string): Readonly<Record<string, unknown>> | undefined {
  const tree = readJson(text.replace(/^\uFEFF/, ''));
  if (!(tree instanceof Entries)) return undefined;
  const found: Record<string, unknown> = {};
  const walk = (entries: Entries, prefix: string): boolean =>
    entries.list.every(([key, value]) => {
      const path = prefix + key;
      const meaningOf = MEANINGS[path];
      if (meaningOf === undefined || !Object.hasOwn(MEANINGS, path))
        return value instanceof Entries && walk(value, `${path}.`);
      if (Object.hasOwn(found, path)) return false;
      const meaning =
        path === 'projects' && Array.isArray(value) ? projectList(textual(value)) : scalar(meaningOf, value);
      found[path] = meaning?.value;
      return meaning !== undefined;
    });
  return walk(tree, '') ? found : undefined;
}

/** In a file every scalar is the text that it is. */
function scalar(meaningOf: (text: string) => Meaning, value: Json): Meaning {
  return typeof value === 'object' && value !== null ? undefined : meaningOf(String(textual(value)));
}

function textual(value: Json): unknown {
  if (Array.isArray(value)) return value.map(textual);
  if (value instanceof Entries) {
    return Object.assign(
      Object.create(null),
      Object.fromEntries(value.list.map(([key, inner]) => [key, textual(inner)])),
    );
  }
  return String(value);
}
