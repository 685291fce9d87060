/**
 * What Claude itself says of the sessions at work: its process records, background jobs and daemon roster.
 * An id in a record protects; its absence proves nothing. A record that cannot be read fails the whole source.
 */

import { type BigIntStats, closeSync, constants, fstatSync, readFileSync, readlinkSync } from 'node:fs';
import { parseProtectedId, type SessionId } from '../claude-dir/session-id.ts';
import { errorCode, errorMessage, OperatingError } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { type ByteName, displayName, ownName } from '../files/byte-name.ts';
import { isProcessAlive } from '../process/process-alive.ts';
import { type LiveReading, type LiveSource, withFreshReading } from './live-source.ts';

const SESSIONS = ownName('sessions');
const JOBS = ownName('jobs');
const JOB_STATE = ownName('state.json');
const DAEMON = ownName('daemon');
const ROSTER = ownName('roster.json');

/** The secret key files beside the records do not match, and are never read. */
const PROCESS_RECORD = /^([1-9][0-9]{0,9})\.json$/;
/** A record has some hundred bytes. */
const RECORD_BYTES_MAX = 4 * 2 ** 20;
/** A record is rewritten in place: what does not parse may be half-written at this moment. */
const READ_ATTEMPTS = 5;
const READ_RETRY_MS = 5;
const SETTLED_AFTER_MS = 2_000;

/** What the kernel says of processes; a parameter, so that tests can be other machines. */
export interface ProcessTable {
  /** `linux:<machine-id>:pid:[ns]`, or undefined where it cannot be told. */
  readonly domain: string | undefined;
  /**
   * Whether the process that a record speaks of has certainly ended.
   * @param startTime of the recorded process, in clock ticks since boot: settles whether the pid is another process by now
   */
  hasEnded(pid: number, startTime: string | undefined): boolean;
}

export function runningProcessesSource(
  claudeRoot: AnchoredDir,
  path: string,
  processes: ProcessTable = kernelProcessTable(),
): LiveSource {
  const ended: EndedRecords = new Map();
  const source: LiveSource = {
    name: 'running-processes',
    protection: 'running',
    read: async () => readRunning(claudeRoot, path, processes, ended),
    withLive: (ids, act) => withFreshReading(source, ids, act),
    check: async () => {
      readRunning(claudeRoot, path, processes, ended);
    },
  };
  return source;
}

/**
 * Records of processes that have certainly ended, by name, as the file was: a process does not begin again, and thousands of
 * such records may lie about while the resume map's writers wait.
 */
type EndedRecords = Map<ByteName, string>;

export function readRunning(
  root: AnchoredDir,
  path: string,
  processes: ProcessTable = kernelProcessTable(),
  ended: EndedRecords = new Map(),
): LiveReading {
  const ids = new Set<SessionId>();
  const protect = (value: unknown) => {
    const id = parseProtectedId(value);
    if (id !== undefined) ids.add(id);
  };
  try {
    inDirectory(root, SESSIONS, (sessions) => {
      for (const { name } of sessions.entries()) {
        const pid = PROCESS_RECORD.exec(name)?.[1];
        if (pid === undefined) continue;
        const stats = sessions.lstatExact(name);
        if (stats === undefined || ended.get(name) === printOf(stats)) continue;
        const record = readRecord(sessions, name);
        if (record === undefined) continue;
        if (isGone(record, Number(pid), processes)) {
          // Times are coarse: what changed just now may change once more and look the same.
          if (Date.now() - Number(stats.ctimeMs) > SETTLED_AFTER_MS) ended.set(name, printOf(stats));
          continue;
        }
        if (parseProtectedId(record.sessionId) === undefined) {
          throw new Error(`${displayName(name)}: the record of a running process names no session`);
        }
        protect(record.sessionId);
      }
    });
    inDirectory(root, JOBS, (jobs) => {
      for (const job of jobs.entries()) {
        if (job.kind === 'other') throw new Error(`${JOBS}/${displayName(job.name)}: neither file nor directory`);
        if (job.kind !== 'directory') continue;
        inDirectory(jobs, job.name, (directory) => {
          const state = readRecord(directory, JOB_STATE);
          protect(state?.sessionId);
          protect(state?.resumeSessionId);
        });
      }
    });
    inDirectory(root, DAEMON, (daemon) => {
      const workers = readRecord(daemon, ROSTER)?.workers;
      if (typeof workers !== 'object' || workers === null) return;
      for (const worker of Object.values(workers)) protect((worker as { sessionId?: unknown } | null)?.sessionId);
    });
  } catch (error) {
    throw new OperatingError(
      'unavailable',
      `read the running sessions of ${displayName(path)}: ${errorMessage(error)}`,
      { cause: error },
    );
  }
  return { ids, malformed: 0 };
}

