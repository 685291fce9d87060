/**
 * Starts a program so that whoever starts it goes on at once, wherever the program lies: a shell looks for it in a process of its own, in
 * which a file system that hangs holds up nobody else. The shell reads none of the arguments.
 */

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

const SHELL = '/bin/sh';
/** A shell says by these exit codes why it could not start a program; a program may end with the same. */
const START_FAULTS: Readonly<Record<number, string>> = { 126: 'EACCES', 127: 'ENOENT' };

/** @param argv the program, by its path or a name that PATH leads to, and its arguments */
export function startProgram(argv: readonly string[], options: SpawnOptions): ChildProcess {
  // Where there is no shell, the starter itself waits until the program is found.
  if (existsSync(SHELL)) return spawn(SHELL, ['-c', 'exec "$@"', SHELL, ...argv], options);
  const [program = '', ...args] = argv;
  return spawn(program, args, options);
}

/**
 * Why a program was not started.
 * @param said on stderr
 * @returns undefined where it was started
 */
export function startFaultOf(code: number | null, said: string): string | undefined {
  return code !== null && said.startsWith(`${SHELL}: `) ? START_FAULTS[code] : undefined;
}
