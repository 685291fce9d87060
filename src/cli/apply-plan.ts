/**
 * `apply FILE`: moves to the trash what a reviewed plan names, as far as it is as it was and the next prune would take it still; the
 * rest is refused, each with its reason. What somebody writes into a plan can make nothing go that a run would keep.
 */

import { resolve } from 'node:path';
import { systemClock } from '../clock.ts';
import { OperatingError } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { formatAmount, formatCount } from '../format/counts.ts';
import { shownText } from '../format/shown-text.ts';
import { absenceLimits, ClockGuard } from '../jobs/guards/clock.ts';
import type { Held } from '../jobs/guards/guards.ts';
import type { ListingRequest } from '../jobs/listing-request.ts';
import type { ListedSession, RemovedSession, SessionList } from '../jobs/report.ts';
import { lookAtPruneAlone, removeAt } from '../runs/look-and-remove.ts';
import { openLedger } from '../runs/open-ledger.ts';
import type { CommandContext } from './command.ts';
import { tellHeld } from './make-plan.ts';
import { type PlanFile, type PlannedSession, placesOf, policyDigest, readPlan } from './plan-file.ts';
import { shownTitle } from './session-columns.ts';
import { formatTime } from './terminal.ts';

interface Refused {
  readonly session: PlannedSession;
  readonly why: string;
}

export async function applyPlan(context: CommandContext, file: string): Promise<number> {
  const { config } = context.resolved;
  const plan = readPlan(resolve(context.io.workingDirectory, file));
  throwIfForeign(plan, context, file);
  const request: ListingRequest = { which: 'all', order: 'oldest', limit: Number.POSITIVE_INFINITY };
  const { listed, held, faults } = await lookAtPruneAlone(config, request);
  if (listed === undefined) return tellHeld(context, held ?? []);
  const { accepted, refused } = checked(plan, listed);
  const doubt = accepted.length === 0 ? undefined : doubtOfClock(context);
  if (doubt !== undefined) return tellHeld(context, [doubt]);
  const report =
    accepted.length === 0
      ? undefined
      : await removeAt(config, byPlace(accepted), { requester: context.requester, dryRun: context.dryRun });
  const removed = report?.removedSessions ?? [];
  const gone = new Set(removed.map(({ claudeDir, sessionId }) => keyOf(claudeDir, sessionId)));
  const late = accepted.filter(({ place, sessionId }) => !gone.has(keyOf(place, sessionId)));
  const why = report?.held === undefined || report.held.length === 0 ? USED_MEANWHILE : 'it is held back';
  tell(context, removed, [...refused, ...late.map((session) => ({ session, why }))]);
  const met = new Map([...faults, ...(report?.faults ?? [])].map((fault) => [fault.message, fault]));
  for (const { kind, message } of met.values())
    context.io.stderr.write(`claude-session-sweeper: ${kind}: ${message}\n`);
  if (why !== USED_MEANWHILE) return tellHeld(context, report?.held ?? []);
  return refused.length + late.length + met.size === 0 ? EXIT_CODES.ok : EXIT_CODES.io;
}

const USED_MEANWHILE = 'it was used or changed in the moment of its move';

/** @throws OperatingError, `bad-data` for one whose time is over, `usage` for one of other places or settings */
function throwIfForeign(plan: PlanFile, { resolved: { config } }: CommandContext, file: string): void {
  const nowMs = systemClock.now();
  const name = `apply ${shownText(file)}`;
  const again = 'make another: claude-session-sweeper plan --out FILE';
  if (nowMs > plan.expiresAtMs || nowMs < plan.madeAtMs) {
    const what = nowMs < plan.madeAtMs ? 'it was made in the future' : `it expired at ${formatTime(plan.expiresAtMs)}`;
    throw new OperatingError('bad-data', `${name}: ${what}; ${again}`);
  }
  const places = placesOf(config);
  if (plan.places.join('\n') !== places.join('\n')) {
    const made = shownText(plan.places.join(', '));
    throw new OperatingError('usage', `${name}: it was made for ${made}, and here is ${shownText(places.join(', '))}`);
  }
  if (plan.policy !== policyDigest(config)) {
    throw new OperatingError('usage', `${name}: it was made by other settings of what stays; ${again}`);
  }
}

