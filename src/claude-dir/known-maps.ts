/**
 * Which resume maps of our own making have protected sessions of a Claude directory: kept in that directory, since a state directory
 * that is not mounted, or was deleted, takes the ledger with it, and a new and empty map in its place names nobody.
 */

import { closeSync, constants, fsyncSync, readFileSync, writeSync } from 'node:fs';
import { errorCode } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { ownName } from '../files/byte-name.ts';
import type { ClaudeDir } from './claude-dir.ts';
import { SWEEPER_DIRECTORY } from './layout.ts';

const FILE = ownName('resume-maps.json');
const UNFINISHED = ownName('resume-maps.json.new');
const FILE_MODE = 0o600;

/** How many session ids each map named when it was read last, by the map's identity. */
export type KnownMaps = Readonly<Record<string, number>>;

/** @throws the system's error where it is there and cannot be read */
export function readKnownMaps(claudeDir: ClaudeDir): KnownMaps {
  try {
    return inSweeperDirectory(claudeDir, (ours) => {
      const fd = ours.openFile(FILE, constants.O_RDONLY);
      try {
        return parse(readFileSync(fd, 'utf8'));
      } finally {
        closeSync(fd);
      }
    });
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return {};
    throw error;
  }
}

/** The caller holds the lock of the Claude directory. */
export function recordKnownMap(claudeDir: ClaudeDir, identity: string, ids: number): void {
  const known = readKnownMaps(claudeDir);
  if (known[identity] === ids) return;
  inSweeperDirectory(claudeDir, (ours) => {
    if (ours.has(UNFINISHED)) ours.unlink(UNFINISHED);
    const fd = ours.openFile(UNFINISHED, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, FILE_MODE);
    try {
      ours.giveTo(ours, fd);
      writeSync(fd, `${JSON.stringify({ ...known, [identity]: ids })}\n`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    ours.renameTo(UNFINISHED, ours, FILE);
  });
}

function inSweeperDirectory<T>(claudeDir: ClaudeDir, use: (ours: AnchoredDir) => T): T {
  const ours = claudeDir.root.openChild(SWEEPER_DIRECTORY);
  try {
    return use(ours);
  } finally {
    ours.close();
  }
}

/** What does not parse is a hint lost, and no more. */
function parse(text: string): KnownMaps {
  try {
    const value: unknown = JSON.parse(text);
    const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
    return Object.fromEntries(entries.filter((entry): entry is [string, number] => typeof entry[1] === 'number'));
  } catch {
    return {};
  }
}
