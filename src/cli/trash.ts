/** `trash list|restore|purge`. */

import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import type { DirLock } from '../claude-dir/dir-lock.ts';
import { lockClaudeDirs, openClaudeDirs } from '../claude-dir/open-and-lock.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import { systemClock } from '../clock.ts';
import { errorMessage, OperatingError, systemError } from '../errors.ts';
import { type ErrorKind, EXIT_CODES } from '../exit-codes.ts';
import { displayName } from '../files/byte-name.ts';
import { formatBytes } from '../format/byte-size.ts';
import { formatAmount } from '../format/counts.ts';
import { shownText } from '../format/shown-text.ts';
import { KeepList } from '../live-sources/keep-list.ts';
import { readRunning } from '../live-sources/running-processes.ts';
import { StoredSessions } from '../session-store/stored-sessions.ts';
import { notInTrash, Trash, type TrashedSession } from '../trash/trash.ts';
import { askOnTerminal } from './ask.ts';
import type { CommandContext } from './command.ts';
import { idsAmong } from './find-sessions.ts';
import { exitCodeOf, runJobs } from './run.ts';
import { renderResults, toDocument } from './run-output.ts';
import { shieldNamed } from './shield-at-once.ts';
import { renderTable } from './table.ts';
import { formatAge, formatTime } from './terminal.ts';

/** Trash runs that cannot be read are named up to here, and counted beyond it. */
const UNREADABLE_SHOWN = 20;

interface ListedSession {
  /** The Claude directory or the session store that it was in. */
  readonly place: string;
  readonly session: Pick<
    TrashedSession,
    'sessionId' | 'state' | 'reason' | 'files' | 'bytes' | 'newestMtimeMs' | 'trashedAtMs'
  > & { readonly project: string | undefined };
}

export async function listTrash(context: CommandContext): Promise<number> {
  const { io, json, colors, resolved } = context;
  const { listed, unreadable } = readTrash(context);
  listed.sort((left, right) => right.session.trashedAtMs - left.session.trashedAtMs);
  const keepMs = resolved.config['trash.keep'];
  if (json) io.stdout.write(`${JSON.stringify({ sessions: listed.map((one) => toListing(one, keepMs)) })}\n`);
  else if (listed.length === 0) io.stdout.write('The trash is empty.\n');
  else io.stdout.write(`${renderListing(listed, keepMs, colors)}\n`);
  const more = unreadable.length - UNREADABLE_SHOWN;
  const told = more > 0 ? [...unreadable.slice(0, UNREADABLE_SHOWN), `and ${more} more trash folders`] : unreadable;
  for (const fault of told) io.stderr.write(`claude-session-sweeper: ${shownText(fault)}\n`);
  return unreadable.length === 0 ? EXIT_CODES.ok : EXIT_CODES.io;
}

function readTrash(context: CommandContext): { readonly listed: ListedSession[]; readonly unreadable: string[] } {
  const listed: ListedSession[] = [];
  const unreadable: string[] = [];
  eachTrash(context, (trash, claudeDir) => {
    const { sessions, unreadableFolders } = trash.contents();
    for (const session of sessions) listed.push({ place: claudeDir.path, session });
    for (const { run, code } of unreadableFolders) unreadable.push(`${claudeDir.path}: trash folder ${run}: ${code}`);
  });
  const listStore = (store: StoredSessions) => {
    for (const session of store.trashed()) {
      const { projectKey, lastUsedAtMs } = session;
      const asInTrash = { state: 'trashed', project: projectKey, files: 0, newestMtimeMs: lastUsedAtMs } as const;
      listed.push({ place: store.path, session: { ...session, ...asInTrash } });
    }
  };
  eachStore(context, 'read', listStore, (fault) => unreadable.push(fault));
  return { listed, unreadable };
}

export interface RestoreOptions {
  readonly pins: boolean;
  /** Where the old place is taken, older and newer part become one transcript. */
  readonly joins: boolean;
}

interface RestoreResult {
  readonly sessionId: SessionId;
  readonly restored: boolean;
  readonly joined?: true;
  readonly project?: string;
  /** Paths that stay in the trash, since newer files have their names. */
  readonly left?: readonly string[];
  readonly error?: string;
}

