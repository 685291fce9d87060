/** `history`: what the ledger knows of runs, and of sessions that went without one. Looks only. */

import { systemClock } from '../clock.ts';
import { OperatingError } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { formatCount } from '../format/counts.ts';
import { Ledger } from '../ledger/ledger.ts';
import { type FinishedRun, TAKING_JOBS } from '../ledger/runs.ts';
import type { RunRemovals } from '../ledger/session-history.ts';
import type { CommandContext } from './command.ts';
import { showRunHistory, showSessionHistory } from './session-history.ts';
import { renderTable } from './table.ts';
import { formatAge, formatTime } from './terminal.ts';

/** More runs than a person reads; the ledger has them all. */
const RUNS_SHOWN = 40;

/** As they stand on the command line. */
export interface HistoryFlags {
  readonly vanished?: boolean;
  readonly session?: string;
  readonly run?: string;
}

export async function showHistory(context: CommandContext, flags: HistoryFlags): Promise<number> {
  const { vanished, session, run } = flags;
  if ([vanished, session, run].filter((flag) => flag !== undefined).length > 1) {
    throw new OperatingError('usage', 'history: ask for one of --session, --run and --vanished');
  }
  const ledger = Ledger.openForReading(context.resolved.config.stateDir);
  try {
    if (session !== undefined) return showSessionHistory(context, ledger, session);
    if (run !== undefined) return showRunHistory(context, ledger, run);
    if (vanished === true) showVanished(context, ledger);
    else showRuns(context, ledger);
    return EXIT_CODES.ok;
  } finally {
    ledger?.close();
  }
}

function showVanished({ io, json, colors }: CommandContext, ledger: Ledger | undefined): void {
  const sessions = ledger?.seenSessions.vanished() ?? [];
  if (json) {
    const documents = sessions.map(({ writtenAtMs, seenAtMs, noticedAtMs, ...session }) => ({
      ...session,
      lastWritten: new Date(writtenAtMs).toISOString().slice(0, 10),
      lastSeenAt: new Date(seenAtMs),
      missedAt: new Date(noticedAtMs),
    }));
    io.stdout.write(`${JSON.stringify({ vanished: documents })}\n`);
    return;
  }
  if (sessions.length === 0) {
    io.stdout.write('No session is known to have gone without this program.\n');
    return;
  }
  const nowMs = systemClock.now();
  const cells = sessions.map(({ sessionId, writtenAtMs, seenAtMs, noticedAtMs, cause, project }) => [
    sessionId,
    cause === 'clean-up' ? "Claude's own clean-up" : 'unknown',
    formatAge(writtenAtMs, nowMs),
    formatTime(seenAtMs),
    formatTime(noticedAtMs),
    project,
  ]);
  const heads = ['SESSION', 'LIKELY CAUSE', 'LAST WRITTEN', 'LAST SEEN', 'MISSED', 'PROJECT'];
  io.stdout.write(`${renderTable(heads, cells, colors)}\n${formatCount(sessions.length, 'session')}\n`);
}

function showRuns({ io, json, colors }: CommandContext, ledger: Ledger | undefined): void {
  const runs = ledger?.lastRuns(RUNS_SHOWN) ?? [];
  if (json) {
    const documents = runs.map(({ startedAtMs, finishedAtMs, ...run }) => ({
      ...run,
      removed: removalsOf(ledger, { startedAtMs, finishedAtMs, ...run }),
      startedAt: new Date(startedAtMs),
      finishedAt: new Date(finishedAtMs),
    }));
    io.stdout.write(`${JSON.stringify({ runs: documents })}\n`);
    return;
  }
  if (runs.length === 0) {
    io.stdout.write('Nothing has run yet.\n');
    return;
  }
  const cells = runs.map((run) => [
    formatTime(run.startedAtMs),
    run.job,
    run.outcome,
    `${Math.max(0, (run.finishedAtMs - run.startedAtMs) / 1000).toFixed(1)} s`,
    removalsOf(ledger, run)
      .map((one) => `${formatCount(one.sessions, 'session')} (--run ${one.run})`)
      .join(', '),
  ]);
  io.stdout.write(`${renderTable(['STARTED', 'JOB', 'OUTCOME', 'TOOK', 'REMOVED'], cells, colors, [3])}\n`);
}

function removalsOf(ledger: Ledger | undefined, run: FinishedRun): readonly RunRemovals[] {
  return TAKING_JOBS.has(run.job) ? (ledger?.sessionHistory.runsDuring(run) ?? []) : [];
}
