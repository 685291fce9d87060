/**
 * Which resume maps of our own making have protected sessions of a Claude directory: kept in that directory, since a state directory
 * that is not mounted, or was deleted, takes the ledger with it, and a new and empty map in its place names nobody.
 */

import { fixedName } from '../files/byte-name.ts';
import type { ClaudeDir } from './claude-dir.ts';
import { DAMAGED, readOwnRecord, writeOwnRecord } from './own-record.ts';

const FILE = fixedName('resume-maps.json');

/** How many session ids each map named when it was read last, by the map's identity. */
export type KnownMaps = Readonly<Record<string, number>>;

/** Stands for the maps of which a damaged record has told: one that says nothing is not one of nobody. */
const UNKNOWN_MAP = 'unknown';

/** @throws the system's error where it is there and cannot be read */
export function readKnownMaps(claudeDir: ClaudeDir): KnownMaps {
  const value = readOwnRecord(claudeDir, FILE, DAMAGED);
  if (value === undefined) return {};
  const entries = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
  const known = entries.filter((entry): entry is [string, number] => typeof entry[1] === 'number');
  const isWhole =
    typeof value === 'object' && known.length === entries.length && !Array.isArray(value) && value !== null;
  return { ...Object.fromEntries(known), ...(isWhole ? {} : { [UNKNOWN_MAP]: 1 }) };
}

/** The caller holds the lock of the Claude directory. */
export function recordKnownMap(claudeDir: ClaudeDir, identity: string, ids: number): void {
  const known = readKnownMaps(claudeDir);
  if (known[identity] !== ids) writeOwnRecord(claudeDir, FILE, { ...known, [identity]: ids });
}
