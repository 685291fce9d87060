/** `trash list|restore|purge`. */

import { formatBytes } from '../byte-size.ts';
import { systemClock } from '../clock.ts';
import { EXIT_CODES, errorMessage, OperatingError } from '../errors.ts';
import { lockClaudeDirs, openClaudeDirs } from '../job-thread/compose-job.ts';
import { KeepList } from '../sessions/live-sources/keep-list.ts';
import type { SessionId } from '../sessions/session-id.ts';
import { displayName } from '../transcripts/byte-name.ts';
import type { ClaudeDir } from '../transcripts/claude-dir.ts';
import { Trash, type TrashedSession } from '../transcripts/trash/trash.ts';
import type { CommandContext } from './program.ts';
import { exitCodeOf, renderResults, runJobs, toDocument } from './run-now.ts';
import { parseSessionIds } from './session-ids.ts';
import { formatAge, formatAmount, formatTime, renderTable } from './terminal.ts';

interface ListedSession {
  readonly claudeDir: string;
  readonly session: TrashedSession;
}

export async function listTrash(context: CommandContext): Promise<number> {
  const { io, json, colors, resolved } = context;
  const { listed, unreadable } = readTrash(context);
  listed.sort((left, right) => right.session.trashedAtMs - left.session.trashedAtMs);
  const keepMs = resolved.config['trash.keep'];
  if (json) io.stdout.write(`${JSON.stringify({ sessions: listed.map((one) => toListing(one, keepMs)) })}\n`);
  else if (listed.length === 0) io.stdout.write('The trash is empty.\n');
  else io.stdout.write(`${renderListing(listed, keepMs, colors)}\n`);
  for (const fault of unreadable) io.stderr.write(`claude-session-sweeper: ${fault}\n`);
  return unreadable.length === 0 ? EXIT_CODES.ok : EXIT_CODES.io;
}

function readTrash(context: CommandContext): { readonly listed: ListedSession[]; readonly unreadable: string[] } {
  const listed: ListedSession[] = [];
  const unreadable: string[] = [];
  eachTrash(context, (trash, claudeDir) => {
    const { sessions, unreadableRuns } = trash.contents();
    for (const session of sessions) listed.push({ claudeDir: claudeDir.path, session });
    for (const { run, code } of unreadableRuns) unreadable.push(`${claudeDir.path}: trash run ${run}: ${code}`);
  });
  return { listed, unreadable };
}

/** Each session for itself: one that cannot come back does not hold up the others. */
export async function restoreFromTrash(
  context: CommandContext,
  args: readonly string[],
  pins: boolean,
): Promise<number> {
  const ids = parseSessionIds(args);
  const { io, json, resolved } = context;
  const results: { sessionId: SessionId; restored: boolean; project?: string; error?: string }[] = [];
  // For ids that are nowhere in the trash, not even a lock is taken.
  if (!ids.some((id) => isMentioned(context, id))) throw notInTrash(ids);
  const lock = lockClaudeDirs(resolved.config);
  try {
    // What a killed restore had begun is through by this alone.
    const finished = reconcileAll(context);
    for (const sessionId of ids) {
      try {
        // Pinned first: between the two, a prune could take it again.
        if (pins) new KeepList(resolved.config.stateDir).pin(sessionId);
        if (finished.has(sessionId)) {
          results.push({ sessionId, restored: true });
          continue;
        }
        const { project } = restoreOne(context, sessionId);
        results.push({
          sessionId,
          restored: true,
          ...(project === undefined ? {} : { project: displayName(project) }),
        });
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error;
        results.push({ sessionId, restored: false, error: errorMessage(error) });
      }
    }
  } finally {
    lock.release();
  }
  if (json) io.stdout.write(`${JSON.stringify({ sessions: results })}\n`);
  else tellRestored(context, results, pins);
  return results.every((result) => result.restored) ? EXIT_CODES.ok : EXIT_CODES['bad-data'];
}

