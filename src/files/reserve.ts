/** Room that is held back while there is plenty and given up on a full disk, so that whatever frees space can still be written down. */

import { randomBytes } from 'node:crypto';
import { closeSync, constants, writeSync } from 'node:fs';
import { errorCode } from '../errors.ts';
import type { AnchoredDir } from './anchored-dir.ts';
import { type ByteName, fixedName } from './byte-name.ts';
import { hasRoom } from './room.ts';

const RESERVE = fixedName('reserve');
/** Each is an inode as well: some disks are full of files before they are full of bytes. */
const FILES = 16;
const FILE_BYTES = 16_384;
const FILE_MODE = 0o600;
export const RESERVE_BYTES = FILES * FILE_BYTES;
export const RESERVE_INODES = FILES;
/** A reserve is made where it takes no more than this share of what is free. */
const SHARE_MAX = 0.25;

/** No reserve is made where less is free. */
export const ROOM_FOR_RESERVE_BYTES = RESERVE_BYTES / SHARE_MAX;

/** Tells what giving the reserve up would free. @throws the system's error */
export function reservedRoom(parent: AnchoredDir): { readonly bytes: number; readonly inodes: number } {
  return inReserve(parent, { bytes: 0, inodes: 0 }, (reserve) => {
    let [bytes, inodes] = [0, 0];
    for (const { name } of reserve.entries()) {
      bytes += reserve.lstat(name)?.size ?? 0;
      inodes += 1;
    }
    return { bytes, inodes };
  });
}

/** @returns how many bytes it was @throws the system's error */
export function giveUpReserve(parent: AnchoredDir): number {
  return inReserve(parent, 0, (reserve) => {
    let bytes = 0;
    for (const { name } of reserve.entries()) {
      const size = reserve.lstat(name)?.size ?? 0;
      unlinkIfThere(reserve, name);
      bytes += size;
    }
    // A journal gives freed blocks out again when it has them written down.
    reserve.sync();
    return bytes;
  });
}

/** Makes what is missing of the reserve, where there is plenty of room. What cannot be made is not there: nothing but comfort is lost. */
export function keepReserve(parent: AnchoredDir): void {
  try {
    const room = parent.room();
    if (!hasRoom(room, ROOM_FOR_RESERVE_BYTES, RESERVE_INODES / SHARE_MAX)) return;
    const reserve = parent.openOrMakeChild(RESERVE);
    try {
      for (let number = 0; number < FILES; number += 1) makeFile(reserve, fixedName(String(number)));
    } finally {
      reserve.close();
    }
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
  }
}

/** Gives the reserve up where hardly anything is left. */
export function giveUpReserveIfFull(parent: AnchoredDir): void {
  try {
    if (!hasRoom(parent.room(), RESERVE_BYTES, RESERVE_INODES)) giveUpReserve(parent);
  } catch (error) {
    // It is looked at again by the next run.
    if (errorCode(error) === undefined) throw error;
  }
}

function makeFile(reserve: AnchoredDir, name: ByteName): void {
  const before = reserve.lstat(name);
  if (before?.size === FILE_BYTES) return;
  if (before !== undefined) unlinkIfThere(reserve, name);
  const fd = reserve.openFile(name, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, FILE_MODE);
  try {
    reserve.giveTo(reserve, fd);
    // Zeros would take no room where a file system compresses.
    writeSync(fd, randomBytes(FILE_BYTES));
  } finally {
    closeSync(fd);
  }
}

/** Another process may tend the same reserve. */
function unlinkIfThere(reserve: AnchoredDir, name: ByteName): void {
  try {
    reserve.unlink(name);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

function inReserve<T>(parent: AnchoredDir, none: T, use: (reserve: AnchoredDir) => T): T {
  let reserve: AnchoredDir;
  try {
    reserve = parent.openChild(RESERVE);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return none;
    throw error;
  }
  try {
    return use(reserve);
  } finally {
    reserve.close();
  }
}
