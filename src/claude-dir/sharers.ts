/**
 * Claude directories whose `projects/` lead to one place: who is at work in any of them is at work on the sessions there. They are
 * known by a record in that place, so that workers that know nothing of each other do not prune what the other's processes hold.
 */

import { dirname } from 'node:path';
import { errorCode, errorMessage, OperatingError } from '../errors.ts';
import { AnchoredDir } from '../files/anchored-dir.ts';
import { displayName, fixedName } from '../files/byte-name.ts';
import { ClaudeDir, UnreachableDirError } from './claude-dir.ts';
import { isOfClaudeDir } from './linked-projects.ts';
import { readOwnRecord, writeOwnRecord } from './own-record.ts';

const FILE = fixedName('claude-dirs.json');
const DAY_MS = 86_400_000;
/** Claude itself deletes by default what has not been written for so long, live or not: nobody can rely on more. */
const FORGOTTEN_AFTER_MS = 30 * DAY_MS;
const REFRESHED_AFTER_MS = DAY_MS;

/** All that is asked of a directory to know who is at work in it. */
export type LiveDir = Pick<ClaudeDir, 'home' | 'path'>;

/** When each was worked in last, Unix epoch ms, by path. */
type Seen = Readonly<Record<string, number>>;

/** Makes a Claude directory known to all that share its `projects/`. The caller holds the lock. @throws the system's error */
export function recordSharer(claudeDir: ClaudeDir, nowMs: number): void {
  if (claudeDir.link === undefined) return;
  const before = readSeen(claudeDir);
  const seen = remembered(before, nowMs);
  const isFresh = Math.abs(nowMs - (seen[claudeDir.path] ?? 0)) < REFRESHED_AFTER_MS;
  if (isFresh && Object.keys(seen).length === Object.keys(before).length) return;
  writeOwnRecord(claudeDir, FILE, { ...seen, [claudeDir.path]: nowMs });
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
  const seen = remembered(readSeenOrPass(claudeDir), nowMs);
  for (const [path, seenAtMs] of Object.entries(seen)) {
    const sharer = known.has(path) ? undefined : openSharer(path, claudeDir, seenAtMs);
    if (sharer === undefined) continue;
    take(sharer);
    if (sharer.identity === claudeDir.identity) opened.push(sharer);
  }
  return opened;
}

/** @returns undefined where it is gone: a container's own is not to be seen from elsewhere */
function openSharer(path: string, { path: own }: ClaudeDir, seenAtMs: number): ClaudeDir | undefined {
  try {
    return ClaudeDir.open(path);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    if (['ENOENT', 'ENODEV'].includes(errorCode(error.cause) ?? '')) return undefined;
    const until = new Date(seenAtMs + FORGOTTEN_AFTER_MS).toISOString();
    const why = `${displayName(path)} shares its projects/, and who is at work there cannot be told until ${until}`;
    throw new UnreachableDirError(`open Claude directory ${displayName(own)}: ${why}: ${error.message}`, {
      cause: error,
    });
  }
}

/** What a clock that was wrong has written is as far away as what is old. */
function remembered(seen: Seen, nowMs: number): Seen {
  return Object.fromEntries(Object.entries(seen).filter(([, atMs]) => Math.abs(nowMs - atMs) < FORGOTTEN_AFTER_MS));
}

function readSeenOrPass(claudeDir: ClaudeDir): Seen {
  try {
    return readSeen(claudeDir);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    const message = `open Claude directory ${displayName(claudeDir.path)}: read who shares its projects/: ${errorMessage(error)}`;
    throw new UnreachableDirError(message, { cause: error });
  }
}

function readSeen(claudeDir: ClaudeDir): Seen {
  const value = readOwnRecord(claudeDir, FILE);
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return Object.fromEntries(entries.filter((entry): entry is [string, number] => typeof entry[1] === 'number'));
}
