/**
 * Which look at a Claude directory was the last whole one: kept in that directory, so that a record of what was there is held against no
 * other directory, and no record against one that was overtaken by another worker.
 */

import { fixedName } from '../files/byte-name.ts';
import type { ClaudeDir } from './claude-dir.ts';
import { readOwnRecord, writeOwnRecord } from './own-record.ts';

const FILE = fixedName('last-scan.json');

export function readScanToken(claudeDir: ClaudeDir): string | undefined {
  const value = readOwnRecord(claudeDir, FILE);
  if (typeof value !== 'object' || value === null || !('token' in value)) return undefined;
  return typeof value.token === 'string' ? value.token : undefined;
}

/** The caller holds the lock of the Claude directory. */
export function writeScanToken(claudeDir: ClaudeDir, token: string): void {
  writeOwnRecord(claudeDir, FILE, { token });
}
