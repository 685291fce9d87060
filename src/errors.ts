/** The kinds of failure an operator can act on; each has an exit code of its own in exit-codes.ts. */

import { type ErrorKind, EXIT_CODES } from './exit-codes.ts';
import { shownText } from './format/shown-text.ts';

/** An operating error: something outside the program is wrong. The message is a short sentence for an operator. */
export class OperatingError extends Error {
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(shownText(message), options);
    this.name = 'OperatingError';
    this.kind = kind;
  }

  /** The program ends with this code where this error ends it. */
  get exitCode(): number {
    return EXIT_CODES[this.kind];
  }
}

/** A database whose lock another holds for longer than we wait: trying again later may help. */
export class BusyError extends OperatingError {
  constructor(message: string, options?: ErrorOptions) {
    super('unavailable', message, options);
    this.name = 'BusyError';
  }
}

/** Every fault of a configuration at once: one line a fault, each naming the setting and the value. */
export class ConfigError extends OperatingError {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super('config', '');
    this.name = 'ConfigError';
    this.faults = faults.map(shownText);
    this.message = this.faults.join('\n');
  }
}

/** The system's name for a failed call (`ENOENT`, `SQLITE_BUSY`), or undefined where the error carries none. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string') {
    return error.code;
  }
  return undefined;
}

export function errorMessage(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(HELD_DIRECTORY, (path) => (path.endsWith('/') ? '' : '.'));
}

/**
 * Messages name what is reached by a held descriptor below it; whoever says what was being done names the directory. By the time of the message
 * the number may be another's, so it is not looked up.
 */
const HELD_DIRECTORY = /\/proc\/self\/fd\/\d+\/|(?<=')\/proc\/self\/fd\/\d+(?=')/g;

/** We ran out of something ourselves: that says nothing about the files, so the whole run has to stop. */
export function isExhaustion(code: string): boolean {
  return code === 'EMFILE' || code === 'ENFILE' || code === 'ENOMEM';
}

/** There is no room left on the disk, or none for this user. */
export function isNoSpace(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** The kind of any thrown value: a failed system call is `io`; a programmer's error, which nobody foresaw, is `internal`. */
export function errorKind(error: unknown): ErrorKind {
  if (error instanceof OperatingError) return error.kind;
  // The system's names; Node's own for wrong arguments begin with ERR_.
  return /^E(?!RR_)[A-Z0-9]+$/.test(errorCode(error) ?? '') ? 'io' : 'internal';
}

/** Wraps a failed call, with what was being done (“read live ids”), unless it already says so itself. */
export function operatingError(kind: ErrorKind, action: string, cause: unknown): OperatingError {
  if (cause instanceof OperatingError) return cause;
  return new OperatingError(kind, `${action}: ${errorMessage(cause)}`, { cause });
}

/** A failed system call becomes an `io` error with what was being done; a programmer's error stays what it is. */
export function systemError(action: string, cause: unknown): unknown {
  return errorCode(cause) === undefined ? cause : operatingError('io', action, cause);
}

/** An error of ours with a system's code, for a condition that the system itself would not report. */
export function errnoError(code: string, message: string): Error {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}
