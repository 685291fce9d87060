/** Small records of ours that lie in a Claude directory itself, so that they are there for as long as it is. */

import { closeSync, constants, fsyncSync, readFileSync, writeFileSync } from 'node:fs';
import { errorCode } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { type ByteName, fixedName } from '../files/byte-name.ts';
import type { ClaudeDir } from './claude-dir.ts';
import { SWEEPER_DIRECTORY } from './layout.ts';

const FILE_MODE = 0o600;

/** Stands for a record that is there and says nothing: empty, cut off, or overwritten by something else. */
export const DAMAGED = Symbol('damaged');

/**
 * @returns undefined where there is none; `onDamaged` where what is there does not parse: where no more than a hint is lost, undefined, too
 * @throws the system's error
 */
export function readOwnRecord(claudeDir: ClaudeDir, file: ByteName, onDamaged?: typeof DAMAGED): unknown {
  try {
    return inDirectory(claudeDir.root.openChild(SWEEPER_DIRECTORY), (ours) => {
      const fd = ours.openFile(file, constants.O_RDONLY);
      try {
        return parse(readFileSync(fd, 'utf8'), onDamaged);
      } finally {
        closeSync(fd);
      }
    });
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whole or not at all. The caller holds the lock of the Claude directory, where others may write the same record. */
export function writeOwnRecord(claudeDir: ClaudeDir, file: ByteName, value: object): void {
  const unfinished = fixedName(`${file}.new`);
  inDirectory(claudeDir.root.openOrMakeChild(SWEEPER_DIRECTORY), (ours) => {
    if (ours.has(unfinished)) ours.unlink(unfinished);
    const fd = ours.openFile(unfinished, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, FILE_MODE);
    try {
      ours.giveTo(ours, fd);
      // Until all of it is written: of a disk that is nearly full, one call takes a part and does not tell.
      writeFileSync(fd, `${JSON.stringify(value)}\n`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    ours.renameTo(unfinished, ours, file);
  });
}

export function removeOwnRecord(claudeDir: ClaudeDir, file: ByteName): void {
  inDirectory(claudeDir.root.openChild(SWEEPER_DIRECTORY), (ours) => {
    if (ours.has(file)) ours.unlink(file);
  });
}

function inDirectory<T>(ours: AnchoredDir, use: (ours: AnchoredDir) => T): T {
  try {
    return use(ours);
  } finally {
    ours.close();
  }
}

function parse(text: string, onDamaged: typeof DAMAGED | undefined): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return onDamaged;
  }
}
