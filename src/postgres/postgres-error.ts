/** Makes errors that an operator can read of what PostgreSQL and the way to it report. */

import { BusyError, errorCode, errorMessage, OperatingError } from '../errors.ts';
import type { ErrorKind } from '../exit-codes.ts';

/** Another holds the lock, or has won; nothing was changed, and the same call may be made again. */
const BUSY = /^(55P03|40001|40P01)$/;

/** A prepared statement is not there, or is there already as another client's. */
const LOST_STATEMENT = /^(26000|42P05)$/;

const KIND_BY_CODE: readonly (readonly [RegExp, ErrorKind])[] = [
  // Asked for too long, shut down, starting, out of connections, a standby, a wrong password, no such database.
  [/^(57|08|28|25006|3D000|53300|25P03)/, 'unavailable'],
  // No room on its disk or in its memory, or its disk fails.
  [/^(53|58)/, 'io'],
  // No right, no such table or column, or another than ours; a statement that a pooler has prepared elsewhere.
  [/^(42|3F|0A|26)/, 'config'],
  // What cannot be written as text of its encoding, or is damaged there.
  [/^(22|23|XX)/, 'bad-data'],
];

/** An error of the server's, which has answered: the connection is as good as before. */
export function serverCode(error: unknown): string | undefined {
  const isServers = error instanceof Error && error.name === 'PostgresError';
  return isServers ? errorCode(error) : undefined;
}

/** @param where a name of the database that shows no password */
export function postgresError(where: string, action: string, error: unknown): unknown {
  if (error instanceof OperatingError) return error;
  const code = errorCode(error);
  if (code === undefined) return error;
  const hint = LOST_STATEMENT.test(code) ? '; behind a pooler that does not pass such on, give prepare: false' : '';
  const message = `${action} ${where}: ${errorMessage(error)} (${code})${hint}`;
  if (BUSY.test(code)) return new BusyError(message, { cause: error });
  const isServers = serverCode(error) !== undefined;
  const kind = isServers ? KIND_BY_CODE.find(([pattern]) => pattern.test(code))?.[1] : connectionKind(code);
  if (kind === undefined) return error;
  return new OperatingError(kind, message, { cause: error });
}

/** Node's own names for a programmer's mistakes begin with ERR_, as do those of TLS, which speak of certificates. */
function connectionKind(code: string): ErrorKind | undefined {
  return code.startsWith('ERR_') && !/^ERR_(TLS|SSL)/.test(code) ? undefined : 'unavailable';
}
