/** `--run-now`: every job once, or some, one after the other; and how a run is told to people and to programs. */

import { systemClock } from '../clock.ts';
import { EXIT_CODES } from '../errors.ts';
import { formatBytes } from '../format/byte-size.ts';
import { exposedInAll } from '../jobs/exposed.ts';
import { absenceLimits, ClockGuard } from '../jobs/guards/clock.ts';
import { JOB_NAMES, type JobName, type JobReport, OLDEST_LISTED, type RemovedSession } from '../jobs/job.ts';
import { jobHere } from '../runs/job-here.ts';
import { openLedger } from '../runs/open-ledger.ts';
import { runJob, shownFaults } from '../runs/run-job.ts';
import type { RunResult } from '../runs/run-result.ts';
import type { RunOptions } from '../runs/runnable-job.ts';
import type { CommandContext } from './command.ts';
import { progressOn } from './progress.ts';
import { renderTable } from './table.ts';
import { formatAge, formatAmount, formatCount, formatReasons } from './terminal.ts';

export async function runNow(context: CommandContext, jobs: readonly JobName[]): Promise<number> {
  const results = await runJobs(context, jobs);
  const { stdout } = context.io;
  if (context.json) stdout.write(`${JSON.stringify({ jobs: results.map(toDocument) })}\n`);
  else stdout.write(`${renderResults(results, context)}\n`);
  return exitCodeOf(results, context.io.shutdown.aborted);
}

/** Runs jobs in their fixed order: sweep, prune, purge. */
export async function runJobs(context: CommandContext, jobs: readonly JobName[]): Promise<RunResult[]> {
  const { config } = context.resolved;
  const { log, dryRun, io, json } = context;
  const ledger = dryRun ? undefined : openLedger(config.stateDir, log);
  const clockGuard =
    ledger &&
    new ClockGuard(systemClock, ledger, absenceLimits({ rows: config['sessions.maxAge'], transcripts: config.maxAge }));
  const progress = progressOn(io.stderr);
  const options: RunOptions = {
    dryRun,
    afterSweep: jobs.includes('sweep-sessions'),
    allowMassRemoval: context.allowMassRemoval,
    listsRemoved: json ? 'all' : 'oldest',
  };
  const request = { options, signal: io.shutdown, onProgress: progress.show };
  const dependencies = { clock: systemClock, log, ledger, clockGuard, deadlineMs: config.runDeadline };
  const results: RunResult[] = [];
  try {
    for (const job of JOB_NAMES.filter((name) => jobs.includes(name))) {
      if (io.shutdown.aborted) break;
      results.push(await runJob(jobHere(job, config), request, dependencies));
      progress.clear();
    }
    return results;
  } finally {
    progress.clear();
    ledger?.close();
  }
}

/** The worst that happened; a run that was asked to stop and did so in order is none. */
export function exitCodeOf(results: readonly RunResult[], wasStopped: boolean): number {
  const failed = results.find((result) => result.outcome === 'failed');
  if (failed !== undefined) return EXIT_CODES[failed.failure?.kind ?? 'internal'];
  const skipped = results.find((result) => result.outcome === 'skipped');
  if (skipped !== undefined) return EXIT_CODES[skipped.failure?.kind ?? 'locked'];
  const isPartial = results.some((result) => {
    return result.outcome === 'partial' && !(wasStopped && result.report.faults.length === 0);
  });
  return isPartial ? EXIT_CODES.io : EXIT_CODES.ok;
}

/** One job of the document that `--json` prints. */
export function toDocument(result: RunResult): object {
  const { job, outcome, dryRun, startedAtMs, durationMs, report } = result;
  const {
    observed,
    kept,
    removed,
    removedSessions,
    swept,
    purged,
    trash,
    reconciled,
    shielded,
    emptyProjects,
    exposed,
    liveIds,
    malformedIds,
    staleRecords,
  } = report;
  const removedShown = removedPart(removed);
  const done = { observed, kept, removed: removedShown, swept, purged, trash, reconciled, shielded, emptyProjects };
  const shown = { ...done, exposed };
  const optional = { ...shown, liveIds, malformedIds, staleRecords, removedSessions };
  const present = Object.entries(optional).filter(([, value]) => value !== undefined);
  return {
    job,
    outcome,
    dryRun,
    startedAt: new Date(startedAtMs).toISOString(),
    durationSeconds: Math.round(durationMs) / 1000,
    ...Object.fromEntries(present),
    errors: shownFaults(result),
  };
}

function removedPart(removed: RunResult['report']['removed']): object | undefined {
  if (removed === undefined) return undefined;
  const { sessions, files, bytes, byReason } = removed;
  return { sessions, files, bytes, byReason };
}

