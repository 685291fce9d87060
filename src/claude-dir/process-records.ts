/** How Claude writes down its processes, `sessions/<pid>.json`, and what such a record is worth at a given time. Pure. */

import { EARLIEST_SENSIBLE_TIME_MS } from '../clock.ts';
import type { ProcessTable, RunningProcess } from '../process/process-table.ts';
import type { IdPrefix } from './id-prefixes.ts';
import { asObject, fieldInText, parseJson, parseTicks, sessionIdsInText, sessionIdsOf } from './record-text.ts';
import type { SessionId } from './session-id.ts';

/** The secret key files beside the records do not match, and are never read. */
const RECORD_NAME = /^([1-9][0-9]{0,9})\.json$/;
/** A record has some hundred bytes. */
export const PROCESS_RECORD_BYTES_MAX = 2 ** 16;

const DAY_MS = 86_400_000;
/**
 * A record that cannot be checked, of another machine or container or without a process to ask for, may be true for as long: Claude
 * itself deletes by default what has not been written for 30 days, live or not, so nobody can rely on more.
 */
export const UNCHECKED_PROTECTS_MS = 30 * DAY_MS;
/**
 * A process's start is reckoned by the wall clock of now, a file's time by that of then: where the clock was set in between, or the
 * machine was paused, the two differ by so much, and it settles nothing yet.
 */
export const CLOCK_MARGIN_MS = DAY_MS;

export interface ProcessRecord {
  readonly sessionIds: readonly SessionId[];
  /** The start of the process in clock ticks since boot; undefined where it is not legible. */
  readonly procStart: string | undefined;
  /** `linux:<machine-id>:pid:[ns]`: where the pid means something; undefined where that is not legible. */
  readonly pidDomain: string | undefined;
  /** When the process began by its own account, Unix epoch ms. */
  readonly startedAtMs: number | undefined;
  /** Of Claude Code. */
  readonly version: string | undefined;
  /** Whether all of it could be read: if not, what is missing may be what matters. */
  readonly isWhole: boolean;
}

/** What cannot be opened says nothing. */
export const ILLEGIBLE_RECORD: ProcessRecord = {
  sessionIds: [],
  procStart: undefined,
  pidDomain: undefined,
  startedAtMs: undefined,
  version: undefined,
  isWhole: false,
};

/** Why a record protects nothing: told to whoever is to delete it. */
export type StaleReason =
  | 'its process has ended'
  | 'its pid is another process by now'
  | 'it is too old to be believed';

export type RecordVerdict =
  /** A process is at work on these sessions. */
  | { readonly kind: 'running'; readonly sessionIds: readonly SessionId[] }
  /** A process may be at work on these: whether it is cannot be checked, and is assumed until then (Unix epoch ms). */
  | {
      readonly kind: 'unchecked';
      readonly sessionIds: readonly SessionId[];
      /** Every session whose id begins so, too. */
      readonly prefix?: IdPrefix | undefined;
      readonly untilMs: number;
    }
  /** A process is or may be at work, on a session that was written to at or after this (Unix epoch ms), whichever it is. */
  | { readonly kind: 'unnamed'; readonly sinceMs: number }
  | { readonly kind: 'stale'; readonly reason: StaleReason }
  /** It names nobody. */
  | { readonly kind: 'silent' };

