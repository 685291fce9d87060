/** `trash restore`: brings conversations back, says of each where it is now, and how it is resumed. */

import { existsSync } from 'node:fs';
import { lockClaudeDirs } from '../claude-dir/open-and-lock.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import { errorMessage, OperatingError } from '../errors.ts';
import { type ErrorKind, EXIT_CODES } from '../exit-codes.ts';
import { shellWord } from '../format/shell-word.ts';
import { escapeControls, shownText } from '../format/shown-text.ts';
import { KeepList } from '../live-sources/keep-list.ts';
import { type RestoredPlace, recordRestores } from '../runs/record-by-hand.ts';
import type { SessionIndex } from '../runs/session-index.ts';
import { idsInAllTrash, readAllTrash, restoreSession } from '../runs/shared-trash.ts';
import { type RestoredSession, reconcileAll } from '../runs/trash-contents.ts';
import { notInTrash } from '../trash/bring-back.ts';
import type { CommandContext } from './command.ts';
import { findAmong, withSessionIndex } from './find-sessions.ts';
import { shownTitle } from './session-columns.ts';
import { shieldNamed } from './shield-at-once.ts';
import { findableInTrash, selectedInTrash, type TrashFilterFlags, waysSaid } from './trash-selection.ts';

/** As they stand on the command line. */
export interface RestoreFlags extends TrashFilterFlags {
  readonly pin?: boolean;
  /** Where the old place is taken, older and newer part become one transcript. */
  readonly join?: boolean;
}

type Attempted = Pick<RestoredSession, 'sessionId'> &
  Partial<RestoredSession> & { readonly restored: boolean; readonly error?: string };

/** Where a session is that is back. */
interface Back {
  readonly path?: string;
  readonly workingDirectory?: string;
  /** A command for a shell. */
  readonly resume?: string;
}

/** Each session for itself: one that cannot come back does not hold up the others. */
export async function restoreFromTrash(
  context: CommandContext,
  texts: readonly string[],
  flags: RestoreFlags,
): Promise<number> {
  const { io, json } = context;
  const wanted = await wantedOf(context, texts, flags);
  if (wanted.length === 0) {
    io.stdout.write(json ? `${JSON.stringify({ sessions: [] })}\n` : 'Nothing in the trash matches.\n');
    return EXIT_CODES.ok;
  }
  const { results, kinds } = await restoreAll(context, wanted, flags);
  withSessionIndex(context, (index) => tell(context, results, index, flags.pin === true));
  if (kinds.size === 0) return EXIT_CODES.ok;
  // A failing disk weighs more than an id that is not there: after it, trying again makes sense.
  return kinds.size === 1 && kinds.has('bad-data') ? EXIT_CODES['bad-data'] : EXIT_CODES.io;
}

async function wantedOf(
  context: CommandContext,
  texts: readonly string[],
  flags: RestoreFlags,
): Promise<readonly SessionId[]> {
  const { io, resolved } = context;
  const tellFault = (fault: string) => void io.stderr.write(`claude-session-sweeper: ${shownText(fault)}\n`);
  if (texts.length === 0) {
    const { listed, unreadable } = await readAllTrash(resolved.config);
    for (const fault of unreadable) tellFault(fault);
    const whole = listed.filter(({ session }) => session.state !== 'joined');
    const chosen = await selectedInTrash(context, whole, texts, flags);
    if (chosen !== undefined) return [...chosen];
    throw new OperatingError('usage', 'trash restore: name sessions, or say --last-run, --run, --all or a filter');
  }
  waysSaid(texts, flags);
  // For ids that are nowhere in the trash, not even a lock is taken.
  const { sessionIds, unreadableFolders } = await idsInAllTrash(resolved.config, tellFault);
  const ids = findAmong(texts, findableInTrash(resolved.config, sessionIds, true), context);
  if (!ids.some((id) => sessionIds.has(id))) throw notInTrash(ids, unreadableFolders);
  return ids;
}

