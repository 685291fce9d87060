/** How long sessions of a class stay, where that differs from what their project says. */

import { type Fields, recordOf } from './records.ts';
import { type Age, age, type Parsed, type Parser, parser } from './values.ts';

export const SESSION_CLASSES = [
  /** A person at a terminal or in an editor. */
  'cli',
  /** A program, by the Agent SDK or with `-p`, where no person has answered in it. */
  'sdk',
  /** A background job or a schedule, in which no person has answered. */
  'background',
  /** Claude Desktop or Cowork, whose own sessions Claude's clean-up spares. */
  'desktop',
  /** A session that is driven from elsewhere. */
  'remote',
  /** Put into the archive by a person or a host, and not used since; where it has an age here, however it came to be. */
  'archived',
  /** No conversation: titles, tags and the like without a word of a user or of Claude. */
  'metadata',
] as const;
export type SessionClass = (typeof SESSION_CLASSES)[number];

export type ClassAges = Readonly<Partial<Record<SessionClass, Age>>>;

/** Desktop's own sessions stay, as Claude's own clean-up keeps them; what is no conversation is soon of no use. */
export const DEFAULT_CLASS_AGES: ClassAges = { desktop: 'never', metadata: 7 * 86_400_000 };

const rule = recordOf<{ readonly maxAge: Age }>({ maxAge: { parse: age, isOptional: false } });
const rules = recordOf<Partial<Record<SessionClass, { readonly maxAge: Age }>>>(
  Object.fromEntries(SESSION_CLASSES.map((name) => [name, { parse: rule, isOptional: true }])) as Fields<
    Partial<Record<SessionClass, { readonly maxAge: Age }>>
  >,
);

/** What is not named keeps its default. */
export const classAges: Parser<ClassAges> = parser(rules.schema, (raw): Parsed<ClassAges> => {
  const parsed = rules(raw);
  if ('faults' in parsed) return parsed;
  const given = Object.entries(parsed.value).map(([name, { maxAge }]) => [name, maxAge] as const);
  return { value: { ...DEFAULT_CLASS_AGES, ...Object.fromEntries(given) } };
});
