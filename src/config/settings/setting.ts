/** The shape of one setting: how it is given, what it means, and how it is shown. */

import type { Parser } from '../values.ts';

export interface Setting<T> {
  /** Absent where the setting is on or off: its flag is bare. */
  readonly argument?: string;
  readonly description: string;
  /** What the default is, in words; also shown in help. */
  readonly defaultText: string;
  readonly parse: Parser<T>;
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

/** An entry takes its type from what it is parsed to, so that nothing else has to tell it. */
export function setting<T>(parse: Parser<T>, entry: NoInfer<Omit<Setting<T>, 'parse'>>): Setting<T> {
  return { ...entry, parse };
}
