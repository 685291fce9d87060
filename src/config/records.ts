/** A list of records with a few known fields: the records that a raw value means, or every fault that it has. */

import { type Fault, type Parsed, type Parser, refused } from './values.ts';
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
  return (raw) => {
    const parsed = typeof raw === 'string' ? parseYaml(raw) : { value: raw };
    if ('faults' in parsed) return parsed;
    if (!Array.isArray(parsed.value)) return refused(`expected a list of ${expected}`);
    const records = parsed.value.map((one: unknown, index) =>
      isRecord(one) ? parseRecord(one, fields, `${index}`) : refused(`expected ${expected}`, `${index}`),
    );
    const faults = records.flatMap((record) => ('faults' in record ? record.faults : []));
    if (faults.length > 0) return { faults };
    return { value: records.flatMap((record) => ('value' in record ? [record.value as T] : [])) };
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseRecord(raw: Readonly<Record<string, unknown>>, fields: AnyFields, at: string): Parsed<object> {
  const faults: Fault[] = Object.keys(raw)
    .filter((name) => !Object.hasOwn(fields, name))
    .map((name) => ({ at: `${at}.${name}`, fault: `expected one of ${Object.keys(fields).join(', ')}` }));
  const record: Record<string, unknown> = {};
  for (const [name, { parse, isOptional }] of Object.entries(fields)) {
    if (isOptional && !Object.hasOwn(raw, name)) continue;
    const parsed = parse(raw[name]);
    if ('value' in parsed) record[name] = parsed.value;
    else faults.push(...parsed.faults.map(({ fault }) => ({ at: `${at}.${name}`, fault })));
  }
  return faults.length > 0 ? { faults } : { value: record };
}
