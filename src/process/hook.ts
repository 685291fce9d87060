/** A program of the operator's, whose arguments no shell reads, for a limited time: it is told something, and whatever it does, its caller goes on. */

import type { ChildProcess } from 'node:child_process';
import { errorCode } from '../errors.ts';
import { startFaultOf, startProgram } from './start-program.ts';

/** How much of what it says on stderr is told where it fails. */
const STDERR_LENGTH_MAX = 1_000;

export interface HookOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted when its time is over: it is killed then, with all that it has started in its process group. */
  readonly limit: AbortSignal;
}

/**
 * @param argv the program and its arguments
 * @param input what it finds on stdin; it need not read it
 * @returns why it has failed; undefined where it ended with 0. Never rejects
 */
export function runHook(
  argv: readonly string[],
  input: string,
  { environment, limit }: HookOptions,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    if (limit.aborted) return resolve('it was not started: there was no time left');
    // A leader of its own group, so that what it starts can be killed with it.
    const child: ChildProcess = startProgram(argv, {
      detached: true,
      cwd: '/',
      env: { ...environment },
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    // Before all else: where descriptors have run out there is no pipe to it, and an error that nobody hears ends the process.
    child.once('error', (error) => end(notStarted(errorCode(error) ?? error.message)));
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      said = `${said}${chunk}`.slice(0, STDERR_LENGTH_MAX);
    });
    // Many end without having read all of it.
    child.stdin?.on('error', () => undefined).end(input);
    // However this process leaves, no hook of it stays behind.
    const leave = () => killGroup(child.pid);
    process.once('exit', leave);
    const end = (fault: string | undefined, isItsOwn = true) => {
      process.off('exit', leave);
      limit.removeEventListener('abort', kill);
      // What it has started may hold them open, and may hang: nobody waits for that.
      child.stdin?.destroy();
      child.stderr?.destroy();
      child.unref();
      const words = said.trim();
      resolve(fault === undefined || words === '' || !isItsOwn ? fault : `${fault}: ${words}`);
    };
    const kill = () => {
      killGroup(child.pid);
      end('it was killed: its time was over');
    };
    limit.addEventListener('abort', kill, { once: true });
    child.once('exit', async (code, signal) => {
      await lastWords();
      const startFault = startFaultOf(code, said);
      if (startFault !== undefined) end(notStarted(startFault), false);
      else end(code === 0 ? undefined : `it ended with ${code ?? signal}`);
    });
  });
}

function notStarted(why: string): string {
  return `it could not be started: ${why}`;
}

/** Its last words lie in the pipe when it is gone: the next turn of the event loop reads it, and the one after that is sure to be later. */
async function lastWords(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has just ended, or has become another user: nobody waits for it, and there is nobody to tell.
  }
}
