/** Bad configuration, flags, environment, ids, keys, sessions.json and databases: the right exit code, one clear line, and not a byte other than before. */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { differences, looksOf } from '../support/disk.ts';
import { freshDirectory, Place } from '../support/place.ts';
import { PROGRAM, run } from '../support/process.ts';
import { seededRandom, shuffled, spread } from '../support/samples.ts';
import { DAY_MS, makeSession, makeTree, sessionIdOf } from '../support/tree.ts';
import { type Harness, type HarnessOptions, type HarnessResult, inParallel } from './harness.ts';
import { filled, type InputCase } from './inputs/case.ts';
import { commandLineCases, EXACT_KEYS, exactIdOf } from './inputs/command-lines.ts';
import { configFileCases } from './inputs/config-files.ts';
import { databaseCases } from './inputs/databases.ts';
import { expectationOf, fuzz } from './inputs/fuzz.ts';
import { type FuzzCase, generate } from './inputs/generate.ts';
import { liveSourceCases } from './inputs/live-sources.ts';
import { secretCases } from './inputs/secrets.ts';
import { cutCases, sessionsJsonCases } from './inputs/sessions-json.ts';
import { settingCases, variableOf } from './inputs/settings.ts';
import { placeCases } from './inputs/surroundings.ts';
import { judgeAnswer } from './inputs/verdict.ts';

const FUZZED = 20_000;
const FUZZED_SHORT = 6_000;
const FUZZED_BATCH = 2_000;
const SAMPLED = 120;
const SAMPLED_SHORT = 6;
const NAMED_SHORT = 64;
const CUTS_SHORT = 8;
/** Of each laxness of the control. */
const CONTROL_CASES = 4;
const CASE_TIMEOUT_MS = 20_000;

const PARSE_BATCH = programAt('./programs/parse-batch.js');
const LAX_PARSE_BATCH = programAt('./controls/lax-parse-batch.js');
const LAX_SWEEPER = programAt('./controls/lax-sweeper.js');

function programAt(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}

export const inputs: Harness = {
  name: 'inputs',
  missing: () =>
    process.geteuid?.() === 0 && spawnSync('setpriv', ['-V']).status !== 0
      ? 'setpriv is not installed (apt-get install util-linux)'
      : undefined,
  run: runInputs,
};

async function runInputs(options: HarnessOptions): Promise<HarnessResult> {
  const { isShort, directory, seed } = options;
  const template = await prepareTemplate(freshDirectory(directory, 'template'), seed);
  const random = seededRandom(seed);
  const fuzzed = generate(isShort ? FUZZED_SHORT : FUZZED, random);
  const [named, cuts] = [namedCases(), cutCases()];
  const chosen = isShort
    ? [...spread(shuffled(named, random), NAMED_SHORT), ...spread(cuts, CUTS_SHORT)]
    : [...named, ...cuts];
  const sampled = spread(fuzzed, isShort ? SAMPLED_SHORT : SAMPLED).flatMap(asNamed);
  const failures = await runCases([...chosen, ...sampled], PROGRAM, template, directory);
  failures.push(...(await fuzzAll(fuzzed, PARSE_BATCH, directory)));
  const { caught, isCaught } = await runControl(fuzzed, template, directory);
  return {
    cases: chosen.length + sampled.length + fuzzed.length,
    failures,
    control: `lax parser: ${caught}`,
    isControlCaught: isCaught,
    figures: `${chosen.length - (isShort ? CUTS_SHORT : cuts.length)} named, ${isShort ? CUTS_SHORT : cuts.length} cuts, ${fuzzed.length} fuzzed, ${sampled.length} of them by process`,
  };
}

function namedCases(): InputCase[] {
  return [
    ...settingCases(),
    ...configFileCases(),
    ...placeCases(),
    ...secretCases(),
    ...commandLineCases(),
    ...sessionsJsonCases(),
    ...databaseCases(),
    ...liveSourceCases(),
  ];
}

/** A Claude directory with sessions of all ages, and a resume map with every key that must match exactly. */
async function prepareTemplate(directory: string, seed: number): Promise<string> {
  const place = new Place(directory);
  const { claudeDir, stateDir } = place;
  makeTree(claudeDir, { sessions: 4, seed: seed % 1_000 });
  makeSession(claudeDir, { id: sessionIdOf(0xabcd), ageMs: 40 * DAY_MS });
  mkdirSync(stateDir);
  const made = await place.run(['sessions', 'set', 'first', sessionIdOf(1)]);
  if (made.code !== 0) throw new Error(`the template cannot be made: ${made.stderr}`);
  const database = new Database(join(stateDir, 'sessions.db'));
  const insert = database.prepare('INSERT INTO claude_sdk_sessions VALUES (?, ?, ?, ?)');
  for (const [index, key] of EXACT_KEYS.entries()) insert.run(key, exactIdOf(index), Date.now(), Date.now());
  database.close();
  return directory;
}

async function runCases(
  cases: readonly InputCase[],
  program: string,
  template: string,
  directory: string,
): Promise<string[]> {
  const failures: string[] = [];
  await inParallel(cases, availableParallelism(), async (one, hand) => {
    const faults = await runCase(one, program, template, join(directory, `place-${hand}`));
    failures.push(...faults.map((fault) => `${one.name}: ${fault}`));
  });
  return failures;
}

