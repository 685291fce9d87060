/** `trash list|purge|empty`. */

import { type SessionId, SHORT_ID_LENGTH } from '../claude-dir/session-id.ts';
import { systemClock } from '../clock.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { displayName } from '../files/byte-name.ts';
import { formatBytes } from '../format/byte-size.ts';
import { formatAmount } from '../format/counts.ts';
import { formatDurationRounded } from '../format/duration.ts';
import { shownText } from '../format/shown-text.ts';
import { readAllTrash } from '../runs/shared-trash.ts';
import { facesInTrash, type SessionInTrash } from '../runs/trash-contents.ts';
import { askOnTerminal } from './ask.ts';
import type { CommandContext } from './command.ts';
import { exitCodeOf, runJobs } from './run.ts';
import { renderResults, toDocument } from './run-output.ts';
import { localDate, renderFaces, shownProject, shownTitle } from './session-columns.ts';
import { formatAge } from './terminal.ts';
import { selectedInTrash, type TrashFilterFlags } from './trash-selection.ts';

/** Trash runs that cannot be read are named up to here, and counted beyond it. */
const UNREADABLE_SHOWN = 20;

export async function listTrash(context: CommandContext): Promise<number> {
  const { io, json, resolved } = context;
  const { listed, unreadable } = await readAllTrash(resolved.config);
  // Of those that went together, in the order of their ids.
  listed.sort(({ session: left }, { session: right }) => {
    return right.trashedAtMs - left.trashedAtMs || (left.sessionId < right.sessionId ? -1 : 1);
  });
  const keepMs = resolved.config['trash.keep'];
  if (json) io.stdout.write(`${JSON.stringify({ sessions: listed.map((one) => toListing(one, keepMs)) })}\n`);
  else if (listed.length === 0) io.stdout.write('The trash is empty.\n');
  else io.stdout.write(`${renderListing(listed, context)}\n`);
  const more = unreadable.length - UNREADABLE_SHOWN;
  const told = more > 0 ? [...unreadable.slice(0, UNREADABLE_SHOWN), `and ${more} more trash folders`] : unreadable;
  for (const fault of told) io.stderr.write(`claude-session-sweeper: ${shownText(fault)}\n`);
  return unreadable.length === 0 ? EXIT_CODES.ok : EXIT_CODES.io;
}

/** Destroys all of the trash now, or what is named or filtered of it, however short a time it has lain there, but for what is live again. */
export async function emptyTrash(
  context: CommandContext,
  texts: readonly string[],
  { yes, ...flags }: TrashFilterFlags & { readonly yes?: boolean },
): Promise<number> {
  const { io, json, resolved } = context;
  const { listed } = await readAllTrash(resolved.config);
  const only = await selectedInTrash(context, listed, texts, flags);
  const chosen = only === undefined ? listed : listed.filter(({ session }) => only.has(session.sessionId));
  const bytes = chosen.reduce((sum, { session }) => sum + session.bytes, 0);
  if (chosen.length === 0) {
    const nothing = listed.length === 0 ? 'The trash is empty.' : 'Nothing in the trash matches.';
    io.stdout.write(json ? `${JSON.stringify({ jobs: [] })}\n` : `${nothing}\n`);
    return EXIT_CODES.ok;
  }
  const amount = formatAmount({ sessions: chosen.length, bytes });
  const question = `Destroy ${amount}, for good?`;
  if (yes !== true && !context.dryRun && !(await askOnTerminal(context, question, 'say --yes'))) return EXIT_CODES.ok;
  const config = { ...resolved.config, 'trash.keep': SHORTEST_MS };
  return purge({ ...context, resolved: { ...resolved, config } }, only && [...only]);
}

const SHORTEST_MS = 1;

export function purgeTrash(context: CommandContext): Promise<number> {
  return purge(context, undefined);
}

async function purge(context: CommandContext, only: readonly string[] | undefined): Promise<number> {
  const listsRemoved = context.json ? 'all' : 'none';
  const results = await runJobs(context, ['purge-trash'], { listsRemoved, ...(only === undefined ? {} : { only }) });
  const { io, json } = context;
  io.stdout.write(
    json ? `${JSON.stringify({ jobs: results.map(toDocument) })}\n` : `${renderResults(results, context)}\n`,
  );
  return exitCodeOf(results, io.shutdown.aborted);
}

function toListing({ place, session, lies }: SessionInTrash, keepMs: number): object {
  const { sessionId, project, state, files, bytes, newestMtimeMs, trashedAtMs } = session;
  const reason = state === 'joined' ? state : session.reason;
  return {
    sessionId,
    claudeDir: place,
    run: lies?.run ?? null,
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
  const shortIdOf = shortIds(listed.map(({ session }) => session.sessionId));
  const rows = listed.map((one) => {
    const { session } = one;
    const purgeableMs = session.trashedAtMs + keepMs;
    const project = session.project === undefined ? undefined : displayName(session.project);
    const face = { title: undefined, project, hasTranscript: true, ...faceOf(one) };
    return [
      shortIdOf(session.sessionId),
      session.state === 'joined' ? 'joined' : session.reason,
      formatAge(session.trashedAtMs, nowMs),
      purgeableMs > nowMs ? `${localDate(purgeableMs)} in ${formatDurationRounded(purgeableMs - nowMs)}` : 'due',
      formatBytes(session.bytes),
      shownProject(face, io.home),
      face.title === undefined ? '' : shownTitle(face),
    ];
  });
  const heading = ['ID', 'WHY', 'TRASHED', 'PURGED', 'SIZE', 'PROJECT', 'TITLE'];
  const table = renderFaces(heading, rows, { nowMs, home: io.home, colors, stream: io.stdout });
  const bytes = listed.reduce((total, { session }) => total + session.bytes, 0);
  return `${table}\n${formatAmount({ sessions: listed.length, bytes })}`;
}

/** Of two that begin alike, each is shown whole; of one session in two runs, neither is. */
function shortIds(sessionIds: readonly SessionId[]): (sessionId: SessionId) => string {
  const heads = new Map<string, number>();
  for (const id of new Set(sessionIds)) heads.set(headOf(id), (heads.get(headOf(id)) ?? 0) + 1);
  return (id) => (heads.get(headOf(id)) === 1 ? headOf(id) : id);
}

function headOf(sessionId: SessionId): string {
  return sessionId.slice(0, SHORT_ID_LENGTH);
}
