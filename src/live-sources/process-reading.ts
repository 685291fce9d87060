/**
 * Reads all in which Claude writes down who is at work: its process records, its background jobs and its daemon's roster. One that
 * is damaged stops none of the others; what it may protect is part of what is found.
 */

import type { BigIntStats } from 'node:fs';
import { parseIdPrefix } from '../claude-dir/id-prefixes.ts';
import {
  ILLEGIBLE_JOB,
  JOB_RECORD_BYTES_MAX,
  JOB_STATE,
  JOBS,
  type JobState,
  judgeUnreadableRoster,
  judgeWorker,
  parseJobState,
  parseRoster,
  type Roster,
} from '../claude-dir/job-records.ts';
import {
  ILLEGIBLE_RECORD,
  judgeProcessRecord,
  PROCESS_RECORD_BYTES_MAX,
  type ProcessRecord,
  parseProcessRecord,
  parseRecordName,
  type RecordVerdict,
} from '../claude-dir/process-records.ts';
import type { Clock } from '../clock.ts';
import { errorCode, isExhaustion } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { type ByteName, fixedName } from '../files/byte-name.ts';
import { inDirectory } from '../files/in-directory.ts';
import type { DirEntry } from '../files/native-calls.ts';
import { readSmallFile } from '../files/small-file.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { RecordCache } from './record-cache.ts';

export const SESSIONS = fixedName('sessions');
const DAEMON = fixedName('daemon');
const ROSTER = fixedName('roster.json');

const NO_ROSTER: Roster = { workers: [], isUnderstood: false };

/** No host has as many; the resume map's writers would wait for seconds while they are looked through. */
const RECORDS_MAX = 100_000;
/** A record is rewritten in place: what changed just now and does not parse may be half-written at this moment. */
const REWRITE_MS = 2_000;
const READ_RETRY_MS = 5;
/** In one reading, of all records together: the resume map's writers may be waiting for it. */
const READ_RETRIES_MAX = 4;

/** One record, and what it is worth now. */
export interface FoundRecord {
  /** Below the Claude directory: `sessions/4242.json`. */
  readonly place: string;
  readonly verdict: RecordVerdict;
  /** False where it is damaged, or says something that is not known here. */
  readonly isUnderstood?: boolean;
  /** Of Claude Code, where the record names it. */
  readonly version?: string | undefined;
}

/** The records of one Claude directory. Reading them again costs little: what has not changed is not read again. */
export class ProcessReading {
  readonly #root: AnchoredDir;
  readonly #processes: ProcessTable;
  readonly #clock: Clock;
  readonly #recordsMax: number;
  readonly #records = new RecordCache<ProcessRecord, RecordVerdict>(isProcessRecord);
  readonly #jobs = new RecordCache<JobState, RecordVerdict | 'finished'>(isJob);
  readonly #rosters = new RecordCache<Roster | undefined, never>(() => false);
  #retriesLeft = 0;

  /** @param recordsMax so many records, or jobs, are read at most */
  constructor(root: AnchoredDir, processes: ProcessTable, clock: Clock, recordsMax = RECORDS_MAX) {
    this.#recordsMax = recordsMax;
    this.#root = root;
    this.#processes = processes;
    this.#clock = clock;
  }

  /** @throws the system's error, or an Error that says what to do, where a directory of records cannot be read or holds too many */
  read(): FoundRecord[] {
    const nowMs = this.#clock.now();
    this.#retriesLeft = READ_RETRIES_MAX;
    return [...this.#readProcesses(nowMs), ...this.#readJobs(nowMs), ...this.#readRoster(nowMs)];
  }

  /** Cheap. @throws as `read` does */
  assertReadable(): void {
    for (const name of [SESSIONS, JOBS]) inDirectory(this.#root, name, () => []);
  }

  #readProcesses(nowMs: number): FoundRecord[] {
    return inDirectory(this.#root, SESSIONS, (sessions) => {
      const names = this.#records.names(sessions, nowMs);
      this.#assertFew(SESSIONS, names);
      return names.flatMap((name) => this.#readProcess(sessions, name, nowMs) ?? []);
    });
  }

  #readProcess(sessions: AnchoredDir, name: ByteName, nowMs: number): FoundRecord | undefined {
    const place = `${SESSIONS}/${name}`;
    const settled = this.#records.settled(name);
    if (settled !== undefined) return { place, verdict: settled };
    const [pid, stats] = [parseRecordName(name), sessions.lstatExact(name)];
    if (pid === undefined || stats === undefined) {
      this.#records.forget(name);
      return undefined;
    }
    const content = this.#records.content(name, stats, nowMs, () => this.#processRecord(sessions, name, stats));
    const verdict =
      this.#records.stillSettled(name) ?? judgeProcessRecord(content, pid, writtenAtMs(stats), this.#processes, nowMs);
    // A process that has ended does not begin again.
    if (verdict.kind === 'stale') this.#records.settle(name, verdict);
    return { place, verdict, isUnderstood: content.isWhole || verdict.kind === 'stale', version: content.version };
  }

