/** Retention of single projects: the one setting with a shape of its own. */

import { createRequire } from 'node:module';
import { type Age, age, count, type Parsed, type Parser } from './values.ts';

/** Retention that differs in the projects whose directory name matches a glob. */
export interface ProjectOverride {
  readonly match: string;
  readonly maxAge?: Age;
  readonly keepLast?: number;
}

const EXPECTATION = 'expected a list of {match, maxAge, keepLast}';
const load = createRequire(import.meta.url);

/** A list in the file; JSON text in the environment or a flag. */
export const projectOverrides: Parser<readonly ProjectOverride[]> = (raw) => {
  const list = typeof raw === 'string' ? parseJson(raw) : { value: raw };
  if ('fault' in list) return list;
  const result = overridesSchema().safeParse(list.value);
  if (!result.success) {
    const [issue] = result.error.issues;
    if (issue === undefined || issue.code === 'invalid_type') return { fault: EXPECTATION };
    return { fault: issue.message, at: issue.path.join('.') };
  }
  const value = result.data.map(({ match, maxAge, keepLast }) => ({
    match,
    ...(maxAge === undefined ? {} : { maxAge }),
    ...(keepLast === undefined ? {} : { keepLast }),
  }));
  return { value };
};

/** Made when it is needed: most configurations have no overrides, and loading what it takes is long beside all else. */
function overridesSchema() {
  const { z } = load('zod') as typeof import('zod');
  const schemaOf = <T>(parse: Parser<T>) =>
    z.unknown().transform((raw, context) => {
      const parsed = parse(raw);
      if ('value' in parsed) return parsed.value;
      context.addIssue({ code: 'custom', message: parsed.fault });
      return z.NEVER;
    });
  return z.array(
    z.strictObject({
      match: z.string({ error: 'match: expected a glob over project directory names' }).min(1),
      maxAge: schemaOf(age).optional(),
      keepLast: schemaOf(count).optional(),
    }),
    { error: EXPECTATION },
  );
}

/** JSON.parse would let the last of two equal keys win in silence. */
function parseJson(text: string): Parsed<unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { fault: EXPECTATION };
  }
  const { parseDocument } = load('yaml') as typeof import('yaml');
  const [fault] = parseDocument(text, { uniqueKeys: true, schema: 'failsafe' }).errors;
  return fault?.code === 'DUPLICATE_KEY' ? { fault: 'a key is there twice' } : { value };
}
