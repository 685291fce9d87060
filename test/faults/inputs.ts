/** Bad configuration files, surroundings, secrets, keys, sessions.json and databases: the right exit code, one clear line, and not a byte other than before. */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync } from 'node:fs';
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
import { configFileCases } from './inputs/config-files.ts';
import { databaseCases } from './inputs/databases.ts';
import { EXACT_KEYS, exactIdOf, exactKeyCases } from './inputs/exact-keys.ts';
import { liveSourceCases } from './inputs/live-sources.ts';
import { secretCases } from './inputs/secrets.ts';
import { sessionsJsonCases } from './inputs/sessions-json.ts';
import { placeCases } from './inputs/surroundings.ts';
import { judgeAnswer } from './inputs/verdict.ts';

const CASES_SHORT = 72;
/** How many cases the control gets of each kind that it takes too lightly. */
const CONTROL_CASES = 4;
const CASE_TIMEOUT_MS = 60_000;

const LAX_SWEEPER = fileURLToPath(new URL('./controls/lax-sweeper.js', import.meta.url));

export const inputs: Harness = {
  name: 'inputs',
  missing: () =>
    process.geteuid?.() === 0 && spawnSync('setpriv', ['-V']).status !== 0
      ? 'setpriv is not installed (apt-get install util-linux)'
      : undefined,
  run: runInputs,
};

async function runInputs({ isShort, directory, seed }: HarnessOptions): Promise<HarnessResult> {
  const template = await prepareTemplate(freshDirectory(directory, 'template'), seed);
  const all = allCases();
  const chosen = isShort ? spread(shuffled(all, seededRandom(seed)), CASES_SHORT) : all;
  const failures = await runCases(chosen, PROGRAM, template, directory);
  const caught = await runControl(all, template, directory);
  const shown = Object.entries(caught).map(([what, count]) => `${count} ${what}`);
  return {
    cases: chosen.length,
    failures,
    control: `lax program: ${shown.join(', ')} caught`,
    isControlCaught: Object.values(caught).every((count) => count > 0),
  };
}

function allCases(): InputCase[] {
  return [
    ...configFileCases(),
    ...placeCases(),
    ...secretCases(),
    ...exactKeyCases(),
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
  const made = await place.run(['map', 'set', 'first', sessionIdOf(1)]);
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

/** @returns how often each laxness is found out, by the very cases */
async function runControl(
  cases: readonly InputCase[],
  template: string,
  directory: string,
): Promise<Readonly<Record<string, number>>> {
  const caught: Record<string, number> = {};
  for (const [what, pattern] of Object.entries({
    files: /^file: (a key twice|an alias|a setting of nothing)$/,
    keys: /^good: drop "[aA]/,
    documents: /^sessions\.json: (a key twice|a null row|a field).*map set/,
    databases: /^database of the host's (of 0 bytes|that is not there): list$/,
  })) {
    const some = cases.filter(({ name }) => pattern.test(name)).slice(0, CONTROL_CASES);
    const failures = await runCases(some, LAX_SWEEPER, template, directory);
    caught[what] = some.filter(({ name }) => failures.some((failure) => failure.startsWith(`${name}: `))).length;
  }
  return caught;
}
