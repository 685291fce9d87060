#!/usr/bin/env node
/** Process matters alone: arguments, environment, signals, exit code. The only place that reads or ends the process. */

import { homedir } from 'node:os';
import { EXIT_CODES, errorCode } from './errors.ts';
import { exitAtOnce } from './process/exit-at-once.ts';
import { JobThread } from './runs/job-thread.ts';

/** Out within five seconds, whatever hangs. */
const LEAVE_AFTER_MS = 4_800;

const shutdown = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    // Asked twice: out at once. Whatever was in hand is settled by the next run.
    if (shutdown.signal.aborted) leave(EXIT_CODES.ok);
    shutdown.abort();
    setTimeout(() => leave(EXIT_CODES.io), LEAVE_AFTER_MS).unref();
  });
}

for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    const stack = error instanceof Error ? error.stack : String(error);
    process.stderr.write(`${JSON.stringify({ level: 'fatal', event, stack })}\n`);
    exitAtOnce(EXIT_CODES.internal);
  });
}

let isStdoutBroken = false;
process.stdout.on('error', (error) => {
  // Whoever read it has gone: the work goes on, the exit code tells.
  isStdoutBroken ||= errorCode(error) !== undefined;
});

const argv = process.argv.slice(2);
const jobThread = new JobThread();
if (argv.includes('--run-now')) {
  // A run by hand takes half of the program here and the other half in the thread: all of it loads side by side.
  jobThread.start();
  import('./cli/run.ts').catch(() => undefined);
}
const { runCli } = await import('./cli/program.ts');
const exitCode = await runCli({
  argv,
  environment: process.env,
  home: process.env.HOME || homedir(),
  workingDirectory: process.cwd(),
  stdout: process.stdout,
  stderr: process.stderr,
  shutdown: shutdown.signal,
  jobThread,
});
await jobThread.end();
// Waits until a pipe has taken everything, which process.exit would cut off. What failed may be told here before it is as an event.
process.stdout.write('', (error) => {
  isStdoutBroken ||= error instanceof Error;
  leave(isStdoutBroken && exitCode === EXIT_CODES.ok ? EXIT_CODES.io : exitCode);
});

/**
 * process.exit waits for every thread, and none can be ended that hangs in a system call (a file system that does not answer).
 * A kill is as safe: the next run settles what was in hand.
 */
function leave(code: number): void {
  const isThreadLeft = process.getActiveResourcesInfo().includes('MessagePort');
  if (isThreadLeft) process.kill(process.pid, 'SIGKILL');
  exitAtOnce(code);
}
