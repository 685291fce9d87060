/** What a daemon does now and next, in the state directory: a hint for `status`, which nothing depends on. */

import { closeSync, constants, readFileSync, realpathSync, writeSync } from 'node:fs';
import { errorCode, OperatingError } from '../errors.ts';
import { AnchoredDir } from '../files/anchored-dir.ts';
import { fixedName } from '../files/byte-name.ts';
import { shownText } from '../format/shown-text.ts';

const FILE = fixedName('daemon.json');
const UNFINISHED = fixedName('daemon.json.new');
const FILE_MODE = 0o600;
/** Beyond it, a date is none. */
const TIME_MAX_MS = 8.64e15;

export interface Activity {
  readonly job: string;
  /** Unix epoch ms. */
  readonly sinceMs: number;
  /** As in `JobProgress`; absent before the first. */
  readonly phase?: string;
}

export interface ActivityRecord {
  /** Whose it is, together with its start: several daemons may share a state directory. */
  readonly pid: number;
  readonly startedAtMs: number;
  readonly activity?: Activity;
  /** By job, Unix epoch ms. */
  readonly nextRunsMs: Readonly<Record<string, number>>;
}

/** Whole or not at all; where there is no room, the one before stays. */
export function writeActivity(stateDir: string, record: ActivityRecord): void {
  inStateDir(stateDir, (directory) => {
    if (directory.has(UNFINISHED)) directory.unlink(UNFINISHED);
    const fd = directory.openFile(UNFINISHED, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, FILE_MODE);
    try {
      directory.giveTo(directory, fd);
      writeSync(fd, `${JSON.stringify(record)}\n`);
    } finally {
      closeSync(fd);
    }
    directory.renameTo(UNFINISHED, directory, FILE);
  });
}

/** Undefined where that daemon has written nothing down here, or what makes no sense. */
export function readActivity(
  stateDir: string,
  { pid, startedAtMs }: Pick<ActivityRecord, 'pid' | 'startedAtMs'>,
): Pick<ActivityRecord, 'activity' | 'nextRunsMs'> | undefined {
  const record = objectOf(inStateDir(stateDir, readRecord));
  if (record.pid !== pid || record.startedAtMs !== startedAtMs) return undefined;
  const activity = activityOf(record.activity);
  const nextRuns = Object.entries(objectOf(record.nextRunsMs)).flatMap(([job, timeMs]) =>
    isTime(timeMs) ? [[shownText(job), timeMs] as const] : [],
  );
  return { nextRunsMs: Object.fromEntries(nextRuns), ...(activity === undefined ? {} : { activity }) };
}

function readRecord(directory: AnchoredDir): unknown {
  const fd = directory.openFile(FILE, constants.O_RDONLY);
  try {
    return JSON.parse(readFileSync(fd, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  } finally {
    closeSync(fd);
  }
}

function activityOf(value: unknown): Activity | undefined {
  const { job, sinceMs, phase } = objectOf(value);
  if (typeof job !== 'string' || !isTime(sinceMs)) return undefined;
  return { job: shownText(job), sinceMs, ...(typeof phase === 'string' ? { phase: shownText(phase) } : {}) };
}

/** Nothing that goes wrong with it is worth a run. */
function inStateDir<T>(stateDir: string, use: (directory: AnchoredDir) => T): T | undefined {
  let directory: AnchoredDir | undefined;
  try {
    directory = AnchoredDir.open(realpathSync(stateDir));
    return use(directory);
  } catch (error) {
    if (errorCode(error) === undefined && !(error instanceof OperatingError)) throw error;
    return undefined;
  } finally {
    directory?.close();
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= TIME_MAX_MS;
}
