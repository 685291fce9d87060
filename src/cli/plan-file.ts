/** A plan as a file that people review: what is written, and what of it is believed when it is read again. */

import { createHash } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { parseSessionId, type SessionId } from '../claude-dir/session-id.ts';
import type { Config } from '../config/config.ts';
import { sharedStoreName } from '../config/store-settings.ts';
import { errorCode, OperatingError, systemError } from '../errors.ts';
import { shownText } from '../format/shown-text.ts';

const FORMAT = 'claude-session-sweeper plan';
const VERSION = 1;
/** A million sessions take less. */
const FILE_BYTES_MAX = 2 ** 29;

/** One session that is to go, as it was when it was looked at. */
export interface PlannedSession {
  readonly sessionId: SessionId;
  /** The Claude directory or session store. */
  readonly place: string;
  readonly project?: string;
  readonly title?: string;
  readonly reason: string;
  readonly files: number;
  readonly bytes: number;
  /** For people; `lastUsedMs` is what counts. */
  readonly lastUsedAt: string;
  readonly lastUsedMs: number;
}

export interface PlanFile {
  readonly madeAtMs: number;
  readonly expiresAtMs: number;
  /** Of all places that were looked at. */
  readonly places: readonly string[];
  /** Of the settings that say what stays. */
  readonly policy: string;
  readonly sessions: readonly PlannedSession[];
}

export function placesOf(config: Config): readonly string[] {
  return [
    ...config.claudeDir,
    ...config['sessions.store'],
    ...config['sessions.sharedStores'].map(sharedStoreName),
  ].toSorted();
}

/** Changes with every setting that decides what a prune takes. */
export function policyDigest(config: Config): string {
  const { maxAge, minAge, notice, maxTotalBytes, minFree, keepLast, keepNamed, projects, classes } = config;
  const retention = { maxAge, minAge, notice, maxTotalBytes, minFree, keepLast, keepNamed, projects, classes };
  const policy = JSON.stringify(retention);
  return `sha256:${createHash('sha256').update(policy).digest('hex')}`;
}

/** @throws OperatingError, `usage` where there is a file of that name */
export function writePlan(path: string, { madeAtMs, expiresAtMs, ...plan }: PlanFile): void {
  const [madeAt, expiresAt] = [madeAtMs, expiresAtMs].map((timeMs) => new Date(timeMs).toISOString());
  const document = { format: FORMAT, version: VERSION, madeAt, expiresAt, ...plan };
  try {
    // It names conversations by their titles.
    writeFileSync(path, `${JSON.stringify(document, undefined, 2)}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw systemError(`write ${shownText(path)}`, error);
    throw new OperatingError('usage', `write ${shownText(path)}: there is a file of that name already`);
  }
}

/** @throws OperatingError, `bad-data` where it is no plan of this release */
export function readPlan(path: string): PlanFile {
  const text = textOf(path);
  const plan = text === undefined ? undefined : parsePlan(text);
  if (plan === undefined) {
    throw new OperatingError('bad-data', `read ${shownText(path)}: it is no plan that this release has written`);
  }
  return plan;
}

/** Undefined for what can be none. */
function textOf(path: string): string | undefined {
  try {
    const stats = statSync(path);
    return stats.isFile() && stats.size <= FILE_BYTES_MAX ? readFileSync(path, 'utf8') : undefined;
  } catch (error) {
    if (errorCode(error) === 'ENOENT')
      throw new OperatingError('bad-data', `read ${shownText(path)}: there is no such file`);
    throw systemError(`read ${shownText(path)}`, error);
  }
}

function parsePlan(text: string): PlanFile | undefined {
  const document = parsedJson(text);
  if (!isRecord(document) || document.format !== FORMAT || document.version !== VERSION) return undefined;
  const { places, policy, sessions } = document;
  const [madeAtMs, expiresAtMs] = [timeOf(document.madeAt), timeOf(document.expiresAt)];
  if (madeAtMs === undefined || expiresAtMs === undefined || typeof policy !== 'string') return undefined;
  if (!Array.isArray(places) || !places.every((place) => typeof place === 'string')) return undefined;
  if (!Array.isArray(sessions)) return undefined;
  const planned = sessions.map((session) => plannedOf(session));
  const whole = planned.filter((session) => session !== undefined);
  return whole.length < planned.length ? undefined : { madeAtMs, expiresAtMs, places, policy, sessions: whole };
}

function plannedOf(value: unknown): PlannedSession | undefined {
  if (!isRecord(value)) return undefined;
  const sessionId = typeof value.sessionId === 'string' ? parseSessionId(value.sessionId) : undefined;
  const { place, project, title, reason, files, bytes, lastUsedAt, lastUsedMs } = value;
  if (sessionId === undefined || typeof place !== 'string' || typeof reason !== 'string') return undefined;
  if (typeof files !== 'number' || typeof bytes !== 'number' || typeof lastUsedMs !== 'number') return undefined;
  return {
    ...{ sessionId, place, reason, files, bytes, lastUsedMs, lastUsedAt: String(lastUsedAt) },
    ...(typeof project === 'string' ? { project } : {}),
    ...(typeof title === 'string' ? { title } : {}),
  };
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function timeOf(value: unknown): number | undefined {
  const timeMs = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(timeMs) ? undefined : timeMs;
}
