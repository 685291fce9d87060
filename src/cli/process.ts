/** Process matters alone: arguments, environment, signals, exit code. The only place that reads or ends the process. */

import { homedir } from 'node:os';
import { isatty } from 'node:tty';
import { errorCode } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { exitAtOnce } from '../process/exit-at-once.ts';
import { SHUTDOWN_BUDGET } from '../process/shutdown-budget.ts';

const shutdown = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(signal));

function stop(signal: NodeJS.Signals): void {
  // Asked twice: out at once. Whatever was in hand is settled by the next run.
  if (shutdown.signal.aborted) leave(EXIT_CODES.ok);
  shutdown.abort(signal);
  setTimeout(() => leave(EXIT_CODES.io), SHUTDOWN_BUDGET.leaveAfterMs).unref();
}

const terminals = [0, 1, 2].filter((fd) => isatty(fd));

/** A terminal that is closed is none any more, and whoever started the program there has gone. */
function onHangup(listener: () => void): void {
  process.on('SIGHUP', () => (terminals.every((fd) => isatty(fd)) ? listener() : stop('SIGHUP')));
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

void main();

async function main(): Promise<void> {
  const { runCli } = await import('./program.ts');
  const exitCode = await runCli({
    argv: process.argv.slice(2),
    environment: process.env,
    home: process.env.HOME || homedir(),
    workingDirectory: process.cwd(),
    stdout: process.stdout,
    stderr: process.stderr,
    openStdin: () => process.stdin,
    shutdown: shutdown.signal,
    onHangup,
  });
  // Waits until a pipe has taken everything, which process.exit would cut off. What failed may be told here before it is as an event.
  process.stdout.write('', (error) => {
    isStdoutBroken ||= error instanceof Error;
    leave(isStdoutBroken && exitCode === EXIT_CODES.ok ? EXIT_CODES.io : exitCode);
  });
}

/**
 * process.exit waits for every thread, and no helper of a scan can be ended that hangs in a system call (a file system that does not
 * answer). A kill is as safe: the next run settles what was in hand.
 */
function leave(code: number): void {
  const isThreadLeft = process.getActiveResourcesInfo().includes('MessagePort');
  if (isThreadLeft) process.kill(process.pid, 'SIGKILL');
  exitAtOnce(code);
}
