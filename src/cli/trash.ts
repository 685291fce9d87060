/** `trash list|restore|purge`. */

import { lockClaudeDirs } from '../claude-dir/open-and-lock.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import { systemClock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { errorMessage, OperatingError } from '../errors.ts';
import { type ErrorKind, EXIT_CODES } from '../exit-codes.ts';
import { displayName } from '../files/byte-name.ts';
import { formatBytes } from '../format/byte-size.ts';
import { formatAmount } from '../format/counts.ts';
import { shownText } from '../format/shown-text.ts';
import { KeepList } from '../live-sources/keep-list.ts';
import {
  facesInTrash,
  idsInTrash,
  knownInTrash,
  type RestoredSession,
  readTrash,
  reconcileAll,
  restoreSession,
  type SessionInTrash,
} from '../runs/trash-contents.ts';
import { notInTrash } from '../trash/trash.ts';
import { askOnTerminal } from './ask.ts';
import type { CommandContext } from './command.ts';
import { type Findable, findAmong } from './find-sessions.ts';
import { exitCodeOf, runJobs } from './run.ts';
import { renderResults, toDocument } from './run-output.ts';
import { renderFaces, shownProject, shownTitle } from './session-columns.ts';
import { shieldNamed } from './shield-at-once.ts';
import { formatAge, formatTime } from './terminal.ts';

/** Trash runs that cannot be read are named up to here, and counted beyond it. */
const UNREADABLE_SHOWN = 20;

export async function listTrash(context: CommandContext): Promise<number> {
  const { io, json, resolved } = context;
  const { listed, unreadable } = readTrash(resolved.config);
  listed.sort((left, right) => right.session.trashedAtMs - left.session.trashedAtMs);
  const keepMs = resolved.config['trash.keep'];
  if (json) io.stdout.write(`${JSON.stringify({ sessions: listed.map((one) => toListing(one, keepMs)) })}\n`);
  else if (listed.length === 0) io.stdout.write('The trash is empty.\n');
  else io.stdout.write(`${renderListing(listed, context)}\n`);
  const more = unreadable.length - UNREADABLE_SHOWN;
  const told = more > 0 ? [...unreadable.slice(0, UNREADABLE_SHOWN), `and ${more} more trash folders`] : unreadable;
  for (const fault of told) io.stderr.write(`claude-session-sweeper: ${shownText(fault)}\n`);
  return unreadable.length === 0 ? EXIT_CODES.ok : EXIT_CODES.io;
}

export interface RestoreOptions {
  readonly pins: boolean;
  /** Where the old place is taken, older and newer part become one transcript. */
  readonly joins: boolean;
}

type Attempted = Pick<RestoredSession, 'sessionId'> &
  Partial<RestoredSession> & { readonly restored: boolean; readonly error?: string };

/** Each session for itself: one that cannot come back does not hold up the others. */
export async function restoreFromTrash(
  context: CommandContext,
  args: readonly string[],
  { pins, joins }: RestoreOptions,
): Promise<number> {
  const { io, json, resolved } = context;
  const results: Attempted[] = [];
  const kinds = new Set<ErrorKind>();
  // For ids that are nowhere in the trash, not even a lock is taken.
  const { sessionIds, unreadableFolders } = idsInTrash(resolved.config, (fault) =>
    io.stderr.write(`claude-session-sweeper: ${shownText(fault)}\n`),
  );
  const ids = findAmong(args, findableInTrash(resolved.config, sessionIds), context);
  if (!ids.some((id) => sessionIds.has(id))) throw notInTrash(ids, unreadableFolders);
  const lock = lockClaudeDirs(resolved.config);
  try {
    // What a killed restore had begun is through by this alone.
    const finished = reconcileAll(resolved.config, lock);
    for (const sessionId of ids) {
      try {
        // Pinned first: between the two, a prune could take it again.
        if (pins) new KeepList(resolved.config.stateDir).pin(sessionId);
        if (finished.has(sessionId)) {
          results.push({ sessionId, restored: true });
          continue;
        }
        results.push({ restored: true, ...restoreSession(resolved.config, sessionId, { joins, lock }) });
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

/** Ids need no face; one is looked for where a title is, or where candidates are to be told. */
function findableInTrash(config: Config, ids: ReadonlySet<SessionId>): Findable {
  const faced = lazily(() => knownInTrash(config));
  return {
    ids,
    has: (id) => ids.has(id),
    session: (id) => faced().get(id),
    shortIdOf: (id) => id,
    where: 'in the trash',
    hint: '; `claude-session-sweeper trash list` shows what is',
    takesAbsent: true,
  };
}

function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** Destroys all of the trash now, however short a time it has lain there, but for what is live again. */
export async function emptyTrash(context: CommandContext, { yes }: { readonly yes: boolean }): Promise<number> {
  const { io, json, resolved } = context;
  const { listed } = readTrash(resolved.config);
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

function tellRestored({ io }: CommandContext, results: readonly Attempted[], pins: boolean): void {
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

function toListing({ place, session }: SessionInTrash, keepMs: number): object {
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

/** More than a person reads; of what lies there beyond, the id alone is shown. */
const FACES_MAX = 100;

function renderListing(
  listed: readonly SessionInTrash[],
  { io, colors, resolved: { config } }: CommandContext,
): string {
  const nowMs = systemClock.now();
  const keepMs = config['trash.keep'];
  const faceOf = facesInTrash(config, listed.slice(0, FACES_MAX));
  const rows = listed.map((one) => {
    const { session } = one;
    const purgeableMs = session.trashedAtMs + keepMs;
    const project = session.project === undefined ? undefined : displayName(session.project);
    const face = { title: undefined, project, hasTranscript: true, ...faceOf(one) };
    return [
      session.sessionId,
      session.state === 'joined' ? 'joined' : session.reason,
      formatAge(session.trashedAtMs, nowMs),
      purgeableMs > nowMs ? `after ${formatTime(purgeableMs)}` : 'due',
      formatBytes(session.bytes),
      shownProject(face, io.home),
      face.title === undefined ? '' : shownTitle(face),
    ];
  });
  const heading = ['SESSION', 'WHY', 'TRASHED', 'PURGED', 'SIZE', 'PROJECT', 'TITLE'];
  const table = renderFaces(heading, rows, { nowMs, home: io.home, colors, stream: io.stdout });
  const bytes = listed.reduce((total, { session }) => total + session.bytes, 0);
  return `${table}\n${formatAmount({ sessions: listed.length, bytes })}`;
}
