/**
 * Which sessions of a Claude directory were named when all that names any was read last without a doubt: kept in that directory, so that
 * they stay wanted where whoever named them is lost, with the state directory or without it.
 */

import { fixedName } from '../files/byte-name.ts';
import type { ClaudeDir } from './claude-dir.ts';
import { readOwnRecord, writeOwnRecord } from './own-record.ts';
import { parseProtectedId, type SessionId } from './session-id.ts';

const FILE = fixedName('named-sessions.json');
const REFRESHED_AFTER_MS = 20 * 3_600_000;

export interface NamedBefore {
  /** When they were read, Unix epoch ms. */
  readonly atMs: number;
  readonly ids: ReadonlySet<SessionId>;
  /**
   * For how long what is named stays named, milliseconds: as long as rows lived in the resume map that was there then, since what a host has
   * written into it is lost with it; for ever where some are pinned.
   */
  readonly namedForMs: number | 'never';
}

/** @returns undefined where nobody has written any down, or what is there is damaged: then who was named is not known @throws the system's error */
export function readNamedBefore(claudeDir: ClaudeDir): NamedBefore | undefined {
  const value = readOwnRecord(claudeDir, FILE);
  if (typeof value !== 'object' || value === null || !('atMs' in value) || !('ids' in value)) return undefined;
  const { atMs, ids } = value;
  if (typeof atMs !== 'number' || !Array.isArray(ids)) return undefined;
  const namedForMs = 'namedForMs' in value && typeof value.namedForMs === 'number' ? value.namedForMs : 'never';
  const parsed = ids.map(parseProtectedId);
  return parsed.every((id) => id !== undefined) ? { atMs, ids: new Set(parsed), namedForMs } : undefined;
}

/** The caller holds the lock of the Claude directory. */
export function recordNamed(claudeDir: ClaudeDir, named: NamedBefore): void {
  const before = readNamedBefore(claudeDir);
  const isSame =
    before?.ids.size === named.ids.size &&
    before.namedForMs === named.namedForMs &&
    [...named.ids].every((id) => before.ids.has(id));
  const isFresh = before !== undefined && Math.abs(named.atMs - before.atMs) < REFRESHED_AFTER_MS;
  if (!isSame || !isFresh) writeOwnRecord(claudeDir, FILE, { ...named, ids: [...named.ids].sort() });
}