async function runCase(one: InputCase, program: string, template: string, directory: string): Promise<string[]> {
  rmSync(directory, { recursive: true, force: true });
  cpSync(template, directory, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  const place = new Place(directory);
  await one.prepare?.(place);
  const before = looksOf(directory);
  const exit = await run(...commandOf(one, program, place), {
    env: environmentOf(one, place),
    cwd: '/',
    timeout: CASE_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  return [
    ...judgeAnswer(one, exit, place),
    ...differences(before, looksOf(directory), one.mayChange),
    ...(one.judge?.(place) ?? []),
  ];
}

/** Without these root reads no more than others do. */
const PRIVILEGES = '-dac_override,-dac_read_search';

function commandOf(one: InputCase, program: string, place: Place): [string, string[]] {
  const args = [program, ...one.args.map((argument) => filled(argument, place))];
  if (one.isUnprivileged !== true || process.geteuid?.() !== 0) return [process.execPath, args];
  return ['setpriv', ['--bounding-set', PRIVILEGES, '--inh-caps', PRIVILEGES, process.execPath, ...args]];
}

function environmentOf(one: InputCase, place: Place): Record<string, string> {
  const environment: Record<string, string> = {
    SWEEPER_CLAUDE_DIR: place.claudeDir,
    SWEEPER_STATE_DIR: place.stateDir,
  };
  for (const [name, value] of Object.entries(one.environment ?? {})) {
    if (value === undefined) delete environment[name];
    else environment[name] = filled(value, place);
  }
  return environment;
}

async function fuzzAll(cases: readonly FuzzCase[], program: string, directory: string): Promise<string[]> {
  const batches: FuzzCase[][] = [];
  for (let start = 0; start < cases.length; start += FUZZED_BATCH)
    batches.push(cases.slice(start, start + FUZZED_BATCH));
  const failures: string[] = [];
  await inParallel(batches, availableParallelism(), async (batch, hand) => {
    failures.push(...(await fuzz(batch, program, freshDirectory(directory, `fuzz-${hand}`))));
  });
  return failures;
}

/** The same input once more, as a user would give it. */
function asNamed(one: FuzzCase): InputCase[] {
  const expected = expectationOf(one);
  if (expected === 'open' || one.kind === 'id' || one.kind === 'key') return [];
  const isGood = expected !== 'refused';
  if (one.kind === 'sessions-json') {
    const prepare = ({ stateDir }: Place) => writeFileSync(join(stateDir, 'sessions.json'), one.bytes);
    return [
      {
        name: `sampled: sessions.json ${JSON.stringify(one.bytes.toString('latin1'))}`,
        args: ['sessions', 'list'],
        prepare,
        codes: [isGood ? 0 : 65],
      },
    ];
  }
  const codes = [isGood ? 0 : 78];
  if (one.kind === 'file') {
    const prepare = ({ directory }: Place) => writeFileSync(join(directory, 'config'), one.text);
    return [
      {
        name: `sampled: file ${one.text}`,
        args: ['check-config', '--config', '{place}/config'],
        prepare,
        codes,
        isRun: true,
      },
    ];
  }
  // No variable can hold these.
  if (one.text.includes('\0')) return [];
  return [
    {
      name: `sampled: ${one.path} ${JSON.stringify(one.text)}`,
      args: ['check-config'],
      environment: { [variableOf(one.path)]: one.text },
      codes,
    },
  ];
}

/** Each laxness must be found out, by the very cases and the very grammar. */
async function runControl(
  fuzzed: readonly FuzzCase[],
  template: string,
  directory: string,
): Promise<{ readonly caught: string; readonly isCaught: boolean }> {
  const named = namedCases();
  const caught: Record<string, number> = {};
  for (const [what, pattern] of Object.entries({
    ages: /^maxAge ".*" from flag/,
    keys: /^good: drop "[aA]/,
    documents: /^sessions\.json: (a key twice|a null row|a field).*sessions set/,
  })) {
    const cases = named.filter(({ name }) => pattern.test(name)).slice(0, CONTROL_CASES);
    const failures = await runCases(cases, LAX_SWEEPER, template, directory);
    caught[what] = cases.filter(({ name }) => failures.some((failure) => failure.startsWith(`${name}: `))).length;
  }
  const found = await fuzz(fuzzed.slice(0, FUZZED_BATCH), LAX_PARSE_BATCH, freshDirectory(directory, 'fuzz-control'));
  const kinds = {
    settings: / from (flag|environment): /,
    files: /^fuzz: file/,
    documents: /^fuzz: sessions/,
    ids: /^fuzz: id/,
    keys: /^fuzz: key/,
  };
  for (const [what, pattern] of Object.entries(kinds)) {
    caught[`fuzzed ${what}`] = found.filter((fault) => pattern.test(fault)).length;
  }
  const shown = Object.entries(caught).map(([what, count]) => `${count} ${what}`);
  return { caught: `${shown.join(', ')} caught`, isCaught: Object.values(caught).every((count) => count > 0) };
}
