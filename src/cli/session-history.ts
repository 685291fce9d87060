/** `history --session|--run`: what happened to sessions by what the ledger remembers, and where each is now. Looks only. */

import type { SessionId } from '../claude-dir/session-id.ts';
import { systemClock } from '../clock.ts';
import { OperatingError } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { formatBytes } from '../format/byte-size.ts';
import { formatCount } from '../format/counts.ts';
import { shownText, shownValue } from '../format/shown-text.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { SessionEvent } from '../ledger/session-history.ts';
import type { KnownSession, SessionIndex } from '../runs/session-index.ts';
import { knownInTrash, readTrash } from '../runs/trash-contents.ts';
import type { CommandContext } from './command.ts';
import { findAmong, withSessionIndex } from './find-sessions.ts';
import { renderFaces, shownProject, shownTitle } from './session-columns.ts';
import { formatTime } from './terminal.ts';

type Now = 'here' | 'in the trash' | 'gone';

/** Where sessions are at this moment. */
class Whereabouts {
  readonly #index: SessionIndex;
  readonly #inTrash: ReadonlyMap<SessionId, KnownSession>;
  readonly #purgedAfterMs: ReadonlyMap<SessionId, number>;

  constructor({ resolved: { config } }: CommandContext, index: SessionIndex) {
    this.#index = index;
    this.#inTrash = knownInTrash(config);
    const { listed } = readTrash(config);
    this.#purgedAfterMs = new Map(
      listed.map(({ session }) => [session.sessionId, session.trashedAtMs + config['trash.keep']]),
    );
  }

  get inTrash(): Iterable<SessionId> {
    return this.#inTrash.keys();
  }

  nowOf(sessionId: SessionId): Now {
    if (this.#index.has(sessionId)) return 'here';
    return this.#inTrash.has(sessionId) ? 'in the trash' : 'gone';
  }

  sentenceOn(sessionId: SessionId, events: readonly SessionEvent[]): string {
    const now = this.nowOf(sessionId);
    const untilMs = this.#purgedAfterMs.get(sessionId);
    if (now === 'in the trash') return `in the trash, until ${formatTime(untilMs)}; trash restore brings it back`;
    if (now === 'here') return events.some(({ what }) => what !== 'swept') ? 'here again' : 'here';
    const last = events.findLast(({ what }) => what !== 'swept')?.what;
    return last === 'removed' || last === 'purged'
      ? 'gone: destroyed in the trash, by a purge or by `trash empty`'
      : 'gone';
  }

  session(sessionId: SessionId): KnownSession | undefined {
    return this.#index.session(sessionId) ?? this.#inTrash.get(sessionId);
  }
}

export function showSessionHistory(context: CommandContext, ledger: Ledger | undefined, text: string): number {
  return withSessionIndex(context, (index) => {
    const where = new Whereabouts(context, index);
    const history = ledger?.sessionHistory;
    const ids = new Set([...(history?.ids() ?? []), ...index.ids(), ...where.inTrash]);
    const among = {
      ids,
      has: (id: SessionId) => ids.has(id),
      session: (id: SessionId) => where.session(id),
      shortIdOf: (id: SessionId) => id,
      where: 'that is known here',
      hint: '',
      takesAbsent: false,
    };
    for (const id of findAmong([text], among, context)) {
      tellSession(context, id, history?.ofSession(id) ?? [], where);
    }
    return EXIT_CODES.ok;
  });
}

function tellSession(
  { io, json, colors }: CommandContext,
  sessionId: SessionId,
  events: readonly SessionEvent[],
  where: Whereabouts,
): void {
  if (json) {
    const documents = events.map((event) => toDocument(event));
    io.stdout.write(`${JSON.stringify({ sessionId, now: where.nowOf(sessionId), events: documents })}\n`);
    return;
  }
  const session = where.session(sessionId);
  const known = events.findLast((event) => event.project !== null)?.project ?? '-';
  const project = session === undefined ? known : shownProject(session, io.home);
  const lines = [
    `${colors.bold(sessionId)}${session === undefined ? '' : `  ${shownTitle(session)}`}`,
    `  project  ${shownText(project)}`,
    ...events.map((event) => `  ${formatTime(event.atMs)}  ${sentenceOf(event)}`),
    ...(events.length === 0 ? ['  nothing has happened to it so far'] : []),
    `  now      ${where.sentenceOn(sessionId, events)}`,
  ];
  io.stdout.write(`${lines.join('\n')}\n`);
}

function sentenceOf({ what, reason, run, bytes, place }: SessionEvent): string {
  if (what === 'removed') {
    const why = reason === 'asked' ? 'asked (somebody named it)' : reason;
    return `moved to the trash: ${why}, ${formatBytes(bytes ?? 0)}, by run ${run ?? '?'}`;
  }
  if (what === 'restored') return `brought back from the trash: ${shownText(reason)}`;
  if (what === 'purged') return `destroyed in the trash, ${formatBytes(bytes ?? 0)}: ${shownText(reason)}`;
  if (what === 'swept') return `its row was swept from the resume map ${shownText(place)}: ${reason}`;
  const cause = reason === 'clean-up' ? "likely by Claude's own clean-up" : 'by something else than this program';
  return `missed by a prune: gone, ${cause}`;
}

function toDocument({ atMs, ...event }: SessionEvent): object {
  return { ...event, at: new Date(atMs) };
}

export function showRunHistory(context: CommandContext, ledger: Ledger | undefined, run: string): number {
  const events = ledger?.sessionHistory.ofRun(run) ?? [];
  if (events.length === 0) {
    throw new OperatingError('bad-data', `${shownValue(run)} is no run that took anything; history names those`);
  }
  withSessionIndex(context, (index) => {
    const { io, json, colors } = context;
    const where = new Whereabouts(context, index);
    if (json) {
      const sessions = events.map((event) => ({ ...toDocument(event), now: where.nowOf(event.sessionId) }));
      io.stdout.write(`${JSON.stringify({ run, sessions })}\n`);
      return;
    }
    const rows = events.map((event) => {
      const session = where.session(event.sessionId);
      const face =
        session === undefined ? [event.project ?? '-', ''] : [shownProject(session, io.home), shownTitle(session)];
      return [event.sessionId, event.reason, formatBytes(event.bytes ?? 0), where.nowOf(event.sessionId), ...face];
    });
    const shown = { nowMs: systemClock.now(), home: io.home, colors, stream: io.stdout };
    const table = renderFaces(['SESSION', 'WHY', 'SIZE', 'NOW', 'PROJECT', 'TITLE'], rows, shown);
    io.stdout.write(`${table}\n${formatCount(events.length, 'session')}\n`);
  });
  return EXIT_CODES.ok;
}
