/** Records with a few known fields, and lists of them: what a raw value means, or every fault that it has. */

import { type Fault, type JsonSchema, type Parsed, type Parser, parser, refused } from './values.ts';
import { parseYaml } from './yaml-text.ts';

/** The fields of a record, in the order in which they are told. */
export type Fields<T> = {
  readonly [K in keyof T]-?: {
    readonly parse: Parser<Exclude<T[K], undefined>>;
    readonly isOptional: object extends Pick<T, K> ? true : false;
  };
};

type AnyFields = Readonly<Record<string, { readonly parse: Parser<unknown>; readonly isOptional: boolean }>>;

/** A list in the file; YAML, and so JSON, text in the environment or a flag. */
export function listOf<T extends object>(fields: Fields<T>): Parser<readonly T[]> {
  const expected = `{${Object.keys(fields).join(', ')}}`;
  const schema: JsonSchema = {
    anyOf: [
      { type: 'array', items: recordSchema(fields) },
      { type: 'string', pattern: '[[-]' },
    ],
  };
  return parser(schema, (raw) => {
    const parsed = typeof raw === 'string' ? parseYaml(raw) : { value: raw };
    if ('faults' in parsed) return parsed;
    if (!Array.isArray(parsed.value)) return refused(`expected a list of ${expected}`);
    const records = parsed.value.map((one: unknown, index) =>
      isRecord(one) ? parseRecord(one, fields, `${index}`) : refused(`expected ${expected}`, `${index}`),
    );
    const faults = records.flatMap((record) => ('faults' in record ? record.faults : []));
    if (faults.length > 0) return { faults };
    return { value: records.flatMap((record) => ('value' in record ? [record.value as T] : [])) };
  });
}

/** A list of records of several kinds; which fields one has, the value of its field `kind` says. */
export function listByKind<T extends { readonly kind: string }>(
  kinds: {
    readonly [K in T['kind']]: Fields<Extract<T, { readonly kind: K }>>;
  },
): Parser<readonly T[]> {
  const names = Object.keys(kinds) as T['kind'][];
  const schemas = names.map((name) => recordSchema(kinds[name]));
  const schema: JsonSchema = {
    anyOf: [
      { type: 'array', items: { anyOf: schemas } },
      { type: 'string', pattern: '[[-]' },
    ],
  };
  return parser(schema, (raw) => {
    const parsed = typeof raw === 'string' ? parseYaml(raw) : { value: raw };
    if ('faults' in parsed) return parsed;
    if (!Array.isArray(parsed.value)) return refused('expected a list of records, each with a kind and a name');
    const records = parsed.value.map((one: unknown, index) => {
      if (!isRecord(one)) return refused('expected a record with a kind and a name', `${index}`);
      const kind = names.find((name) => name === one.kind);
      if (kind === undefined) return refused(`expected one of ${names.join(', ')}`, `${index}.kind`);
      return parseRecord(one, kinds[kind], `${index}`);
    });
    const faults = records.flatMap((record) => ('faults' in record ? record.faults : []));
    if (faults.length > 0) return { faults };
    return { value: records.flatMap((record) => ('value' in record ? [record.value as T] : [])) };
  });
}

/** A record in the file; YAML, and so JSON, text in the environment or a flag. */
export function recordOf<T extends object>(fields: Fields<T>): Parser<T> {
  return parser({ anyOf: [recordSchema(fields), { type: 'string', pattern: '[:{]' }] }, (raw) => {
    const parsed = typeof raw === 'string' ? parseYaml(raw) : { value: raw };
    if ('faults' in parsed) return parsed;
    if (!isRecord(parsed.value)) return refused(`expected {${Object.keys(fields).join(', ')}}`);
    const record = parseRecord(parsed.value, fields, '');
    return 'faults' in record ? record : { value: record.value as T };
  });
}

function recordSchema(fields: AnyFields): JsonSchema {
  const entries = Object.entries(fields);
  return {
    type: 'object',
    properties: Object.fromEntries(entries.map(([name, { parse }]) => [name, parse.schema])),
    required: entries.filter(([, { isOptional }]) => !isOptional).map(([name]) => name),
    additionalProperties: false,
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseRecord(raw: Readonly<Record<string, unknown>>, fields: AnyFields, at: string): Parsed<object> {
  const faults: Fault[] = Object.keys(raw)
    .filter((name) => !Object.hasOwn(fields, name))
    .map((name) => ({ at: below(at, name), fault: `expected one of ${Object.keys(fields).join(', ')}` }));
  const record: Record<string, unknown> = {};
  for (const [name, { parse, isOptional }] of Object.entries(fields)) {
    if (isOptional && !Object.hasOwn(raw, name)) continue;
    const parsed = parse(raw[name]);
    if ('value' in parsed) record[name] = parsed.value;
    else
      faults.push(...parsed.faults.map(({ at: inner, fault }) => ({ at: below(below(at, name), inner ?? ''), fault })));
  }
  return faults.length > 0 ? { faults } : { value: record };
}

function below(at: string, name: string): string {
  return [at, name].filter((part) => part !== '').join('.');
}
