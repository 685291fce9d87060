/**
 * Claude directories whose `projects/` lead to one place: who is at work in any of them is at work on the sessions there. They are
 * known by a record in that place, so that workers that know nothing of each other do not prune what the other's processes hold.
 */

import { readlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode, errorMessage, OperatingError } from '../errors.ts';
import { AnchoredDir } from '../files/anchored-dir.ts';
import { displayName, fixedName } from '../files/byte-name.ts';
import { systemUptime } from '../process/machine-clock.ts';
import { ClaudeDir, UnreachableDirError } from './claude-dir.ts';
import { isOfClaudeDir } from './linked-projects.ts';
import { DAMAGED, readOwnRecord, writeOwnRecord } from './own-record.ts';
import { withOwnRemedy } from './own-remedy.ts';

const FILE = fixedName('claude-dirs.json');
const DAY_MS = 86_400_000;
/** Claude itself deletes by default what has not been written for so long, live or not: nobody can rely on more. */
const FORGOTTEN_AFTER_MS = 30 * DAY_MS;
const REFRESHED_AFTER_MS = DAY_MS;

/** All that is asked of a directory to know who is at work in it. */
export type SeenDir = Pick<ClaudeDir, 'home' | 'path'>;

/** One that cannot be seen from here, as another container's own: whoever is at work there may be so on all that was written since. */
export interface UnseenDir {
  readonly home: undefined;
  readonly path: string;
  /** Unix epoch ms. */
  readonly writtenSinceMs: number;
}

export type LiveDir = SeenDir | UnseenDir;

/** When one was worked in last, Unix epoch ms, and from where. */
interface Sighting {
  readonly atMs: number;
  /** The start of the machine and the mount namespace: what is gone for whoever had seen it there is gone for good. */
  readonly from?: string | undefined;
}

/** By path. */
type Seen = Readonly<Record<string, Sighting>>;

/** Stands for all of which a damaged record has told. */
const UNKNOWN = '';

/** Makes a Claude directory known to all that share its `projects/`. The caller holds the lock. @throws the system's error */
export function recordSharer(claudeDir: ClaudeDir, nowMs: number): void {
  if (claudeDir.link === undefined) return;
  const before = readSeen(claudeDir, nowMs);
  const seen = remembered(before, nowMs);
  const own = seen[claudeDir.path];
  const isFresh = own !== undefined && Math.abs(nowMs - own.atMs) < REFRESHED_AFTER_MS && own.from === viewpoint();
  // A damaged one is written anew, and the unknown stand in it.
  const isKnown = seen[UNKNOWN] === undefined || seen[UNKNOWN].atMs < nowMs;
  if (isFresh && isKnown && Object.keys(seen).length === Object.keys(before).length) return;
  writeOwnRecord(claudeDir, FILE, { ...seen, [claudeDir.path]: { atMs: nowMs, from: viewpoint() } });
}

/** Undefined where either is hidden. */
function viewpoint(): string | undefined {
  const { bootId } = systemUptime();
  try {
    return bootId === 'unknown' ? undefined : `${bootId} ${readlinkSync('/proc/self/ns/mnt')}`;
  } catch {
    return undefined;
  }
}

/**
 * Opens the others that share the `projects/` of one.
 * @param known paths that are open already
 * @param take is told what the caller has to close
 * @throws UnreachableDirError where one of them cannot be looked into: who is at work there is not known
 */
export function openSharers(
  claudeDir: ClaudeDir,
  known: ReadonlySet<string>,
  take: (opened: { close(): void }) => void,
  nowMs: number,
): LiveDir[] {
  const { link } = claudeDir;
  const opened: LiveDir[] = [];
  if (link !== undefined && isOfClaudeDir(link)) {
    const path = dirname(Buffer.from(link.path, 'latin1').toString('utf8'));
    if (!known.has(path)) {
      const home = AnchoredDir.open(`/proc/self/fd/${claudeDir.root.fd}/.`);
      take(home);
      opened.push({ home, path });
    }
  }
  const seen = remembered(readSeenOrPass(claudeDir, nowMs), nowMs);
  for (const [path, sighting] of Object.entries(seen)) {
    if (known.has(path)) continue;
    const sharer = path === UNKNOWN ? undefined : openSharer(path, claudeDir, sighting);
    if (sharer !== undefined) take(sharer);
    if (sharer?.identity === claudeDir.identity) opened.push(sharer);
    else if (!isOfHere(sighting)) {
      opened.push({ home: undefined, path, writtenSinceMs: nowMs - FORGOTTEN_AFTER_MS });
    }
  }
  return opened;
}

/** Then what is under its path by now is all that there is. */
function isOfHere({ from }: Sighting): boolean {
  return from !== undefined && from === viewpoint();
}

/** @returns undefined where it is not there: a container's own is not to be seen from elsewhere */
function openSharer(path: string, { path: own }: ClaudeDir, { atMs }: Sighting): ClaudeDir | undefined {
  try {
    return ClaudeDir.open(path);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    if (['ENOENT', 'ENODEV'].includes(errorCode(error.cause) ?? '')) return undefined;
    const until = new Date(atMs + FORGOTTEN_AFTER_MS).toISOString();
    const why = `${displayName(path)} shares its projects/, and who is at work there cannot be told until ${until}`;
    throw new UnreachableDirError(`open Claude directory ${displayName(own)}: ${why}: ${error.message}`, {
      cause: error,
    });
  }
}

/** What a clock that was wrong has written is as far away as what is old. */
function remembered(seen: Seen, nowMs: number): Seen {
  return Object.fromEntries(Object.entries(seen).filter(([, { atMs }]) => Math.abs(nowMs - atMs) < FORGOTTEN_AFTER_MS));
}

function readSeenOrPass(claudeDir: ClaudeDir, nowMs: number): Seen {
  try {
    return readSeen(claudeDir, nowMs);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    const message = `open Claude directory ${displayName(claudeDir.path)}: read who shares its projects/: ${errorMessage(withOwnRemedy(claudeDir, error))}`;
    throw new UnreachableDirError(message, { cause: error });
  }
}

function readSeen(claudeDir: ClaudeDir, nowMs: number): Seen {
  const value = readOwnRecord(claudeDir, FILE, DAMAGED);
  if (value === undefined) return {};
  const seen: Record<string, Sighting> = {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { [UNKNOWN]: { atMs: nowMs } };
  for (const [path, one] of Object.entries(value)) {
    const sighting = sightingOf(one);
    // Of what is no sighting, nobody knows whom it meant.
    seen[sighting === undefined ? UNKNOWN : path] = sighting ?? { atMs: nowMs };
  }
  return seen;
}

function sightingOf(value: unknown): Sighting | undefined {
  if (typeof value === 'number') return { atMs: value };
  if (typeof value !== 'object' || value === null || !('atMs' in value) || typeof value.atMs !== 'number')
    return undefined;
  const from = 'from' in value && typeof value.from === 'string' ? value.from : undefined;
  return { atMs: value.atMs, from };
}