async function restoreAll(
  context: CommandContext,
  ids: readonly SessionId[],
  { pin, join }: RestoreFlags,
): Promise<{ readonly results: readonly Attempted[]; readonly kinds: ReadonlySet<ErrorKind> }> {
  const { config } = context.resolved;
  const results: Attempted[] = [];
  const restored: RestoredPlace[] = [];
  const kinds = new Set<ErrorKind>();
  const lock = lockClaudeDirs(config);
  try {
    // What a killed restore had begun is through by this alone.
    const finished = reconcileAll(config, lock);
    for (const sessionId of ids) {
      try {
        // Pinned first: between the two, a prune could take it again.
        if (pin === true) new KeepList(config.stateDir).pin(sessionId);
        const isBack = finished.has(sessionId);
        const back = isBack ? { sessionId } : await restoreSession(config, sessionId, { joins: join === true, lock });
        restored.push(back);
        const { place: _place, run: _run, ...done } = back as RestoredSession;
        results.push({ restored: true, ...done });
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error;
        kinds.add(error.kind);
        results.push({ sessionId, restored: false, error: errorMessage(error) });
      }
    }
    // Claude goes by file times, and what comes back is as old as before: its next run would delete it.
    const back = restored.map(({ sessionId }) => sessionId as SessionId);
    await shieldNamed(context, back, lock);
    const why = recordRestores(config, restored, context.requester);
    if (why !== undefined) context.io.stderr.write(`claude-session-sweeper: ${shownText(why)}\n`);
    return { results, kinds };
  } finally {
    lock.release();
  }
}

function tell(
  { io, json }: CommandContext,
  results: readonly Attempted[],
  index: SessionIndex,
  isPinned: boolean,
): void {
  if (json) {
    const sessions = results.map((one) => ({ ...one, ...(one.restored ? backOf(index, one.sessionId) : {}) }));
    io.stdout.write(`${JSON.stringify({ sessions })}\n`);
    return;
  }
  for (const one of results) {
    if (one.restored) for (const line of linesOf(one, index, isPinned)) io.stdout.write(`${line}\n`);
    else io.stderr.write(`claude-session-sweeper: ${one.error}\n`);
  }
  if (!isPinned && results.some(({ restored, joined }) => restored && !joined)) {
    io.stdout.write(
      'It is as old as before: what has expired goes again with the next prune, unless it is pinned or resumed.\n',
    );
  }
}

function linesOf({ sessionId, joined, left = [] }: Attempted, index: SessionIndex, isPinned: boolean): string[] {
  const session = index.session(sessionId);
  const { path, workingDirectory, resume } = backOf(index, sessionId);
  const done = joined ? 'joined with what was written since' : 'restored';
  const title = session?.title === undefined ? '' : `  ${shownTitle(session)}`;
  const isGone = workingDirectory !== undefined && !existsSync(workingDirectory);
  return [
    `${sessionId} ${done}${isPinned ? ' and pinned' : ''}${title}`,
    ...(path === undefined ? [] : [`  to ${shownText(path)}`]),
    ...(resume === undefined ? [] : [`  ${resume}${isGone ? '   # that directory is not there any more' : ''}`]),
    ...left.map((part) => `  ${part} stays in the trash: a newer one has its name`),
  ];
}

function backOf(index: SessionIndex, sessionId: SessionId): Back {
  const session = index.session(sessionId);
  const path = index.pathOf(sessionId);
  const where = path === undefined ? {} : { path };
  if (session?.workingDirectory === undefined) return where;
  const { workingDirectory } = session;
  // What a shell would take for more than a path is a path all the same.
  const isPlain = escapeControls(workingDirectory) === workingDirectory;
  const bytes = Buffer.from(workingDirectory, 'utf8').toString('latin1');
  const resume = isPlain ? { resume: `cd ${shellWord(bytes)} && claude --resume ${sessionId}` } : {};
  return { ...where, workingDirectory, ...resume };
}
