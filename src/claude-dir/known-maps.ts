/**
 * Which resume maps of our own making have protected sessions of a Claude directory: kept in that directory, since a state directory
 * that is not mounted, or was deleted, takes the ledger with it, and a new and empty map in its place names nobody.
 */

import { fixedName } from '../files/byte-name.ts';
import type { ClaudeDir } from './claude-dir.ts';
import { readOwnRecord, writeOwnRecord } from './own-record.ts';

const FILE = fixedName('resume-maps.json');

/** How many session ids each map named when it was read last, by the map's identity. */
export type KnownMaps = Readonly<Record<string, number>>;

/** @throws the system's error where it is there and cannot be read */
export function readKnownMaps(claudeDir: ClaudeDir): KnownMaps {
  const value = readOwnRecord(claudeDir, FILE);
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return Object.fromEntries(entries.filter((entry): entry is [string, number] => typeof entry[1] === 'number'));
}

/** The caller holds the lock of the Claude directory. */
export function recordKnownMap(claudeDir: ClaudeDir, identity: string, ids: number): void {
  const known = readKnownMaps(claudeDir);
  if (known[identity] !== ids) writeOwnRecord(claudeDir, FILE, { ...known, [identity]: ids });
}