/** The pid of a record's file; undefined where the name is no record's. */
export function parseRecordName(name: string): number | undefined {
  const pid = RECORD_NAME.exec(name)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/** Where the pids of this process table mean something, as Claude writes it; undefined where the machine does not say who it is. */
function pidDomainOf({ machineId, pidNamespace }: ProcessTable): string | undefined {
  return machineId === undefined || pidNamespace === undefined ? undefined : `linux:${machineId}:${pidNamespace}`;
}

/** @param isCut the text is only the beginning of the file */
export function parseProcessRecord(text: string, isCut: boolean): ProcessRecord {
  const fields = isCut ? undefined : asObject(parseJson(text)?.value);
  if (fields === undefined) {
    return {
      sessionIds: sessionIdsInText(text),
      procStart: parseTicks(fieldInText(text, 'procStart')),
      pidDomain: fieldInText(text, 'pidDomain'),
      startedAtMs: parseTime(Number(fieldInText(text, 'startedAt'))),
      version: fieldInText(text, 'version'),
      isWhole: false,
    };
  }
  const { procStart, pidDomain, startedAt, version } = fields;
  return {
    sessionIds: sessionIdsOf(fields),
    procStart: parseTicks(procStart),
    pidDomain: typeof pidDomain === 'string' ? pidDomain : undefined,
    startedAtMs: parseTime(startedAt),
    version: typeof version === 'string' ? version : undefined,
    isWhole: true,
  };
}

function parseTime(value: unknown): number | undefined {
  return typeof value === 'number' && value >= EARLIEST_SENSIBLE_TIME_MS ? value : undefined;
}

/**
 * What a record is worth.
 * @param pid of the file's name
 * @param writtenAtMs when the record was last written, Unix epoch ms
 */
export function judgeProcessRecord(
  record: ProcessRecord,
  pid: number,
  writtenAtMs: number,
  processes: ProcessTable,
  nowMs: number,
): RecordVerdict {
  const { sessionIds, procStart, startedAtMs = writtenAtMs } = record;
  const current = processes.find(pid);
  // Wherever the record says that it belongs: no two processes share both numbers by chance.
  const isThisVeryProcess = procStart !== undefined && procStart === current?.startTicks;
  const isOfHere = isThisVeryProcess || saysItIsOf(pidDomainOf(processes), record);
  if (isOfHere) {
    const reason = endOfProcess(current, procStart, writtenAtMs, processes);
    if (reason !== undefined) return { kind: 'stale', reason };
    if (sessionIds.length > 0) return { kind: 'running', sessionIds };
    return { kind: 'unnamed', sinceMs: workingSinceMs(current, writtenAtMs, processes) };
  }
  const untilMs = writtenAtMs + UNCHECKED_PROTECTS_MS;
  if (nowMs > untilMs) return { kind: 'stale', reason: 'it is too old to be believed' };
  if (sessionIds.length > 0) return { kind: 'unchecked', sessionIds, untilMs };
  return { kind: 'unnamed', sinceMs: Math.min(startedAtMs, writtenAtMs) - CLOCK_MARGIN_MS };
}

/** Whether a record's pid can be asked for here. One so damaged that it does not say where it belongs is judged by the pid alone. */
function saysItIsOf(domain: string | undefined, { isWhole, sessionIds, pidDomain }: ProcessRecord): boolean {
  if (pidDomain === undefined) return !isWhole || sessionIds.length === 0;
  return pidDomain === domain;
}

/**
 * Why a process that was written down is certainly at work no more; undefined where it may be.
 * @param current what runs under its pid now
 * @param procStart its start in clock ticks, as it was written down; undefined where that is not known
 * @param writtenAtMs when it was written down, Unix epoch ms
 */
export function endOfProcess(
  current: RunningProcess | undefined,
  procStart: string | undefined,
  writtenAtMs: number,
  processes: ProcessTable,
): StaleReason | undefined {
  if (current === undefined) return 'its process has ended';
  if (procStart !== undefined && current.startTicks !== undefined) {
    return procStart === current.startTicks ? undefined : 'its pid is another process by now';
  }
  // What is younger than the record is not what was written down.
  const notBeforeMs = current.startedAtMs ?? processes.bootedAtMs();
  const isYounger = notBeforeMs !== undefined && notBeforeMs > writtenAtMs + CLOCK_MARGIN_MS;
  return isYounger ? 'its pid is another process by now' : undefined;
}

/** A process touches what it resumes: it is at work on nothing that was last written before it began. */
function workingSinceMs(current: RunningProcess | undefined, writtenAtMs: number, processes: ProcessTable): number {
  const startedAtMs = current?.startedAtMs ?? processes.bootedAtMs() ?? Number.NEGATIVE_INFINITY;
  return Math.min(startedAtMs, writtenAtMs) - CLOCK_MARGIN_MS;
}
