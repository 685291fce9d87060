/** Judges what a program answered to an input: exit code, what it said, and whether anything on disk is other than before. */

import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type FileState, stateOf } from '../../support/snapshot.ts';
import type { Exit } from '../harness.ts';
import { filled, type InputCase, type Place } from './case.ts';

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

export type Snapshot = ReadonlyMap<string, FileState>;

/** Files by content and time, directories by their being there. */
export function snapshotPlace(root: string): Snapshot {
  const states = new Map<string, FileState>();
  const walk = (relative: string) => {
    for (const entry of readdirSync(join(root, relative), { withFileTypes: true })) {
      const path = relative === '' ? entry.name : `${relative}/${entry.name}`;
      if (!entry.isDirectory()) {
        states.set(path, stateOf(join(root, path)));
        continue;
      }
      states.set(path, { hash: `directory ${lstatSync(join(root, path)).mode}`, mtimeNs: 0n });
      walk(path);
    }
  };
  if (existsSync(root)) walk('');
  return states;
}

export function changesBetween(before: Snapshot, after: Snapshot, mayChange: RegExp | undefined): string[] {
  const paths = new Set([...before.keys(), ...after.keys()]);
  return [...paths].flatMap((path) => {
    const [was, is] = [before.get(path), after.get(path)];
    if (mayChange?.test(path)) return [];
    if (was === undefined) return [`${path} is new`];
    if (is === undefined) return [`${path} is gone`];
    if (was.hash !== is.hash) return [`${path} is not what it was`];
    return was.mtimeNs === is.mtimeNs ? [] : [`${path} has another time`];
  });
}
