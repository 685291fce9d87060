/** The kinds of failure an operator can act on, and the exit code (sysexits) each of them ends the process with. */

import { shownText } from './format/shown-text.ts';

/** Exit codes, as systemd's `RestartPreventExitStatus` and scripts see them. Source: sysexits.h, but for `problems`; `held` is its EX_NOPERM. */
export const EXIT_CODES = {
  ok: 0,
  problems: 1,
  usage: 64,
  'bad-data': 65,
  unavailable: 69,
  internal: 70,
  'unsafe-root': 73,
  io: 74,
  locked: 75,
  held: 77,
  config: 78,
} as const;

/** What each exit code tells an operator; the help and the README show these words. */
export const EXIT_CODE_MEANINGS: Readonly<Record<ExitKind, string>> = {
  ok: 'all is well',
  problems: 'doctor or adopt has found something that needs doing',
  usage: 'the command line is wrong',
  'bad-data': 'data is damaged, or what was asked for is not there',
  unavailable: 'a database, a port or another source is not available',
  internal: 'internal error',
  'unsafe-root': 'the Claude directory is not there, or not safe to work in',
  io: 'an I/O error, or only a part was done',
  locked: 'another run or worker holds the lock',
  held: 'a guard holds a run back; what it says names the command that lets it go on',
  config: 'the configuration is wrong, or this Node cannot run the program',
};

export type ExitKind = keyof typeof EXIT_CODES;
/** How a run can end that is no failure of anything. */
const NO_ERRORS = ['ok', 'problems', 'held'] as const;
export type ErrorKind = Exclude<ExitKind, (typeof NO_ERRORS)[number]>;
export const ERROR_KINDS = Object.keys(EXIT_CODES).filter((kind) => {
  return !NO_ERRORS.some((none) => none === kind);
}) as readonly ErrorKind[];

/** An operating error: something outside the program is wrong. The message is a short sentence for an operator. */
export class OperatingError extends Error {
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(shownText(message), options);
    this.name = 'OperatingError';
    this.kind = kind;
  }

  /** What the program ends with where this error ends it. */
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
  return error instanceof Error ? error.message : String(error);
}

/** We ran out of something ourselves: that says nothing about the files, so the whole run has to stop. */
export function isExhaustion(code: string): boolean {
  return code === 'EMFILE' || code === 'ENFILE' || code === 'ENOMEM';
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
