/** Thousands of inputs made by chance, read by the built modules in a process of their own, and held against the grammar. */

import { lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { run } from '../../support/process.ts';
import type { FuzzCase } from './generate.ts';
import { isId, isKey, MEANINGS, readConfigFile, readJson, readRows } from './grammar.ts';
import { RAW_CONTROLS } from './verdict.ts';

export type BatchQuestion =
  | Exclude<FuzzCase, { readonly kind: 'sessions-json' }>
  | { readonly kind: 'sessions-json'; readonly file: string };

export type BatchAnswer =
  | { readonly accepted: unknown }
  | { readonly refused: number; readonly message: string; readonly faults: readonly string[] }
  | { readonly crash: string };

/** What the grammar says: `open` where it is no JSON, and so YAML's to say. */
export type Expectation = { readonly accepted: unknown } | 'refused' | 'open';

const MESSAGE_LENGTH_MAX = 1_200;
const CODES: Readonly<Record<FuzzCase['kind'], number>> = {
  setting: 78,
  file: 78,
  'sessions-json': 65,
  id: 64,
  key: 64,
};

/** The grammar knows JSON alone; the program reads YAML, too. */
export function expectationOf(one: FuzzCase): Expectation {
  switch (one.kind) {
    case 'setting':
      if (one.path === 'projects' && readJson(one.text) === undefined) return 'open';
      return asExpectation(MEANINGS[one.path]?.(one.text)?.value);
    case 'file':
      return readJson(one.text) === undefined ? 'open' : asExpectation(readConfigFile(one.text));
    case 'sessions-json': {
      const rows = readRows(one.bytes);
      return asExpectation(rows && [...rows.values()]);
    }
    case 'id':
      return asExpectation(isId(one.text) ? one.text : undefined);
    case 'key':
      return asExpectation(isKey(one.text) ? one.text : undefined);
  }
}

function asExpectation(value: unknown): Expectation {
  return value === undefined ? 'refused' : { accepted: value };
}

/** @returns one sentence for every input of which the program makes something else than the grammar does */
export async function fuzz(cases: readonly FuzzCase[], program: string, directory: string): Promise<string[]> {
  mkdirSync(directory, { recursive: true });
  const files = cases.map((one, index) =>
    one.kind === 'sessions-json' ? writeInput(one.bytes, directory, index) : undefined,
  );
  const times = files.map((file) => file && lstatSync(file, { bigint: true }).mtimeNs);
  const questions = cases.map((one, index): BatchQuestion => {
    return one.kind === 'sessions-json' ? { kind: one.kind, file: files[index] ?? '' } : one;
  });
  const list = join(directory, 'questions');
  writeFileSync(list, `${questions.map((question) => JSON.stringify(question)).join('\n')}\n`);
  const { stdout, stderr, code } = await run(process.execPath, [program, list]);
  const answers = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as BatchAnswer);
  if (code !== 0 || answers.length !== cases.length)
    return [`fuzz: ${answers.length} of ${cases.length} answers, code ${code}: ${stderr.slice(0, 500)}`];
  return cases.flatMap((one, index) => {
    const faults = judge(one, answers[index] as BatchAnswer);
    const file = files[index];
    if (file !== undefined && one.kind === 'sessions-json') {
      const isSame = readFileSync(file).equals(one.bytes) && lstatSync(file, { bigint: true }).mtimeNs === times[index];
      if (!isSame) faults.push('the file is not as it was');
    }
    return faults.map((fault) => `fuzz: ${describe(one)}: ${fault}`);
  });
}

function writeInput(bytes: Buffer, directory: string, index: number): string {
  const file = join(directory, `input-${index}`);
  writeFileSync(file, bytes);
  return file;
}

function judge(one: FuzzCase, answer: BatchAnswer): string[] {
  if ('crash' in answer) return [`crashes: ${answer.crash.slice(0, 300)}`];
  const expected = expectationOf(one);
  if ('refused' in answer) {
    const faults = answer.faults.flatMap((fault) => messageFaults(fault));
    if (answer.refused !== CODES[one.kind]) faults.push(`is refused with ${answer.refused}, not ${CODES[one.kind]}`);
    if (typeof expected === 'object')
      faults.push(`is refused (${answer.message.slice(0, 200)}) and means ${show(expected.accepted)}`);
    return faults;
  }
  if (expected === 'refused') return [`is taken for ${show(answer.accepted)}`];
  if (expected === 'open') return saneFaults(answer.accepted as Record<string, unknown>);
  const value = one.kind === 'sessions-json' ? firstOfEachKey(answer.accepted) : answer.accepted;
  const isSame = isDeepStrictEqual(JSON.parse(JSON.stringify(value)), JSON.parse(JSON.stringify(expected.accepted)));
  return isSame ? [] : [`is taken for ${show(value)} and means ${show(expected.accepted)}`];
}

function messageFaults(fault: string): string[] {
  const faults: string[] = [];
  if (fault === '' || fault.includes('\n') || RAW_CONTROLS.test(fault))
    faults.push(`its message is no plain line: ${show(fault)}`);
  if (fault.length > MESSAGE_LENGTH_MAX) faults.push(`its message has ${fault.length} characters`);
  return faults;
}

/** Of YAML at least this is known: what is in force is a value that the setting can have. */
function saneFaults(config: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(config)
    .filter(
      ([, value]) =>
        value === undefined || value === null || value === '' || (typeof value === 'number' && !(value >= 0)),
    )
    .map(([path, value]) => `${path} is ${show(value)}`);
}

/** Rows are inserted in their order, and the first of a key counts. */
function firstOfEachKey(rows: unknown): unknown {
  const byKey = new Map<unknown, unknown>();
  for (const row of rows as [unknown][]) if (!byKey.has(row[0])) byKey.set(row[0], row);
  return [...byKey.values()];
}

function describe(one: FuzzCase): string {
  if (one.kind === 'sessions-json')
    return `sessions.json ${JSON.stringify(one.bytes.toString('latin1').slice(0, 600))}`;
  return one.kind === 'setting' ? `${one.path} ${show(one.text)} from ${one.origin}` : `${one.kind} ${show(one.text)}`;
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 600);
}
