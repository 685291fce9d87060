/** Which daemon works on a Claude directory, and since when: written beside its lock, and believed only while that is held. */

import { hostname } from 'node:os';
import { errorCode } from '../errors.ts';
import { fixedName } from '../files/byte-name.ts';
import { shownText } from '../format/shown-text.ts';
import { systemUptime } from '../process/machine-clock.ts';
import { kernelProcessTable } from '../process/process-table.ts';
import type { ClaudeDir } from './claude-dir.ts';
import { readOwnRecord, removeOwnRecord, writeOwnRecord } from './own-record.ts';

const FILE = fixedName('worker.json');

export interface WorkerStart {
  readonly version: string;
  /** Unix epoch ms. */
  readonly startedAtMs: number;
}

/** Whose pid it is: the pids of another pid namespace or machine mean nothing here. */
export type WorkerPlace = 'here' | 'another-container' | 'another-machine' | 'elsewhere';

export interface KnownWorker extends WorkerStart {
  readonly pid: number;
  readonly host: string;
  readonly place: WorkerPlace;
}

/** Where a pid means something. */
export interface PidDomain {
  readonly bootId: string;
  readonly pidNamespace: string | undefined;
}

export function ownPidDomain(): PidDomain {
  return { bootId: systemUptime().bootId, pidNamespace: kernelProcessTable().pidNamespace };
}

/** Only a hint is lost where it cannot be written. The caller holds the lock of the worker. */
export function writeWorkerRecord(claudeDir: ClaudeDir, start: WorkerStart): void {
  forgiven(() =>
    writeOwnRecord(claudeDir, FILE, { pid: process.pid, host: hostname(), domain: ownPidDomain(), ...start }),
  );
}

/** So that nobody finds it after the lock is given back. */
export function removeWorkerRecord(claudeDir: ClaudeDir): void {
  forgiven(() => removeOwnRecord(claudeDir, FILE));
}

/** Undefined where there is none, or one that makes no sense. */
export function readWorkerRecord(claudeDir: ClaudeDir, domain: PidDomain = ownPidDomain()): KnownWorker | undefined {
  return forgiven(() => parsed(readOwnRecord(claudeDir, FILE), domain));
}

/** `pid 12 on host-a since 2026-…`, for a sentence. */
export function describeWorker({ pid, host, place, startedAtMs }: KnownWorker): string {
  return `pid ${pid} ${PLACES[place]} ${host}, since ${new Date(startedAtMs).toISOString()}`;
}

const PLACES: Readonly<Record<WorkerPlace, string>> = {
  here: 'on',
  'another-container': 'of another container of this machine,',
  'another-machine': 'of another machine,',
  elsewhere: 'of another machine or container,',
};

function forgiven<T>(use: () => T): T | undefined {
  try {
    return use();
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return undefined;
  }
}

function parsed(value: unknown, domain: PidDomain): KnownWorker | undefined {
  const record = objectOf(value);
  const { pid, host, version, startedAtMs } = record;
  if (!isTime(startedAtMs) || typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid < 1) return undefined;
  if (typeof host !== 'string' || typeof version !== 'string') return undefined;
  const place = placeOf(record.domain, domain);
  return { pid, host: shownText(host), version: shownText(version), startedAtMs, place };
}

/** The id of the boot is that of the machine, in all its containers; some hide it. */
function placeOf(value: unknown, here: PidDomain): WorkerPlace {
  const { bootId, pidNamespace } = objectOf(value);
  const isKnown = [bootId, here.bootId, pidNamespace, here.pidNamespace].every(
    (part) => typeof part === 'string' && part !== 'unknown',
  );
  if (!isKnown) return 'elsewhere';
  if (bootId !== here.bootId) return 'another-machine';
  return pidNamespace === here.pidNamespace ? 'here' : 'another-container';
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** Beyond it, a date is none. */
const TIME_MAX_MS = 8.64e15;

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= TIME_MAX_MS;
}