/** Another one after every change. */
function printOf({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}

export interface RecordSurvey {
  /** Of processes that have certainly ended: they protect nothing. */
  readonly ended: number;
  /** Of another machine or container: they protect for good. */
  readonly uncheckable: number;
  /** The versions of Claude Code that wrote them. */
  readonly versions: ReadonlySet<string>;
}

/** Looks at the process records alone. @throws the system's error, or where one cannot be understood */
export function surveyRecords(root: AnchoredDir, processes: ProcessTable = kernelProcessTable()): RecordSurvey {
  const versions = new Set<string>();
  let [ended, uncheckable] = [0, 0];
  inDirectory(root, SESSIONS, (sessions) => {
    for (const { name } of sessions.entries()) {
      const pid = PROCESS_RECORD.exec(name)?.[1];
      const record = pid === undefined ? undefined : readRecord(sessions, name);
      if (record === undefined) continue;
      if (typeof record.version === 'string') versions.add(record.version);
      if (isGone(record, Number(pid), processes)) ended += 1;
      else if (processes.domain === undefined || record.pidDomain !== processes.domain) uncheckable += 1;
    }
  });
  return { ended, uncheckable, versions };
}

/** Only a record of this machine and pid namespace can be checked: any other counts as running. */
function isGone(record: Record<string, unknown>, pid: number, processes: ProcessTable): boolean {
  if (processes.domain === undefined || record.pidDomain !== processes.domain) return false;
  // Anything but a number tells nothing of whose the pid is by now.
  const startTime = /^[0-9]+$/.test(String(record.procStart)) ? String(record.procStart) : undefined;
  return processes.hasEnded(pid, startTime);
}

/** @returns undefined where the file has gone; @throws where it is there and cannot be understood */
function readRecord(directory: AnchoredDir, name: ByteName): Record<string, unknown> | undefined {
  for (let attempt = 1; ; attempt += 1) {
    const text = readSmallFile(directory, name);
    if (text === undefined) return undefined;
    const record = parseRecord(text);
    if (record !== undefined) return record;
    if (attempt === READ_ATTEMPTS) throw new Error(`${displayName(name)}: not a JSON object`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, READ_RETRY_MS);
  }
}

function readSmallFile(directory: AnchoredDir, name: ByteName): string | undefined {
  let fd: number;
  try {
    fd = directory.openFile(name, constants.O_RDONLY);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new Error(`${displayName(name)}: ${errorMessage(error)}`, { cause: error });
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile() || stats.size > RECORD_BYTES_MAX) throw new Error(`${displayName(name)}: not a small file`);
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

function parseRecord(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    // Told apart from a real fault by reading it again.
    return undefined;
  }
}

function inDirectory(parent: AnchoredDir, name: ByteName, use: (directory: AnchoredDir) => void): void {
  let directory: AnchoredDir;
  try {
    directory = parent.openChild(name);
  } catch (error) {
    // This version of Claude Code keeps no such records, or there are none now.
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  try {
    use(directory);
  } finally {
    directory.close();
  }
}

export function kernelProcessTable(): ProcessTable {
  return {
    domain: ownPidDomain(),
    hasEnded: (pid, startTime) => {
      const current = currentStartTime(pid);
      if (current === undefined) return !isProcessAlive(pid);
      return startTime !== undefined && startTime !== current;
    },
  };
}

/** proc(5) stat, field 22; undefined where /proc shows no such process. */
function currentStartTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field, the command's name, may hold spaces and brackets; the third follows the last bracket.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ESRCH') return undefined;
    throw error;
  }
}

function ownPidDomain(): string | undefined {
  try {
    const machineId = readFileSync('/etc/machine-id', 'latin1').trim();
    return machineId === '' ? undefined : `linux:${machineId}:${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    // Then no record can be checked, and every one protects.
    return undefined;
  }
}
