/** Judges what a program answered to an input: exit code, what it said, and whether anything on disk is other than before. */

import type { Place } from '../../support/place.ts';
import type { Exit } from '../../support/process.ts';
import { filled, type InputCase } from './case.ts';

/** A message is for a person's eye. */
const LINE_LENGTH_MAX = 5_000;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
export const RAW_CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;
const STACK = /^\s+at |node:internal|\.js:\d+:\d+|Warning: /m;
const OWN_LINE = /^(claude-session-sweeper: |error: )/;
const SUGGESTION = /^\(Did you mean .*\)$/;

export function judgeAnswer(one: InputCase, exit: Exit, place: Place): string[] {
  const faults: string[] = [];
  const said = `${exit.stderr}${one.isRun ? exit.stdout : ''}`;
  if (exit.code === null || !one.codes.includes(exit.code)) {
    faults.push(
      `ended with ${exit.code ?? exit.signal}, not ${one.codes.join(' or ')}: ${excerpt(said || exit.stdout)}`,
    );
  }
  for (const wanted of one.names ?? []) {
    const isSaid = typeof wanted === 'string' ? said.includes(filled(wanted, place)) : wanted.test(said);
    if (!isSaid) faults.push(`does not name ${wanted}: ${excerpt(said)}`);
  }
  for (const secret of one.secrets ?? []) {
    if (`${exit.stderr}${exit.stdout}`.includes(secret)) faults.push(`tells the secret ${secret}: ${excerpt(said)}`);
  }
  if (STACK.test(exit.stderr)) faults.push(`shows a stack or a warning: ${excerpt(exit.stderr)}`);
  if (RAW_CONTROLS.test(exit.stderr + exit.stdout)) faults.push(`writes raw control characters: ${excerpt(said)}`);
  faults.push(...lineFaults(one, exit));
  if (exit.code === 0 && one.shows !== undefined && !showsIt(one.shows, exit.stdout))
    faults.push(`does not show it: ${excerpt(exit.stdout)}`);
  return faults;
}

/** What cannot be read does not show anything. */
function showsIt(shows: (stdout: string) => boolean, stdout: string): boolean {
  try {
    return shows(stdout);
  } catch {
    return false;
  }
}

function lineFaults(one: InputCase, { code, stderr }: Exit): string[] {
  const lines = stderr.split('\n').filter((line) => line !== '');
  const faults = lines
    .filter((line) => line.length > LINE_LENGTH_MAX && !isJson(line))
    .map((line) => `writes a line of ${line.length} characters`);
  if (one.isRun) {
    const strays = lines.filter((line) => !OWN_LINE.test(line) && !isJson(line));
    return [...faults, ...strays.map((line) => `writes a line that is no message: ${excerpt(line)}`)];
  }
  const told = lines.filter((line) => !SUGGESTION.test(line));
  const strays = told.filter((line) => !OWN_LINE.test(line)).map((line) => `writes a stray line: ${excerpt(line)}`);
  const wanted = one.faults ?? (code === 0 ? 0 : 1);
  const count = told.length === wanted ? [] : [`tells ${told.length} faults, not ${wanted}: ${excerpt(stderr)}`];
  return [...faults, ...strays, ...count];
}

export function isJson(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}

export function excerpt(text: string): string {
  return JSON.stringify(text.slice(0, 400));
}
