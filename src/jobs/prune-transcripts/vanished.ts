/**
 * Misses sessions that a whole scan saw, that nothing of ours removed, and that are nowhere any more: somebody else deletes here. Where it
 * cannot be told for certain, nothing is missed.
 */

import { randomBytes } from 'node:crypto';
import type { ClaudeDir } from '../../claude-dir/claude-dir.ts';
import { PACKED_ID_BYTES, unpackedId } from '../../claude-dir/packed-id.ts';
import { readScanToken, writeScanToken } from '../../claude-dir/scan-token.ts';
import { parseSessionId, type SessionId } from '../../claude-dir/session-id.ts';
import { errorCode } from '../../errors.ts';
import { displayName } from '../../files/byte-name.ts';
import { presentSessions } from '../../trash/present.ts';
import type { SeenProject, SeenScan, SeenSessions, VanishedSession } from '../ledger-contracts.ts';
import type { FindableUnits } from './foreseen-units.ts';
import type { Plan } from './plan.ts';

const RECORD_BYTES = PACKED_ID_BYTES + 2;
const TOKEN_BYTES = 16;
const DAY_MS = 86_400_000;
/** As many as two bytes hold. */
const DAYS_MAX = 0xffff;

export interface VanishedQuestion {
  readonly claudeDir: ClaudeDir;
  /** As `displayName` gives it. */
  readonly path: string;
  readonly units: FindableUnits;
  readonly plan: Plan;
  /** After so long without being written, Claude's own clean-up deletes a session; undefined where it does not. */
  readonly cleanupMs: number | undefined;
  readonly nowMs: number;
}

/** Misses what has gone since the last whole scan, and remembers what this one saw. @returns how many are missed */
export function noteVanished(seen: SeenSessions, question: VanishedQuestion): number {
  const { claudeDir, path, units, plan, nowMs } = question;
  const before = seen.lastScan(path);
  const isKnown = before !== undefined && before.token === readScanToken(claudeDir);
  const vanished = isKnown ? missed(seen, before, question) : [];
  // Where it could not be looked everywhere, what was seen before is held against the next whole scan.
  if (vanished === undefined) return 0;
  seen.recordVanished(vanished);
  seen.forgetVanished(path, returnedTo(units, seen.vanished(path)));
  const token = randomBytes(TOKEN_BYTES).toString('hex');
  seen.recordSeen(path, { token, seenAtMs: nowMs }, packed(units, plan));
  markScan(claudeDir, token);
  return vanished.length;
}

function markScan(claudeDir: ClaudeDir, token: string): void {
  try {
    writeScanToken(claudeDir, token);
  } catch (error) {
    // On a full disk the next scan is held against nothing, and that is all.
    if (errorCode(error) === undefined) throw error;
  }
}

/** @returns undefined where nothing follows from what was not found */
function missed(seen: SeenSessions, scan: SeenScan, question: VanishedQuestion): VanishedSession[] | undefined {
  const { claudeDir, path, units, cleanupMs = Number.POSITIVE_INFINITY, nowMs } = question;
  const missing: VanishedSession[] = [];
  for (const { project, sessions } of seen.seenIn(path)) {
    for (let at = 0; at + RECORD_BYTES <= sessions.length; at += RECORD_BYTES) {
      // Most are there, and of those no text is made.
      const row = units.findPacked(sessions, at);
      if (row !== undefined && units.hasTranscript(row)) continue;
      const sessionId = unpackedId(sessions, at);
      const writtenAtMs = sessions.readUInt16BE(at + PACKED_ID_BYTES) * DAY_MS;
      const cause = nowMs - writtenAtMs >= cleanupMs ? 'clean-up' : 'unknown';
      missing.push({
        claudeDir: path,
        sessionId,
        project,
        writtenAtMs,
        seenAtMs: scan.seenAtMs,
        noticedAtMs: nowMs,
        cause,
      });
    }
  }
  if (missing.length === 0) return missing;
  // A second look, since Claude renames transcripts between projects; what lies in the trash is among what is there.
  const present = presentSessions(claudeDir);
  if (present === undefined) return undefined;
  const removed = seen.removedSince(path, scan);
  return missing.filter(({ sessionId }) => {
    const id = sessionId as SessionId;
    return !present.has(id) && !removed.has(id);
  });
}

function returnedTo(units: FindableUnits, vanished: readonly VanishedSession[]): string[] {
  return vanished.flatMap(({ sessionId }) => {
    const id = parseSessionId(sessionId);
    const row = id === undefined ? undefined : units.find(id);
    return row !== undefined && units.hasTranscript(row) ? [sessionId] : [];
  });
}

/** What is to be there the next time. A place that may not be mounted then is left out. */
function packed(units: FindableUnits, plan: Plan): readonly SeenProject[] {
  const isSeen = (row: number) => {
    return units.hasTranscript(row) && !plan.isRemoval(row) && units.doubt(row) !== 'other-filesystem';
  };
  const counts = new Uint32Array(units.projects.length);
  for (let row = 0; row < units.length; row += 1) {
    const project = units.projectIndex(row);
    if (project !== undefined && isSeen(row)) counts[project] = (counts[project] ?? 0) + 1;
  }
  const buffers = Array.from(counts, (count) => Buffer.alloc(count * RECORD_BYTES));
  const ends = new Uint32Array(units.projects.length);
  for (let row = 0; row < units.length; row += 1) {
    const project = units.projectIndex(row);
    const buffer = project === undefined ? undefined : buffers[project];
    if (project === undefined || buffer === undefined || !isSeen(row)) continue;
    const at = ends[project] ?? 0;
    units.packId(row, buffer, at);
    buffer.writeUInt16BE(dayOf(units.newestMtimeMs(row)), at + PACKED_ID_BYTES);
    ends[project] = at + RECORD_BYTES;
  }
  return units.projects.flatMap((name, index) => {
    const sessions = buffers[index];
    return sessions === undefined || sessions.length === 0 ? [] : [{ project: displayName(name), sessions }];
  });
}

function dayOf(timeMs: number): number {
  return Math.max(0, Math.min(DAYS_MAX, Math.floor(timeMs / DAY_MS) || 0));
}
