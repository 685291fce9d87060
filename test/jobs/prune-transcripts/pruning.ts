/** Runs a prune in the process of the test, over sessions that it would take, and looks where they are afterwards. */

import { join } from 'node:path';
import Database from 'better-sqlite3';
import { onTestFinished } from 'vitest';
import type { SessionId } from '../../../src/claude-dir/session-id.ts';
import { cleanupLimits } from '../../../src/claude-dir/shield-margins.ts';
import type { Clock } from '../../../src/clock.ts';
import { DEFAULT_CLASS_AGES } from '../../../src/config/class-ages.ts';
import { allowAll } from '../../../src/jobs/guards/guards.ts';
import type { JobContext } from '../../../src/jobs/job.ts';
import type { RemovalRecorder, SeenSessions, TrueTimes } from '../../../src/jobs/ledger-contracts.ts';
import type { CleanupRules } from '../../../src/jobs/prune-transcripts/directory-cleanup.ts';
import { pruneTranscriptsJob } from '../../../src/jobs/prune-transcripts/index.ts';
import { prunePolicy, type RetentionSettings } from '../../../src/jobs/prune-transcripts/policy.ts';
import type { PruneReport } from '../../../src/jobs/report.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import type { LiveSource } from '../../../src/live-sources/live-source.ts';
import { SqliteResumeMap } from '../../../src/resume-map/sqlite.ts';
import { UnwrittenHistory } from '../../../src/runs/unwritten-history.ts';
import type { RetainedStore } from '../../../src/session-store/retained-store.ts';
import { type Pacer, ShortHolds } from '../../../src/sqlite/short-holds.ts';
import { outsideSweeper, snapshot, trashedIn } from '../../support/disk.ts';
import { SetPacer } from '../../support/hold-pacers.ts';
import { contextOf } from '../../support/job-context.ts';
import { openClaudeDir } from '../../support/opened.ts';
import { SetClock } from '../../support/set-clock.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';

export const MAX_AGE_MS = 30 * DAY_MS;
const SETTINGS: RetentionSettings = {
  maxAge: MAX_AGE_MS,
  minAge: DAY_MS,
  maxTotalBytes: 'off',
  minFree: 'off',
  keepLast: 0,
  projects: [],
  classes: DEFAULT_CLASS_AGES,
};
export const [A, B, C] = [sessionIdOf(1), sessionIdOf(2), sessionIdOf(3)] as const;
const NO_RECORDER: RemovalRecorder = { recordRemovals() {} };

export interface PruneOptions {
  readonly sources?: readonly LiveSource[];
  readonly stores?: readonly RetainedStore[];
  readonly settings?: Partial<RetentionSettings>;
  readonly recorder?: RemovalRecorder;
  readonly trashCache?: Ledger;
  readonly keepNamed?: boolean;
  readonly context?: Partial<JobContext>;
  readonly clock?: Clock;
  readonly pacer?: Pacer;
  readonly trueTimes?: TrueTimes;
  readonly seenSessions?: SeenSessions;
  /** Claude's own clean-up does not come unless this says so. */
  readonly cleanup?: Partial<CleanupRules> & { readonly periodMs?: number };
}

export function prune(paths: string | readonly string[], options: PruneOptions = {}): Promise<PruneReport> {
  return pruneTranscriptsJob({
    claudeDirs: [paths].flat().map(openClaudeDir),
    stores: options.stores ?? [],
    refusedStores: [],
    sources: options.sources ?? [],
    policy: prunePolicy({ ...SETTINGS, ...options.settings }),
    rowAgeMs: 30 * DAY_MS,
    unwitnessedMs: () => 0,
    keepNamed: options.keepNamed ?? false,
    recorder: options.recorder ?? NO_RECORDER,
    trashCache: options.trashCache,
    guards: allowAll,
    history: new UnwrittenHistory(undefined),
    holds: new ShortHolds(options.pacer ?? new SetPacer()),
    mapIdentity: undefined,
    cleanup: cleanupOf(options.cleanup),
    trueTimes: options.trueTimes,
    seenSessions: options.seenSessions,
    clock: options.clock ?? new SetClock(NOW),
  }).run(contextOf(options.context));
}

function cleanupOf({ periodMs, ...rules }: PruneOptions['cleanup'] = {}): CleanupRules {
  const limits = periodMs === undefined ? undefined : cleanupLimits(periodMs);
  return { scope: 'off', limitsOf: () => limits, nextCleanupMs: () => 0, ...rules };
}

/** Expired sessions 1…n, each with a companion, n being three unless it is said. */
export function expiredSessions(count = 3, project?: (number: number) => string): string {
  const path = makeClaudeDir(tempDir());
  for (let number = 1; number <= count; number += 1) {
    const id = sessionIdOf(number);
    makeSession(
      path,
      {
        id,
        ageMs: (40 + number / 100) * DAY_MS,
        elsewhere: [`file-history/${id}/a@v1`],
        ...(project === undefined ? {} : { project: project(number) }),
      },
      NOW,
    );
  }
  return path;
}

export function transcriptOf(id: SessionId, project = '-srv-app'): string {
  return `projects/${project}/${id}.jsonl`;
}

/** The ids of the sessions whose transcripts are where they belong. */
export function left(path: string): string[] {
  const transcripts = [...outsideSweeper(snapshot(path)).keys()].filter((file) => file.endsWith('.jsonl'));
  return transcripts.map((file) => file.slice(-'.jsonl'.length - 36, -'.jsonl'.length)).toSorted();
}

export function trashedIds(path: string): string[] {
  const transcripts = [...trashedIn(snapshot(path)).keys()].filter((file) => file.endsWith('.jsonl'));
  return transcripts.map((file) => file.slice(-'.jsonl'.length - 36, -'.jsonl'.length)).toSorted();
}

export function openMap(stateDir: string): SqliteResumeMap {
  const map = SqliteResumeMap.openOwn(join(stateDir, 'sessions.db'), { clock: new SetClock(NOW) });
  onTestFinished(() => map.close());
  return map;
}

export function insertRows(
  stateDir: string,
  rows: readonly (readonly [key: string, id: string, lastUsedAtMs: number])[],
): void {
  const database = new Database(join(stateDir, 'sessions.db'));
  const insert = database.prepare('INSERT INTO claude_sdk_sessions VALUES (?, ?, ?, ?)');
  for (const [key, id, lastUsedAtMs] of rows) insert.run(key, id, lastUsedAtMs, lastUsedAtMs);
  database.close();
}
