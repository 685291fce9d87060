/** What each option of a run with resume must be: held against it before a key is looked up. */

import {
  directories,
  durationMs,
  expected,
  type OptionCheck,
  required,
  someFunction,
  someObject,
  someText,
} from '../config/host-options.ts';

const prompt = expected('text, or an async iterable', (value) => {
  return typeof value === 'string' || (typeof value === 'object' && value !== null && Symbol.asyncIterator in value);
});

const waitMs = expected('milliseconds, 0 or more', (value) => typeof value === 'number' && value >= 0);

const wholeNumber = expected('a whole number, 1 or more', (value) => Number.isSafeInteger(value) && Number(value) >= 1);

export const RUN_CHECKS = {
  map: required(someObject),
  key: required(someText),
  query: required(someFunction),
  prompt: required(prompt),
  deltaPrompt: prompt,
  options: someObject,
  claudeDirs: directories,
  log: someObject,
  touchIntervalMs: durationMs,
  turnWaitMaxMs: waitMs,
  deadTurnsMax: wholeNumber,
  onQuery: someFunction,
  onFreshStart: someFunction,
} satisfies Readonly<Record<string, OptionCheck>>;