  #processRecord(sessions: AnchoredDir, name: ByteName, stats: BigIntStats): ProcessRecord {
    for (;;) {
      const file = readSmallFile(sessions, name, PROCESS_RECORD_BYTES_MAX, stats);
      const record = file.kind === 'text' ? parseProcessRecord(file.text, file.isCut) : ILLEGIBLE_RECORD;
      const isBeingWritten = file.kind === 'text' && this.#clock.now() - writtenAtMs(stats) < REWRITE_MS;
      if (record.isWhole || !isBeingWritten || this.#retriesLeft === 0) return record;
      this.#retriesLeft -= 1;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, READ_RETRY_MS);
    }
  }

  #readJobs(nowMs: number): FoundRecord[] {
    return inDirectory(this.#root, JOBS, (jobs) => {
      const names = this.#jobs.names(jobs, nowMs);
      this.#assertFew(JOBS, names);
      return names.flatMap((name) => this.#readJob(jobs, name, nowMs));
    });
  }

  #readJob(jobs: AnchoredDir, name: ByteName, nowMs: number): FoundRecord[] {
    const place = `${JOBS}/${name}/${JOB_STATE}`;
    const settled = this.#jobs.settled(name);
    if (settled !== undefined) return settled === 'finished' ? [] : [{ place, verdict: settled }];
    const job = this.#jobState(jobs, name, nowMs);
    if (job === undefined) {
      this.#jobs.forget(name);
      return [];
    }
    const { content, atMs } = job;
    if (content.isFinished) {
      this.#jobs.settle(name, 'finished');
      return [];
    }
    const verdict = judgeWorker(content, atMs, this.#processes, nowMs);
    if (verdict.kind === 'stale') this.#jobs.settle(name, verdict);
    // A job's directory is called after its session, so that what is damaged in it still protects that.
    if (content.isWhole || verdict.kind !== 'unchecked') return [{ place, verdict, isUnderstood: content.isKnown }];
    return [{ place, verdict: { ...verdict, prefix: parseIdPrefix(name) }, isUnderstood: false }];
  }

  #assertFew(directory: ByteName, names: readonly ByteName[]): void {
    if (names.length <= this.#recordsMax) return;
    throw new Error(`${directory}/ holds more than ${this.#recordsMax} records; delete those that doctor calls stale`);
  }

  /** Undefined where the job has no state, or is gone. */
  #jobState(
    jobs: AnchoredDir,
    name: ByteName,
    nowMs: number,
  ): { readonly content: JobState; readonly atMs: number } | undefined {
    try {
      return inDirectory(jobs, name, (job) => {
        const stats = job.lstatExact(JOB_STATE);
        if (stats === undefined) return [];
        const content = this.#jobs.content(name, stats, nowMs, () => {
          const file = readSmallFile(job, JOB_STATE, JOB_RECORD_BYTES_MAX, stats);
          return file.kind === 'text' ? parseJobState(file.text, file.isCut) : ILLEGIBLE_JOB;
        });
        return [{ content, atMs: writtenAtMs(stats) }];
      })[0];
    } catch (error) {
      // Exchanged meanwhile for what is no job.
      if (isNoDirectory(error)) return undefined;
      const code = errorCode(error);
      if (code === undefined || isExhaustion(code)) throw error;
      const stats = jobs.lstatExact(name);
      return stats === undefined ? undefined : { content: ILLEGIBLE_JOB, atMs: writtenAtMs(stats) };
    }
  }

  #readRoster(nowMs: number): FoundRecord[] {
    const place = `${DAEMON}/${ROSTER}`;
    const unreadable = (stats: BigIntStats | undefined): FoundRecord[] => {
      if (stats === undefined) return [];
      return [{ place, verdict: judgeUnreadableRoster(writtenAtMs(stats), this.#processes, nowMs) }];
    };
    try {
      return inDirectory(this.#root, DAEMON, (daemon) => {
        const stats = daemon.lstatExact(ROSTER);
        if (stats === undefined) return [];
        const roster = this.#rosters.content(ROSTER, stats, nowMs, () => {
          const file = readSmallFile(daemon, ROSTER, JOB_RECORD_BYTES_MAX, stats);
          if (file.kind === 'text') return parseRoster(file.text, file.isCut);
          // What is no regular file Claude removes unread.
          return file.kind === 'unreadable' ? undefined : NO_ROSTER;
        });
        if (roster === undefined) return unreadable(stats);
        const { workers, isUnderstood } = roster;
        if (workers.length === 0) return [{ place, verdict: { kind: 'silent' }, isUnderstood }];
        return workers.map((worker) => {
          return { place, verdict: judgeWorker(worker, writtenAtMs(stats), this.#processes, nowMs), isUnderstood };
        });
      });
    } catch (error) {
      if (errorCode(error) !== 'EACCES' && !isNoDirectory(error)) throw error;
      return unreadable(this.#root.lstatExact(DAEMON));
    }
  }
}

function isProcessRecord({ name }: DirEntry): boolean {
  return parseRecordName(name) !== undefined;
}

/** What is no directory is no job to Claude either, a symlink to one included. */
export function isJob({ kind }: DirEntry): boolean {
  return kind === 'directory';
}

/** A time that somebody set to the future is no later than when it was set. */
function writtenAtMs({ mtimeMs, ctimeMs }: BigIntStats): number {
  return Math.min(Number(mtimeMs), Number(ctimeMs));
}

function isNoDirectory(error: unknown): boolean {
  return errorCode(error) === 'ENOTDIR';
}
