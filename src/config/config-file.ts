/** The configuration file that counts without being named: one that only its owner could have written, or an error that says why not. */

import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { ConfigError, errorCode, errorMessage } from '../errors.ts';
import { shellWord } from '../format/shell-word.ts';

export interface ConfigFile {
  readonly path: string;
  readonly text: string;
}

/** Group and others. */
const FOREIGN_WRITE_BITS = 0o022;
const ROOT = 0;

export function defaultConfigPath(
  home: string,
  { XDG_CONFIG_HOME: configHome }: Readonly<Record<string, string | undefined>>,
): string {
  // The XDG specification has relative paths ignored.
  return `${configHome?.startsWith('/') ? configHome : `${home}/.config`}/claude-session-sweeper/config.yaml`;
}

/** @returns undefined where there is none. @throws ConfigError where it cannot be read, or others may say what stands in it */
export function readDefaultConfigFile(path: string, user = process.geteuid?.()): ConfigFile | undefined {
  let fd: number;
  try {
    // Not blocking: the name may be a FIFO's.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new ConfigError([`${path}: ${errorMessage(error)}`]);
  }
  try {
    const fault = faultOf(path, fstatSync(fd), statSync(dirname(path)), user);
    if (fault !== undefined) throw new ConfigError([`${path}: ${fault}`]);
    return { path, text: readFileSync(fd, 'utf8') };
  } catch (error) {
    if (error instanceof ConfigError || errorCode(error) === undefined) throw error;
    throw new ConfigError([`${path}: ${errorMessage(error)}`]);
  } finally {
    closeSync(fd);
  }
}

function faultOf(path: string, file: Stats, directory: Stats, user: number | undefined): string | undefined {
  if (!file.isFile()) return 'it is no regular file';
  for (const [stats, name, which] of [
    [file, path, 'it'],
    [directory, dirname(path), 'its directory'],
  ] as const) {
    if ((stats.mode & FOREIGN_WRITE_BITS) !== 0) {
      return `${which} can be written by others than its owner; chmod go-w ${wordOf(name)}`;
    }
    if (stats.uid !== ROOT && stats.uid !== user) {
      return `${which} belongs to user ${stats.uid}, and this is user ${user}; run as that user, or say --config ${wordOf(path)} where it is meant`;
    }
  }
  return undefined;
}

function wordOf(path: string): string {
  return shellWord(Buffer.from(path, 'utf8').toString('latin1'));
}
