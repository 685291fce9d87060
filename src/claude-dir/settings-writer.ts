/**
 * Replaces one settings file whole, through a symlink where there is one: what a reader sees is the old file or the new one, with the
 * mode and the owner that it had. Nobody else's file is ever replaced.
 */

import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { errorCode, OperatingError, operatingError } from '../errors.ts';
import { displayName } from '../files/byte-name.ts';

/** A settings file as it was when it was read. */
export interface OpenedSettings {
  /** Where it is in truth, behind all symlinks. */
  readonly path: string;
  /** Undefined where there is none. */
  readonly bytes: Buffer | undefined;
  /** Without its byte order mark; empty where there is none. */
  readonly text: string;
  readonly encoding: 'utf8' | 'utf16le';
  readonly hasMark: boolean;
}

const BACKUP_SUFFIX = '.before-session-sweeper';
const NEW_SUFFIX = '.session-sweeper-new';
const MARK = '\ufeff';
/** Far more than settings have. */
const BYTES_MAX = 16 * 2 ** 20;

/** @throws OperatingError (`bad-data`, `io`) where it is none that can be changed */
export function openSettings(named: string): OpenedSettings {
  try {
    const path = realPathOf(named);
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return { path, bytes: undefined, text: '', encoding: 'utf8', hasMark: false };
    throwIfUnknownShape(path, stats);
    return { path, ...decoded(path, readFileSync(path)) };
  } catch (error) {
    throw operatingError('io', `read ${displayName(named)}`, error);
  }
}

/** @returns the bytes that the text has in this file */
export function encodeSettings(text: string, { encoding, hasMark }: OpenedSettings): Buffer {
  return Buffer.from((hasMark ? MARK : '') + text, encoding);
}

export function backupPathOf({ path }: OpenedSettings): string {
  return path + BACKUP_SUFFIX;
}

/** The file as it is, kept beside it; an older one gives way. @returns its path */
export function backUpSettings(settings: OpenedSettings): string | undefined {
  if (settings.bytes === undefined) return undefined;
  const backup = backupPathOf(settings);
  write(backup, settings.bytes, statSync(settings.path));
  return backup;
}

export function dropBackup(settings: OpenedSettings): void {
  rmSync(backupPathOf(settings), { force: true });
}

/**
 * @param settings what the new content was made of
 * @param mode of a file that is made
 * @throws OperatingError (`bad-data`) where somebody else has changed the file meanwhile; `io`
 */
export function replaceSettings(settings: OpenedSettings, bytes: Buffer, mode: number): void {
  const { path } = settings;
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats !== undefined) throwIfUnknownShape(path, stats);
    write(path, bytes, stats ?? { mode }, () => throwIfChanged(settings));
  } catch (error) {
    throw operatingError('io', `write ${displayName(path)}`, error);
  }
}

/** @throws OperatingError (`bad-data`) where somebody else has changed the file meanwhile; `io` */
export function removeSettings(settings: OpenedSettings): void {
  try {
    throwIfChanged(settings);
    rmSync(settings.path);
  } catch (error) {
    throw operatingError('io', `remove ${displayName(settings.path)}`, error);
  }
}

/** A symlink may lead to nothing yet: then the file is made there. */
function realPathOf(named: string): string {
  try {
    return realpathSync.native(named);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
  const directory = realpathSync.native(dirname(named));
  const link = linkAt(named);
  return link === undefined ? join(directory, basename(named)) : realPathOf(resolve(directory, link));
}

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    // There is nothing at all.
    return undefined;
  }
}

function throwIfUnknownShape(path: string, stats: Stats): void {
  const throwUnsafe = (fault: string) => {
    throw new OperatingError('bad-data', `${displayName(path)} ${fault}; it is left as it is`);
  };
  if (!stats.isFile()) throwUnsafe('is no plain file');
  if (stats.nlink > 1) throwUnsafe('has a second name elsewhere (a hard link), which would go on with the old content');
  if (stats.size > BYTES_MAX) throwUnsafe('is too large for settings');
  if (stats.uid !== process.geteuid?.()) throwUnsafe(`belongs to another user (${stats.uid})`);
}

function decoded(path: string, bytes: Buffer): Omit<OpenedSettings, 'path'> {
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf16le' : 'utf8';
  const whole = bytes.toString(encoding);
  if (!Buffer.from(whole, encoding).equals(bytes)) {
    throw new OperatingError('bad-data', `${displayName(path)} holds bytes that are no text; it is left as it is`);
  }
  const hasMark = whole.startsWith(MARK);
  return { bytes, text: hasMark ? whole.slice(MARK.length) : whole, encoding, hasMark };
}

function write(
  path: string,
  bytes: Buffer,
  like: Pick<Stats, 'mode'> & Partial<Pick<Stats, 'uid' | 'gid'>>,
  beforeRename: () => void = () => undefined,
): void {
  // What is made overwrites nothing, not even what came this very moment.
  const isNew = like.uid === undefined;
  const unfinished = path + NEW_SUFFIX;
  rmSync(unfinished, { force: true });
  const fd = openSync(unfinished, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    writeFileSync(fd, bytes);
    if (like.uid !== undefined && like.gid !== undefined) fchownSync(fd, like.uid, like.gid);
    fchmodSync(fd, like.mode & 0o7777);
    fsyncSync(fd);
    beforeRename();
    if (isNew) linkSync(unfinished, path);
    else renameSync(unfinished, path);
    if (isNew) rmSync(unfinished);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  syncDirectory(dirname(path));
}

function throwIfChanged({ path, bytes }: OpenedSettings): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  const now = stats === undefined ? undefined : readFileSync(path);
  if (now === undefined ? bytes === undefined : bytes !== undefined && now.equals(bytes)) return;
  throw new OperatingError('bad-data', `${displayName(path)} was changed by somebody else meanwhile; try again`);
}

function syncDirectory(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
