/** Judges a run in which calls failed, and the tree that it left behind: before and after a second run without faults. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Place } from '../support/place.ts';
import { type Exit, runProgram } from '../support/process.ts';
import { RENAMES } from './fault-points.ts';
import { integrityFault, leftOvers, locate, missingFiles, type Prints } from './oracle.ts';
import { restore, type Scenario, shieldedNow, type Template } from './scenarios.ts';
import type { CallFault } from './strace.ts';

/** What a job has worked on. */
export interface Tree {
  readonly scenario: Scenario;
  readonly template: Template;
  readonly place: Place;
  readonly prints: Prints;
}

export interface FaultyRun extends Tree {
  readonly fault: CallFault;
  /** Sessions whose move had begun before the fault, where the job moves any. */
  readonly begunBefore: number;
  /** Whether the first call that failed was on something in the trash. */
  readonly isInTrash: boolean;
  /** Calls that were made to fail. */
  readonly hits: number;
}

/** What the docs say a run may end with; 64 and 70 are no answer to a failed call. */
const EXIT_CODES: readonly (number | null)[] = [0, 65, 69, 73, 74, 75, 77, 78];
const IO_EXIT_CODE = 74;
const BAD_DATA_EXIT_CODE = 65;

export function exitFaults({ code, signal, stderr }: Exit): string[] {
  if (signal !== null) return [`ended by ${signal}: ${stderr.slice(0, 400)}`];
  const faults: string[] = [];
  if (!EXIT_CODES.includes(code)) faults.push(`ended with ${code}: ${stderr.slice(0, 400)}`);
  if (/^ +at .+:\d+:\d+\)?$/m.test(stderr) || stderr.includes('"level":"fatal"') || /Assertion|FATAL/.test(stderr)) {
    faults.push(`a stack trace on stderr: ${stderr.slice(0, 400)}`);
  }
  return faults;
}

/** Directly after the faults: a unit may be under way, but nothing that stays has moved, and nothing is lost or changed. */
export function heldFaults({ scenario, template, place, prints }: Tree): string[] {
  const { claudeDir } = place;
  const expected = scenario.expected(template);
  const { places, faults } = locate(claudeDir, template.sessions, prints, shieldedNow(template));
  const lasting = template.sessions.filter(({ id }) => expected.get(id) !== 'gone');
  const moved = lasting.filter(({ id }) => expected.get(id) === 'here' && places.get(id) !== 'here');
  return [
    ...faults.filter((fault) => / is not what | has another /.test(fault)),
    ...missingFiles(claudeDir, lasting).map((file) => `${file} is lost`),
    ...(scenario === restore ? [] : moved.map(({ id }) => `session ${id}, which stays, is ${places.get(id)}`)),
  ];
}

/** What the faults of each kind are promised to lead to, where that is clear. */
export function outcomeFaults(run: FaultyRun, exit: Exit): string[] {
  const { scenario, template, place, prints, fault } = run;
  const { places } = locate(place.claudeDir, template.sessions, prints, shieldedNow(template));
  const expected = [...scenario.expected(template)];
  const undone = expected.filter(([id, where]) => places.get(id) !== where).length;
  const isDone = undone === 0 && (scenario.judge?.(place, template) ?? []).length === 0;
  const faults: string[] = [];
  if (exit.code === 0 && !isDone && fault.errno !== 'ENOENT') faults.push('ended with 0, though its work is not done');
  if (scenario === restore && exit.code === BAD_DATA_EXIT_CODE && fault.errno !== 'ENOENT' && !isDone) {
    faults.push(`ended with ${exit.code}, though nothing is wrong with the data: ${exit.stderr.slice(0, 300)}`);
  }
  const trashed = [...places.values()].filter((where) => where === 'trashed').length;
  const isPrune = expected.some(([, where]) => where === 'trashed') && !expected.some(([, where]) => where === 'gone');
  if (isPrune) faults.push(...pruneFaults(run, exit, trashed, undone));
  return faults;
}

/** What says that the whole place cannot be worked in, where it says it of a step of a move. */
const STOPPING: readonly string[] = ['EROFS', 'ENOSPC', 'EMFILE'];
const STEPS: readonly string[] = [...RENAMES, 'mkdir', 'write'];
/** A run opens a few directories more or fewer than the recorded one did, so its n-th opening may come a few sessions later. */
const OPENINGS_SLACK = 4;
/** A disk that fails is given up after a few errors; bringing a directory back may be one more. */
const IO_ERRORS_MAX = 4;

function pruneFaults(
  { fault, begunBefore, isInTrash, hits }: FaultyRun,
  { code }: Exit,
  trashed: number,
  undone: number,
) {
  const { call, errno, isForEver } = fault;
  const faults: string[] = [];
  // Some of a database's own calls may fail and do no harm, such as the fsync of a checkpoint when it is closed.
  // An opening that fails but once is tried again on the spot.
  const isOpening = call === 'openat' && errno === 'EMFILE' && isForEver;
  const isStep = STEPS.includes(call) || (call === 'fsync' && isInTrash) || isOpening;
  const slack = call === 'openat' ? OPENINGS_SLACK : 0;
  if (STOPPING.includes(errno) && isStep && trashed > begunBefore + slack) {
    faults.push(`${trashed} sessions are in the trash, though ${begunBefore} were on their way when it had to stop`);
  }
  if (!RENAMES.includes(call)) return faults;
  const isForgiven = errno === 'ENOENT' || errno === 'EINTR';
  if (!isForgiven && code !== IO_EXIT_CODE) faults.push(`ended with ${code}, not ${IO_EXIT_CODE}`);
  if (isForgiven && code !== 0 && !isForEver) faults.push(`ended with ${code}, not 0`);
  if (!isForEver && !STOPPING.includes(errno) && undone > 1) {
    faults.push(`${undone} sessions stay, though only one could not be moved`);
  }
  if (errno === 'EIO' && hits > IO_ERRORS_MAX) faults.push(`went on after ${hits} I/O errors`);
  return faults;
}

/**
 * Runs the job again, and everything must be where it belongs.
 * @param isBlind the system said of files that they are not there: then what was to be destroyed may lie in the trash for good
 */
export async function settledFaults(tree: Tree, isBlind = false): Promise<string[]> {
  const { scenario, template, place, prints } = tree;
  const { claudeDir } = place;
  const expected = scenario.expected(template);
  const sessions = template.sessions.filter(({ id }) => !isBlind || expected.get(id) !== 'gone');
  const rerun = await runProgram(scenario.args(place, template));
  const faults: string[] = [];
  // A restore that had been through before finds nothing to restore.
  if (rerun.code !== 0 && !(scenario === restore && rerun.code === BAD_DATA_EXIT_CODE)) {
    faults.push(`the second run ended with ${rerun.code}: ${rerun.stderr.slice(0, 400)}`);
  }
  const { places, faults: torn } = locate(claudeDir, sessions, prints, shieldedNow(template));
  faults.push(...torn, ...(scenario.judge?.(place, template) ?? []), ...leftOvers(place.stateDir));
  for (const { id } of sessions) {
    if (places.get(id) !== expected.get(id)) faults.push(`session ${id} is ${places.get(id)}, not ${expected.get(id)}`);
  }
  return [...faults, ...databaseFaults(place)];
}

function databaseFaults(place: Place): string[] {
  const paths = ['sessions.db', 'ledger.db']
    .map((name) => join(place.stateDir, name))
    .filter((path) => existsSync(path));
  return paths.map(integrityFault).filter((fault) => fault !== undefined);
}
