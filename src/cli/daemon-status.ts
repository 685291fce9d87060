/** Whether a daemon runs on each Claude directory, since when, and what it is at: by its lock and its record, without a network. */

import { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { isDirLocked } from '../claude-dir/dir-lock.ts';
import { describeWorker, type KnownWorker, readWorkerRecord } from '../claude-dir/worker-record.ts';
import type { Config } from '../config/config.ts';
import { type ActivityRecord, readActivity } from '../daemon/activity-record.ts';
import { OperatingError } from '../errors.ts';
import { displayName } from '../files/byte-name.ts';
import { formatAge, formatTime } from './terminal.ts';

export interface DaemonStatus {
  readonly claudeDir: string;
  /** Undefined where it cannot be told. */
  readonly isRunning: boolean | undefined;
  /** Undefined where none runs, or it has written nothing down. */
  readonly worker: (KnownWorker & Partial<Pick<ActivityRecord, 'activity' | 'nextRunsMs'>>) | undefined;
}

export function readDaemons({ claudeDir: paths, stateDir }: Pick<Config, 'claudeDir' | 'stateDir'>): DaemonStatus[] {
  return paths.map((path) => {
    let claudeDir: ClaudeDir | undefined;
    try {
      claudeDir = ClaudeDir.open(path);
      const isRunning = isDirLocked(claudeDir, 'worker');
      const known = isRunning === true ? readWorkerRecord(claudeDir) : undefined;
      const worker = known === undefined ? undefined : { ...known, ...readActivity(stateDir, known) };
      return { claudeDir: displayName(path), isRunning, worker };
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      return { claudeDir: displayName(path), isRunning: undefined, worker: undefined };
    } finally {
      claudeDir?.close();
    }
  });
}

export function daemonDocument({ claudeDir, isRunning, worker }: DaemonStatus): object {
  if (worker === undefined) return { claudeDir, running: isRunning ?? null };
  const { pid, host, place, version, startedAtMs, activity, nextRunsMs } = worker;
  const at = (timeMs: number) => new Date(timeMs).toISOString();
  return {
    ...{ claudeDir, running: true, pid, host, place, version, since: at(startedAtMs) },
    now:
      activity === undefined ? null : { job: activity.job, since: at(activity.sinceMs), phase: activity.phase ?? null },
    nextRuns: Object.fromEntries(Object.entries(nextRunsMs ?? {}).map(([job, timeMs]) => [job, at(timeMs)])),
  };
}

/** One line a directory, and one for what the daemon is at. */
export function renderDaemons(daemons: readonly DaemonStatus[], nowMs: number): string {
  return daemons.flatMap((daemon) => linesOf(daemon, daemons.length > 1, nowMs)).join('\n');
}

function linesOf({ claudeDir, isRunning, worker }: DaemonStatus, isOneOfMany: boolean, nowMs: number): string[] {
  const where = isOneOfMany ? ` on ${claudeDir}` : '';
  if (isRunning === undefined) return [`Whether a daemon runs${where} cannot be told.`];
  if (!isRunning) return [`No daemon runs${where}.`];
  if (worker === undefined) return [`A daemon runs${where}.`];
  const { activity, nextRunsMs } = worker;
  const head = `A daemon runs${where}: ${describeWorker(worker)}.`;
  // One with another state directory writes there what it does.
  if (nextRunsMs === undefined) return [head];
  const next = Object.entries(nextRunsMs).map(([job, timeMs]) => `${job} ${formatTime(timeMs)}`);
  const now =
    activity === undefined
      ? `It waits; next: ${next.join(', ')}.`
      : `It is at ${activity.job}${activity.phase === undefined ? '' : ` (${activity.phase})`}, begun ${formatAge(activity.sinceMs, nowMs)}; next: ${next.join(', ')}.`;
  return [head, now];
}