/** Each session for itself: one that cannot come back does not hold up the others. */
export async function restoreFromTrash(
  context: CommandContext,
  args: readonly string[],
  { pins, joins }: RestoreOptions,
): Promise<number> {
  const { io, json, resolved } = context;
  const results: RestoreResult[] = [];
  const kinds = new Set<ErrorKind>();
  // For ids that are nowhere in the trash, not even a lock is taken.
  const mentioned = eachTrash(context, (trash) => trash.mentioned());
  const hidden = new Set(
    eachStore(
      context,
      'read',
      (store) => store.trashed().map((one) => one.sessionId),
      (fault) => io.stderr.write(`claude-session-sweeper: ${shownText(fault)}\n`),
    ).flat(),
  );
  const ids = idsAmong(args, [...hidden, ...mentioned.flatMap(({ sessionIds }) => [...sessionIds])], 'in the trash');
  if (!ids.some((id) => hidden.has(id) || mentioned.some(({ sessionIds }) => sessionIds.has(id)))) {
    throw notInTrash(
      ids,
      mentioned.flatMap(({ unreadableFolders }) => unreadableFolders),
    );
  }
  const lock = lockClaudeDirs(resolved.config);
  try {
    // What a killed restore had begun is through by this alone.
    const finished = reconcileAll(context, lock);
    for (const sessionId of ids) {
      try {
        // Pinned first: between the two, a prune could take it again.
        if (pins) new KeepList(resolved.config.stateDir).pin(sessionId);
        if (finished.has(sessionId)) {
          results.push({ sessionId, restored: true });
          continue;
        }
        results.push(restoreOne(context, sessionId, joins, lock));
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error;
        kinds.add(error.kind);
        results.push({ sessionId, restored: false, error: errorMessage(error) });
      }
    }
    // Claude goes by file times, and what comes back is as old as before: its next run would delete it.
    const restored = results.filter((result) => result.restored).map(({ sessionId }) => sessionId);
    await shieldNamed(context, restored, lock);
  } finally {
    lock.release();
  }
  if (json) io.stdout.write(`${JSON.stringify({ sessions: results })}\n`);
  else tellRestored(context, results, pins);
  if (kinds.size === 0) return EXIT_CODES.ok;
  // A failing disk weighs more than an id that is not there: after it, trying again makes sense.
  return kinds.size === 1 && kinds.has('bad-data') ? EXIT_CODES['bad-data'] : EXIT_CODES.io;
}

/** Destroys all of the trash now, however short a time it has lain there, but for what is live again. */
export async function emptyTrash(context: CommandContext, { yes }: { readonly yes: boolean }): Promise<number> {
  const { io, json, resolved } = context;
  const { listed } = readTrash(context);
  const bytes = listed.reduce((sum, { session }) => sum + session.bytes, 0);
  if (listed.length === 0) {
    io.stdout.write(json ? `${JSON.stringify({ jobs: [] })}\n` : 'The trash is empty.\n');
    return EXIT_CODES.ok;
  }
  const amount = formatAmount({ sessions: listed.length, bytes });
  const question = `Destroy ${amount}, for good?`;
  if (!yes && !context.dryRun && !(await askOnTerminal(context, question, 'say --yes'))) return EXIT_CODES.ok;
  const config = { ...resolved.config, 'trash.keep': SHORTEST_MS };
  return purgeTrash({ ...context, resolved: { ...resolved, config } });
}

const SHORTEST_MS = 1;

export async function purgeTrash(context: CommandContext): Promise<number> {
  const results = await runJobs(context, ['purge-trash']);
  const { io, json } = context;
  io.stdout.write(
    json ? `${JSON.stringify({ jobs: results.map(toDocument) })}\n` : `${renderResults(results, context)}\n`,
  );
  return exitCodeOf(results, io.shutdown.aborted);
}

/** @returns the sessions whose restore this has finished */
function reconcileAll(context: CommandContext, lock: DirLock): ReadonlySet<SessionId> {
  return new Set(eachTrash(context, (trash) => trash.reconcile(systemClock.now()).restored, lock).flat());
}

function restoreOne(context: CommandContext, sessionId: SessionId, joins: boolean, lock: DirLock): RestoreResult {
  let result: RestoreResult | undefined;
  const restore = (trash: Trash, claudeDir: ClaudeDir) => {
    const { sessions, unreadableFolders } = trash.contents();
    const session = sessions.find((one) => one.sessionId === sessionId && one.state !== 'joined');
    if (session === undefined || result !== undefined) return unreadableFolders;
    const project = session.project === undefined ? {} : { project: displayName(session.project) };
    if (!joins || !trash.isRecreated(session)) {
      const { left } = trash.restore(sessionId, systemClock.now());
      result = { sessionId, restored: true, ...project, ...(left.length > 0 ? { left } : {}) };
      return unreadableFolders;
    }
    throwIfRunning(claudeDir, sessionId);
    const { left } = trash.join(sessionId, systemClock.now());
    result = { sessionId, restored: true, joined: true, ...project, ...(left.length > 0 ? { left } : {}) };
    return unreadableFolders;
  };
  const unreadable = eachTrash(context, restore, lock).flat();
  result ??= restoreInStore(context, sessionId);
  if (result === undefined) throw notInTrash([sessionId], unreadable);
  return result;
}