export function renderResults(results: readonly RunResult[], context: CommandContext): string {
  const { colors, dryRun } = context;
  const blocks = results.map((result, index) => renderResult(result, results[index - 1], context));
  if (dryRun) blocks.unshift(colors.bold('Dry run: this is what would be done; nothing is changed.'));
  return blocks.join('\n\n');
}

function renderResult(result: RunResult, before: RunResult | undefined, context: CommandContext): string {
  const { colors, dryRun } = context;
  const { job, outcome, durationMs, report } = result;
  const color = outcome === 'ok' ? colors.green : outcome === 'failed' ? colors.red : colors.yellow;
  const lines = [`${colors.bold(job)}  ${color(outcome)}  ${(durationMs / 1000).toFixed(2)} s`];
  const { observed, removed, removedSessions, swept, purged, trash, kept, reconciled } = report;
  const { shielded, emptyProjects } = report;
  if (reconciled !== undefined) {
    lines.push(`  of a killed run: ${reconciled.undone} put back, ${reconciled.completed} completed`);
  }
  if (observed !== undefined) {
    const orphans = observed.orphans > 0 ? ` (${observed.orphans} without a transcript)` : '';
    lines.push(`  found      ${formatAmount(observed)}${orphans}`);
  }
  if (removed !== undefined) {
    const why = removed.sessions > 0 ? ` (${formatReasons(removed.byReason)})` : '';
    lines.push(`  ${dryRun ? 'would go' : 'to trash'}   ${formatAmount(removed)}${why}`);
  }
  if (emptyProjects !== undefined) {
    const empty = formatCount(emptyProjects, 'empty project directory', 'empty project directories');
    lines.push(`  ${dryRun ? 'would go' : 'removed '}   ${empty}`);
  }
  if (swept !== undefined) {
    lines.push(
      `  ${dryRun ? 'would go' : 'swept   '}   ${formatCount(swept.expired, 'expired row')}, ${swept.dangling} dangling`,
    );
  }
  if (purged !== undefined) lines.push(`  ${dryRun ? 'would go' : 'purged  '}   ${formatAmount(purged)}`);
  if (kept !== undefined && Object.keys(kept).length > 0) lines.push(`  kept       ${formatReasons(kept)}`);
  if (shielded !== undefined) lines.push(`  shielded   ${formatCount(shielded, 'session')} from Claude's own clean-up`);
  const { sessions, wanted } = exposedInAll(report) ?? { sessions: 0, wanted: 0 };
  if (sessions > 0) {
    const ofThem = wanted === 0 ? '' : `, ${wanted} of them wanted`;
    lines.push(
      `  ${colors.yellow('exposed')}    ${formatCount(sessions, 'session')} to Claude's own clean-up${ofThem}: see doctor`,
    );
  }
  if (trash !== undefined) lines.push(`  in trash   ${formatAmount(trash)}`);
  lines.push(...renderUnhelpful(report, colors));
  const isAsBefore = result.failure !== undefined && result.failure.message === before?.failure?.message;
  for (const { kind, message } of shownFaults(result)) {
    lines.push(`  ${colors.red(kind)}: ${isAsBefore ? 'as above' : message}`);
  }
  if (removedSessions !== undefined && removedSessions.length > 0) {
    lines.push('', renderSessions(removedSessions, removed?.sessions ?? 0, context));
  }
  return lines.join('\n');
}

/** Entries of live sources that protect nobody. */
function renderUnhelpful({ malformedIds, staleRecords }: JobReport, colors: CommandContext['colors']): string[] {
  const entries = (count: number) => formatCount(count, 'entry', 'entries');
  return [
    ...Object.entries(malformedIds ?? {}).map(([source, count]) => {
      return `  ${colors.yellow('beware')}     ${entries(count)} of ${source} name no session, and so protect none`;
    }),
    ...Object.entries(staleRecords ?? {}).map(([source, count]) => {
      return `  stale      ${entries(count)} of ${source}: to no effect any more, and named by doctor`;
    }),
  ];
}

/** The oldest first: the top of the list is what a person doubts least. @param removed how many there are, listed or not */
function renderSessions(sessions: readonly RemovedSession[], removed: number, { colors }: CommandContext): string {
  const nowMs = systemClock.now();
  const oldestFirst = sessions.toSorted((left, right) => left.newestMtimeMs - right.newestMtimeMs);
  const rows = oldestFirst
    .slice(0, OLDEST_LISTED)
    .map(({ sessionId, reason, newestMtimeMs, bytes, project }) => [
      sessionId,
      reason,
      formatAge(newestMtimeMs, nowMs),
      formatBytes(bytes),
      project ?? '-',
    ]);
  const table = renderTable(['SESSION', 'WHY', 'LAST USED', 'SIZE', 'PROJECT'], rows, colors, [3]);
  const more = removed - rows.length;
  return more > 0 ? `${table}\n… and ${formatCount(more, 'more session')} (--json lists them all)` : table;
}
