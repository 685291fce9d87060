/** Runs a program to its end and takes all that it says; where it takes too long or says too much, it is killed with all that it has started. */

import type { ChildProcess } from 'node:child_process';
import { formatBytes } from '../../format/byte-size.ts';
import { formatDurationExact } from '../../format/duration.ts';
import { startFaultOf, startProgram } from '../../process/start-program.ts';

export interface ProcessBounds {
  readonly timeoutMs: number;
  readonly bytesMax: number;
  /** Nobody waits for it any more. */
  readonly stop: AbortSignal | undefined;
}

/** So much of what it complains is told. */
const COMPLAINT_LENGTH_MAX = 200;
/** A program is told nothing of the worker's own surroundings, in which secrets may stand. */
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' };

/**
 * @param argv the program, by its absolute path, and its arguments: no shell reads them
 * @returns what it wrote to stdout before it ended with 0
 * @throws Error saying how it failed
 */
export function outputOf(argv: readonly string[], { timeoutMs, bytesMax, stop }: ProcessBounds): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = startProgram(argv, {
      cwd: '/',
      env: ENVIRONMENT,
      // A process group of its own, so that whatever it starts can be ended with it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const chunks: Buffer[] = [];
    let complaint = '';
    let hasEnded = false;
    const end = (how: string | undefined) => {
      if (hasEnded) return;
      hasEnded = true;
      clearTimeout(timer);
      process.off('exit', leave);
      stop?.removeEventListener('abort', stopped);
      // What it has left behind would be there once more after each question.
      killGroup(child);
      if (how === undefined) resolve(Buffer.concat(chunks));
      else reject(new Error(how));
    };
    // First of all: one that cannot be started for want of descriptors has no streams either.
    child.once('error', (error) => end(`it cannot be started: ${error.message}`));
    child.once('close', (code, signal) => end(failureOf(code, signal, complaint)));
    const breakOff = (why: string) => {
      end(why);
      // What has left the group, or belongs to another user, may hold the other end for ever: nobody waits for it.
      child.stdout?.destroy();
      child.stderr?.destroy();
      child.unref();
    };
    const timer = setTimeout(() => breakOff(`it took longer than ${formatDurationExact(timeoutMs)}`), timeoutMs);
    const leave = () => killGroup(child);
    process.once('exit', leave);
    const stopped = () => breakOff('the run is to stop');
    stop?.addEventListener('abort', stopped);
    if (stop?.aborted) stopped();
    let length = 0;
    child.stdout?.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > bytesMax) breakOff(`it said more than ${formatBytes(bytesMax)}`);
      else chunks.push(chunk);
    });
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      if (complaint.length < COMPLAINT_LENGTH_MAX) complaint += chunk;
    });
  });
}

function failureOf(code: number | null, signal: NodeJS.Signals | null, complaint: string): string | undefined {
  if (code === 0) return undefined;
  const startFault = startFaultOf(code, complaint);
  if (startFault !== undefined) return `it cannot be started: ${startFault}`;
  const said = complaint.trim().slice(0, COMPLAINT_LENGTH_MAX);
  return `it ended with ${signal ?? code}${said === '' ? '' : `: ${said}`}`;
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All of them have ended.
  }
}
