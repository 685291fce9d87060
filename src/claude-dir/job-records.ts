/** How Claude writes down its background jobs: `jobs/<short id>/state.json`, and the daemon's `daemon/roster.json`. Pure. */

import { fixedName } from '../files/byte-name.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { CLOCK_MARGIN_MS, endOfProcess, type RecordVerdict, UNCHECKED_PROTECTS_MS } from './process-records.ts';
import { asObject, parseJson, parseTicks, sessionIdsInText, sessionIdsOf } from './record-text.ts';
import type { SessionId } from './session-id.ts';

export const JOBS = fixedName('jobs');
/** In the directory of a job. */
export const JOB_STATE = fixedName('state.json');

/** As Claude itself reads of these files: a state holds prompts and results. */
export const JOB_RECORD_BYTES_MAX = 8 * 2 ** 20;

/** States that Claude Code 2.1 writes of jobs that have ended, … */
const ENDED_STATES = ['done', 'failed', 'stopped'];
/** … and words that others may write for the same. Whatever stands in neither list counts as at work. */
const SAID_OTHERWISE = [
  ...['aborted', 'archived', 'canceled', 'cancelled', 'closed', 'complete', 'completed', 'ended', 'error', 'errored'],
  ...[
    'exited',
    'expired',
    'failure',
    'finished',
    'killed',
    'succeeded',
    'success',
    'terminated',
    'timed_out',
    'timeout',
  ],
];
const FINISHED_STATES: ReadonlySet<string> = new Set([...ENDED_STATES, ...SAID_OTHERWISE]);
/** States that Claude Code 2.1 writes of jobs that have not ended: the second waits for a person. */
const KNOWN_UNFINISHED: ReadonlySet<string> = new Set(['working', 'blocked']);
/** Beside a final state it says that the job was given more to do. */
const ACTIVE_TEMPO = 'active';

export interface JobState {
  readonly sessionIds: readonly SessionId[];
  readonly isFinished: boolean;
  /** Whether this release knows the state's name: what it does not know counts as at work. */
  readonly isKnown: boolean;
  /** Undefined where it names none. */
  readonly pid: number | undefined;
  readonly procStart: string | undefined;
  /** Whether all of it could be read. */
  readonly isWhole: boolean;
}

const NO_PROCESS = { pid: undefined, procStart: undefined };

/** What cannot be opened may be a job at work. */
export const ILLEGIBLE_JOB: JobState = {
  sessionIds: [],
  isFinished: false,
  isKnown: false,
  isWhole: false,
  ...NO_PROCESS,
};

export interface RosterWorker {
  readonly sessionIds: readonly SessionId[];
  /** Undefined where none has been started for it yet, or none is any more. */
  readonly pid: number | undefined;
  readonly procStart: string | undefined;
}

export interface Roster {
  readonly workers: readonly RosterWorker[];
  /** False where it is damaged, or not of a form that is known here. */
  readonly isUnderstood: boolean;
}

/** @param isCut the text is only the beginning of the file */
export function parseJobState(text: string, isCut: boolean): JobState {
  const fields = isCut ? undefined : asObject(parseJson(text)?.value);
  if (fields === undefined) return { ...ILLEGIBLE_JOB, sessionIds: sessionIdsInText(text) };
  const state = wordOf(fields.state);
  return {
    sessionIds: sessionIdsOf(fields),
    isFinished: FINISHED_STATES.has(state) && wordOf(fields.tempo) !== ACTIVE_TEMPO,
    isKnown: FINISHED_STATES.has(state) || KNOWN_UNFINISHED.has(state),
    pid: parsePid(fields.pid),
    procStart: parseTicks(fields.procStart),
    isWhole: true,
  };
}

function wordOf(value: unknown): string {
  return typeof value === 'string' ? value.trim().toLowerCase() : '';
}

/** Workers by name or in a list, below `workers` or at the top. */
export function parseRoster(text: string, isCut: boolean): Roster {
  const value = isCut ? undefined : parseJson(text)?.value;
  const workers = Array.isArray(value) ? value : asObject(value)?.workers;
  // Claude sets a damaged roster aside and takes up no worker of it; their ids count for a while all the same.
  if (typeof workers !== 'object' || workers === null) return { workers: workersInText(text), isUnderstood: false };
  return { workers: Object.values(workers).flatMap(parseWorker), isUnderstood: true };
}

function workersInText(text: string): RosterWorker[] {
  const sessionIds = sessionIdsInText(text);
  return sessionIds.length === 0 ? [] : [{ sessionIds, ...NO_PROCESS }];
}

function parseWorker(value: unknown): RosterWorker[] {
  const fields = asObject(value);
  if (fields === undefined) return [];
  // What it was sent to do names the session too, and is there first.
  const sessionIds = [...new Set([...sessionIdsOf(fields), ...sessionIdsOf(asObject(fields.dispatch) ?? {})])];
  return sessionIds.length === 0
    ? []
    : [{ sessionIds, pid: parsePid(fields.pid), procStart: parseTicks(fields.procStart) }];
}

function parsePid(value: unknown): number | undefined {
  const pid = Number(value);
  return /^[0-9]+$/.test(String(value)) && Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
}

/**
 * What a roster is worth that is there and cannot be opened: any session that a process of this boot is at work on may be named in it.
 * @param writtenAtMs when it was last written, Unix epoch ms
 */
export function judgeUnreadableRoster(writtenAtMs: number, processes: ProcessTable, nowMs: number): RecordVerdict {
  if (nowMs > writtenAtMs + UNCHECKED_PROTECTS_MS) return { kind: 'stale', reason: 'it is too old to be believed' };
  const sinceMs = (processes.bootedAtMs() ?? Number.NEGATIVE_INFINITY) - CLOCK_MARGIN_MS;
  return writtenAtMs < sinceMs ? { kind: 'stale', reason: 'its process has ended' } : { kind: 'unnamed', sinceMs };
}

/**
 * What a job that is not finished, or a worker of the roster, is worth.
 * @param writtenAtMs when it was last written down, Unix epoch ms
 */
export function judgeWorker(
  { sessionIds, pid, procStart }: Pick<RosterWorker, 'sessionIds' | 'pid' | 'procStart'>,
  writtenAtMs: number,
  processes: ProcessTable,
  nowMs: number,
): RecordVerdict {
  if (pid !== undefined) {
    const reason = endOfProcess(processes.find(pid), procStart, writtenAtMs, processes);
    return reason === undefined ? { kind: 'running', sessionIds } : { kind: 'stale', reason };
  }
  const untilMs = writtenAtMs + UNCHECKED_PROTECTS_MS;
  if (nowMs > untilMs) return { kind: 'stale', reason: 'it is too old to be believed' };
  return { kind: 'unchecked', sessionIds, untilMs };
}
