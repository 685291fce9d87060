/** Tells how much of the disk the databases take, how much of it is free in them, and how that comes back where it does not by itself. */

import type { Config } from '../config/config.ts';
import { formatBytes } from '../format/byte-size.ts';
import { shellWord } from '../format/shell-word.ts';
import { ledgerPath } from '../ledger/opening.ts';
import { type DatabaseSpace, databaseSpace } from '../sqlite/give-back.ts';
import type { Finding } from './finding.ts';

export interface DatabaseUse extends DatabaseSpace {
  readonly path: string;
}

/** Of this host, as far as they are there and can be read. */
export function databaseUses(config: Config): readonly DatabaseUse[] {
  const paths = [ledgerPath(config.stateDir), config['sessions.db'], ...config['sessions.store']];
  return paths.flatMap((path) => {
    const space = databaseSpace(path);
    return space === undefined ? [] : [{ path, ...space }];
  });
}

/** Less is soon used again. */
const FREE_BYTES_TOLD = 2 ** 20;
const FREE_SHARE_TOLD = 0.5;

export async function examineDatabases(config: Config): Promise<Omit<Finding, 'check'>> {
  const uses = databaseUses(config);
  const message = uses
    .map(({ path, bytes, freeBytes }) => `${path} ${formatBytes(bytes)}, ${formatBytes(freeBytes)} of it free`)
    .join('; ');
  const wasteful = uses.filter(({ bytes, freeBytes, isIncremental }) => {
    return !isIncremental && freeBytes >= FREE_BYTES_TOLD && freeBytes >= bytes * FREE_SHARE_TOLD;
  });
  if (wasteful.length === 0) return { level: 'ok', message: message || 'none yet' };
  const commands = wasteful.map(({ path }) => {
    return `sqlite3 ${shellWord(path)} 'PRAGMA auto_vacuum = INCREMENTAL; VACUUM'`;
  });
  return {
    level: 'notice',
    message: `${message}; what is free in ${wasteful.map(({ path }) => path).join(', ')} is used again, and not given back to the disk`,
    advice: `once, while nobody is at work with it: ${commands.join('; ')}`,
  };
}
