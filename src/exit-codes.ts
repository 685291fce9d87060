/** The exit codes of the program, and what each of them tells an operator. */

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

/** Each exit code tells an operator this; the help and docs/operating.md show these words. */
export const EXIT_CODE_MEANINGS: Readonly<Record<ExitKind, string>> = {
  ok: 'all is well',
  problems: 'doctor or adopt has found something that needs doing',
  usage: 'the command line is wrong',
  'bad-data': 'data is damaged, or what was asked for is not there',
  unavailable: 'a database, a port or another source is not available',
  internal: 'internal error',
  'unsafe-root': 'the Claude directory is not there, or it or the state directory is not safe to work in',
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