export async function purgeTrash(context: CommandContext): Promise<number> {
  const results = await runJobs(context, ['purge-trash']);
  const { io, json } = context;
  io.stdout.write(
    json ? `${JSON.stringify({ jobs: results.map(toDocument) })}\n` : `${renderResults(results, context)}\n`,
  );
  return exitCodeOf(results, io.shutdown.aborted);
}

function isMentioned(context: CommandContext, sessionId: SessionId): boolean {
  return eachTrash(context, (trash) => trash.mentioned().sessionIds.has(sessionId)).includes(true);
}

/** @returns the sessions whose restore this has finished */
function reconcileAll(context: CommandContext): ReadonlySet<SessionId> {
  return new Set(eachTrash(context, (trash) => trash.reconcile(systemClock.now()).restored).flat());
}

function restoreOne(context: CommandContext, sessionId: SessionId): TrashedSession {
  let restored: TrashedSession | undefined;
  eachTrash(context, (trash) => {
    const isHere = trash.contents().sessions.some((session) => session.sessionId === sessionId);
    if (isHere) restored ??= trash.restore(sessionId, systemClock.now());
  });
  if (restored === undefined) throw notInTrash([sessionId]);
  return restored;
}

/** Uses the trash of every Claude directory that has one. */
function eachTrash<T>(context: CommandContext, use: (trash: Trash, claudeDir: ClaudeDir) => T): T[] {
  const results: T[] = [];
  withClaudeDirs(context, (claudeDir) => {
    const trash = Trash.openIfThere(claudeDir);
    if (trash === undefined) return;
    try {
      results.push(use(trash, claudeDir));
    } finally {
      trash.close();
    }
  });
  return results;
}

function notInTrash(ids: readonly SessionId[]): OperatingError {
  return new OperatingError('bad-data', `restore ${ids.join(', ')}: not in the trash`);
}

function tellRestored(
  { io }: CommandContext,
  results: readonly { sessionId: SessionId; restored: boolean; error?: string }[],
  pins: boolean,
): void {
  for (const { sessionId, restored, error } of results) {
    if (restored) io.stdout.write(`${sessionId} restored${pins ? ' and pinned' : ''}\n`);
    else io.stderr.write(`claude-session-sweeper: ${error}\n`);
  }
  if (!pins && results.some((result) => result.restored)) {
    io.stdout.write('It is as old as before: the next prune takes it again, unless you pin or resume it.\n');
  }
}

function withClaudeDirs({ resolved }: CommandContext, use: (claudeDir: ClaudeDir) => void): void {
  const opened: ClaudeDir[] = [];
  try {
    openClaudeDirs(resolved.config, (claudeDir) => opened.push(claudeDir));
    for (const claudeDir of opened) use(claudeDir);
  } finally {
    for (const claudeDir of opened) claudeDir.close();
  }
}

function toListing({ claudeDir, session }: ListedSession, keepMs: number): object {
  const { sessionId, project, reason, files, bytes, newestMtimeMs, trashedAtMs } = session;
  return {
    sessionId,
    claudeDir,
    project: project === undefined ? null : displayName(project),
    reason,
    files,
    bytes,
    lastUsedAt: new Date(newestMtimeMs),
    trashedAt: new Date(trashedAtMs),
    purgeableAt: new Date(trashedAtMs + keepMs),
  };
}

function renderListing(listed: readonly ListedSession[], keepMs: number, colors: CommandContext['colors']): string {
  const nowMs = systemClock.now();
  const rows = listed.map(({ session }) => {
    const purgeableMs = session.trashedAtMs + keepMs;
    return [
      session.sessionId,
      session.reason,
      formatAge(session.trashedAtMs, nowMs),
      purgeableMs > nowMs ? `after ${formatTime(purgeableMs)}` : 'due',
      formatBytes(session.bytes),
      session.project === undefined ? '-' : displayName(session.project),
    ];
  });
  const table = renderTable(['SESSION', 'WHY', 'TRASHED', 'PURGED', 'SIZE', 'PROJECT'], rows, colors, [4]);
  const bytes = listed.reduce((total, { session }) => total + session.bytes, 0);
  return `${table}\n${formatAmount({ sessions: listed.length, bytes })}`;
}