/** One id may be stored under several projects: all of them come back. */
function restoreInStore(context: CommandContext, sessionId: SessionId): RestoreResult | undefined {
  const faults: string[] = [];
  const restore = (store: StoredSessions) => {
    const held = store.trashed().filter((session) => session.sessionId === sessionId);
    return held.filter((session) => store.restore(session)).map(({ projectKey }) => displayName(projectKey));
  };
  const projects = eachStore(context, 'write', restore, (fault) => faults.push(fault)).flat();
  const [fault] = faults;
  if (projects.length === 0 && fault !== undefined) throw new OperatingError('bad-data', fault);
  return projects.length === 0 ? undefined : { sessionId, restored: true, project: projects.join(', ') };
}

/** One that cannot be opened keeps no other from its turn. @param onRefused is given what is wrong with it, one sentence */
function eachStore<T>(
  { resolved }: CommandContext,
  mode: 'read' | 'write',
  use: (store: StoredSessions) => T,
  onRefused: (fault: string) => void,
): T[] {
  return resolved.config['sessions.store'].flatMap((path) => {
    try {
      const store = mode === 'read' ? StoredSessions.openForReading(path) : StoredSessions.open(path);
      try {
        return [use(store)];
      } finally {
        store.close();
      }
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      onRefused(error.message);
      return [];
    }
  });
}

/** Whoever writes to the transcript while it is put together could write past it. */
function throwIfRunning(claudeDir: ClaudeDir, sessionId: SessionId): void {
  const { ids, prefixes, faults = [] } = readRunning(claudeDir.root, claudeDir.path);
  if (ids.has(sessionId) || prefixes?.match(sessionId)) {
    throw new OperatingError('bad-data', `join ${sessionId}: a process is at work on it; end it first`);
  }
  const [fault] = faults;
  if (fault !== undefined) throw new OperatingError('bad-data', `join ${sessionId}: ${fault}`);
}

/** Uses the trash of every Claude directory that has one. @param lock needed where anything is changed */
function eachTrash<T>(context: CommandContext, use: (trash: Trash, claudeDir: ClaudeDir) => T, lock?: DirLock): T[] {
  const results: T[] = [];
  const useTrash = (claudeDir: ClaudeDir) => {
    const trash = Trash.openIfThere(claudeDir);
    if (trash === undefined) return;
    try {
      results.push(use(trash, claudeDir));
    } catch (error) {
      throw systemError(`work in the trash of ${displayName(claudeDir.path)}`, error);
    } finally {
      trash.close();
    }
  };
  withClaudeDirs(context, useTrash, lock);
  return results;
}

function tellRestored({ io }: CommandContext, results: readonly RestoreResult[], pins: boolean): void {
  for (const { sessionId, restored, joined, left, error } of results) {
    const done = joined ? 'joined with what was written since' : 'restored';
    if (restored) io.stdout.write(`${sessionId} ${done}${pins ? ' and pinned' : ''}\n`);
    for (const path of left ?? []) io.stdout.write(`  ${path} stays in the trash: a newer one has its name\n`);
    if (!restored) io.stderr.write(`claude-session-sweeper: ${error}\n`);
  }
  if (!pins && results.some(({ restored, joined }) => restored && !joined)) {
    io.stdout.write('It is as old as before: the next prune takes it again, unless you pin or resume it.\n');
  }
}

function withClaudeDirs({ resolved }: CommandContext, use: (claudeDir: ClaudeDir) => void, lock?: DirLock): void {
  const opened: ClaudeDir[] = [];
  try {
    openClaudeDirs(resolved.config, (claudeDir) => opened.push(claudeDir), lock?.directories);
    for (const claudeDir of opened) use(claudeDir);
  } finally {
    for (const claudeDir of opened) claudeDir.close();
  }
}

function toListing({ place, session }: ListedSession, keepMs: number): object {
  const { sessionId, project, state, files, bytes, newestMtimeMs, trashedAtMs } = session;
  const reason = state === 'joined' ? state : session.reason;
  return {
    sessionId,
    claudeDir: place,
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
      session.state === 'joined' ? 'joined' : session.reason,
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
