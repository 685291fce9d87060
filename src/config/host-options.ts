/** Options as a host's code hands them in: every fault at once, each with the option and the value, before anything is opened. */

import { statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { ConfigError, errorCode } from '../errors.ts';
import { nearestWord } from '../format/nearest-word.ts';
import { shownValue } from '../format/shown-text.ts';

/** @returns what is wrong with a value, one phrase each */
export type OptionCheck = (value: unknown) => readonly string[];
/** One entry for each option that there is. */
export type OptionChecks<Options> = Readonly<Record<keyof Options & string, OptionCheck>>;

/**
 * An option that is undefined counts as left out.
 * @param call the name of the call, for messages
 * @throws ConfigError naming all of them that are wrong, and those that do not exist with the nearest one that does
 */
export function checkOptions<Options>(call: string, given: unknown, checks: OptionChecks<Options>): void {
  if (typeof given !== 'object' || given === null) {
    throw new ConfigError([`${call}: ${shown(given)}: expected an object of options`]);
  }
  const known = Object.keys(checks);
  const checkOf = new Map<string, OptionCheck>(Object.entries(checks));
  const faults = Object.entries(given).flatMap(([name, value]) => {
    const check = checkOf.get(name);
    if (check === undefined) return [`${name}: there is no such option; did you mean ${nearestWord(name, known)}?`];
    return value === undefined ? [] : check(value).map((fault) => `${name}: ${fault}`);
  });
  const missing = known.filter((name) => checkOf.get(name)?.(undefined).includes(MISSING) && !isGiven(given, name));
  faults.push(...missing.map((name) => `${name}: ${MISSING}`));
  if (faults.length > 0) throw new ConfigError(faults.map((fault) => `${call}: ${fault}`));
}

const MISSING = 'must be given';

function isGiven(given: object, name: string): boolean {
  return (given as Record<string, unknown>)[name] !== undefined;
}

/** Makes an option one that must be there. */
export function required(check: OptionCheck): OptionCheck {
  return (value) => (value === undefined ? [MISSING] : check(value));
}

export function expected(what: string, isRight: (value: unknown) => boolean): OptionCheck {
  return (value) => (isRight(value) ? [] : [`${shown(value)}: expected ${what}`]);
}

/** As JSON, but for what is none: NaN, a BigInt, a circle. */
function shown(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'string' && typeof value !== 'object') return String(value);
  try {
    return shownValue(value);
  } catch {
    return 'an object that is no JSON';
  }
}

export const someObject = expected('an object', (value) => typeof value === 'object' && value !== null);
export const someFunction = expected('a function', (value) => typeof value === 'function');
export const someText = expected('text', (value) => typeof value === 'string' && value !== '');

export const durationMs = expected('milliseconds, more than 0', isDurationMs);
export const ageMs = expected("milliseconds, more than 0, or 'never'", (value) => {
  return value === 'never' || isDurationMs(value);
});

function isDurationMs(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

/** No shell has expanded a `~` in a host's code. */
export const absolutePath = expected('an absolute path (~ is not expanded)', (value) => {
  return typeof value === 'string' && isAbsolute(value) && !value.includes('\0');
});

/** Directories that are there. What cannot be looked at may be one, and is looked at later. */
export const directories: OptionCheck = (value) => {
  if (!Array.isArray(value) || value.length === 0) return [`${shown(value)}: expected a list of absolute paths`];
  return value.flatMap((path: unknown) => {
    const faults = absolutePath(path);
    if (faults.length > 0 || typeof path !== 'string') return faults;
    const fault = directoryFault(path);
    return fault === undefined ? [] : [`${shownValue(path)}: ${fault}`];
  });
};

function directoryFault(path: string): string | undefined {
  try {
    return statSync(path).isDirectory() ? undefined : 'it is no directory';
  } catch (error) {
    const code = errorCode(error);
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'there is no such directory' : undefined;
  }
}