function keyOf(place: string, sessionId: string): string {
  return `${sessionId}${place}`;
}

/** What of a plan is as it was, and would go still. */
function checked(plan: PlanFile, listed: SessionList): { accepted: PlannedSession[]; refused: Refused[] } {
  const here = new Map<string, ListedSession>();
  const severalTimes = new Set<string>();
  for (const session of listed.sessions) {
    const key = keyOf(session.claudeDir, session.sessionId);
    if (here.has(key)) severalTimes.add(key);
    here.set(key, session);
  }
  const accepted = new Map<string, PlannedSession>();
  const refused: Refused[] = [];
  for (const session of plan.sessions) {
    const key = keyOf(session.place, session.sessionId);
    const why = severalTimes.has(key) ? SEVERAL_TIMES : whyRefused(session, here.get(key));
    if (why === undefined) accepted.set(key, session);
    else refused.push({ session, why });
  }
  return { accepted: [...accepted.values()], refused };
}

/** By its id alone none of them could be told from the other. */
const SEVERAL_TIMES = 'it is stored under several projects; a run takes what is due of it';

function whyRefused(planned: PlannedSession, now: ListedSession | undefined): string | undefined {
  if (now === undefined) return 'it is not there any more';
  if (!now.isGoing) return `it stays now, as ${now.reason}`;
  const isAsBefore =
    now.files === planned.files && now.bytes === planned.bytes && now.lastUsedMs === planned.lastUsedMs;
  return isAsBefore ? undefined : 'it has changed since the plan was made';
}

function byPlace(sessions: readonly PlannedSession[]): Record<string, string[]> {
  const ids: Record<string, string[]> = {};
  for (const { place, sessionId } of sessions) {
    ids[place] ??= [];
    ids[place].push(sessionId);
  }
  return ids;
}

/** As of a run: nothing goes by a clock that has jumped. */
function doubtOfClock({ resolved: { config }, log, dryRun }: CommandContext): Held | undefined {
  if (dryRun) return undefined;
  const ledger = openLedger(config.stateDir, log);
  try {
    const limits = absenceLimits({ rows: config['sessions.maxAge'], transcripts: config.maxAge });
    return new ClockGuard(systemClock, ledger, limits).doubt('prune-transcripts');
  } finally {
    ledger.close();
  }
}

function tell(
  { io, json, dryRun, resolved: { config } }: CommandContext,
  removed: readonly RemovedSession[],
  refused: readonly Refused[],
): void {
  if (json) {
    const told = refused.map(({ session: { sessionId, place }, why }) => ({ sessionId, claudeDir: place, why }));
    io.stdout.write(`${JSON.stringify({ dryRun, sessions: removed, refused: told })}\n`);
    return;
  }
  const lines = refused.map(({ session, why }) => {
    return `  ${session.sessionId}  ${why}  ${shownTitle({ title: session.title, hasTranscript: true })}`;
  });
  const bytes = removed.reduce((sum, session) => sum + session.bytes, 0);
  const amount = formatAmount({ sessions: removed.length, bytes });
  const untilText = formatTime(systemClock.now() + config['trash.keep']);
  io.stdout.write(
    [
      ...(refused.length === 0 ? [] : [`Refused ${formatCount(refused.length, 'session')}:`, ...lines, '']),
      dryRun ? `${amount} would go to the trash.` : `${amount} went to the trash and stay there until ${untilText}.`,
      ...(removed.length === 0 || dryRun ? [] : ['To bring one back: claude-session-sweeper trash restore ID.']),
      '',
    ].join('\n'),
  );
}
