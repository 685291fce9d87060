/** `plan --out FILE`: writes down what the next prune would take, for somebody to review; changes nothing else. */

import { resolve } from 'node:path';
import { systemClock } from '../clock.ts';
import { OperatingError } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { formatAmount } from '../format/counts.ts';
import { parseDurationMs } from '../format/duration.ts';
import { shownText, shownValue } from '../format/shown-text.ts';
import type { Held } from '../jobs/guards/guards.ts';
import type { ListingRequest } from '../jobs/listing-request.ts';
import type { ListedSession } from '../jobs/report.ts';
import { lookAtPruneAlone } from '../runs/look-and-remove.ts';
import type { CommandContext } from './command.ts';
import { type PlannedSession, placesOf, policyDigest, writePlan } from './plan-file.ts';
import { formatTime } from './terminal.ts';

export interface PlanFlags {
  readonly out?: string;
  readonly expires?: string;
}

/** A guard of the whole run has something to say: nothing was looked at. */
export function tellHeld({ io }: CommandContext, held: readonly Held[]): number {
  for (const { guard, message } of held) io.stderr.write(`claude-session-sweeper: held by ${guard}: ${message}\n`);
  return EXIT_CODES.held;
}

/** Time enough to look at it, and no more. */
const EXPIRES_AFTER = '24h';

export async function makePlan(context: CommandContext, { out, expires = EXPIRES_AFTER }: PlanFlags): Promise<number> {
  const { io, json, resolved } = context;
  if (out === undefined) throw new OperatingError('usage', 'plan: say with --out FILE where to write it');
  const expiresAfterMs = parseDurationMs(expires);
  if (expiresAfterMs === undefined) {
    throw new OperatingError('usage', `--expires: ${shownValue(expires)} is no age, such as 12h or 3d`);
  }
  const madeAtMs = systemClock.now();
  const request: ListingRequest = { which: 'going', order: 'oldest', limit: Number.POSITIVE_INFINITY };
  const { listed, held, faults } = await lookAtPruneAlone(resolved.config, request);
  if (listed === undefined) return tellHeld(context, held ?? []);
  const sessions = listed.sessions.map(plannedSession);
  const path = resolve(io.workingDirectory, out);
  const expiresAtMs = madeAtMs + expiresAfterMs;
  const { config } = resolved;
  writePlan(path, { madeAtMs, expiresAtMs, places: placesOf(config), policy: policyDigest(config), sessions });
  const bytes = sessions.reduce((sum, session) => sum + session.bytes, 0);
  if (json) {
    const expiresAt = new Date(expiresAtMs);
    io.stdout.write(`${JSON.stringify({ file: path, sessions: sessions.length, bytes, expiresAt })}\n`);
  } else {
    const amount = formatAmount({ sessions: sessions.length, bytes });
    io.stdout.write(
      `${shownText(path)}: ${amount}, to be applied until ${formatTime(expiresAtMs)}.\n` +
        `Take out of it what is to stay, then: claude-session-sweeper apply ${shownText(out)}\n`,
    );
  }
  for (const { kind, message } of faults) io.stderr.write(`claude-session-sweeper: ${kind}: ${message}\n`);
  return faults.length === 0 ? EXIT_CODES.ok : EXIT_CODES.io;
}

function plannedSession({ claudeDir, lastUsedMs, ...session }: ListedSession): PlannedSession {
  const { sessionId, project, title, reason, files, bytes } = session;
  return {
    sessionId,
    ...(title === undefined ? {} : { title }),
    place: claudeDir,
    ...(project === undefined ? {} : { project }),
    ...{ reason, files, bytes, lastUsedAt: new Date(lastUsedMs).toISOString(), lastUsedMs },
  };
}
