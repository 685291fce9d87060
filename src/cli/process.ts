/** Process matters alone: arguments, environment, signals, exit code. The only place that reads or ends the process. */

import { homedir } from 'node:os';
import { isatty } from 'node:tty';
import { errorCode } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { exitAtOnce } from '../files/exit-at-once.ts';
import { createLogger } from '../log.ts';
import { styleOf } from '../log-output.ts';
import { SHUTDOWN_BUDGET } from '../process/shutdown-budget.ts';
import type { SignalEffect } from './command.ts';

const shutdown = new AbortController();
const signalListeners: ((signal: NodeJS.Signals, effect: SignalEffect) => void)[] = [];
const terminals = [0, 1, 2].filter((fd) => isatty(fd));
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(signal));
for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => tell(signal, 'ignore'));

function tell(signal: NodeJS.Signals, effect: SignalEffect): void {
  for (const listener of signalListeners) listener(signal, effect);
}

function stop(signal: NodeJS.Signals): void {
  const isAskedAgain = shutdown.signal.aborted;
  tell(signal, isAskedAgain ? 'leave' : 'stop');
  // Asked twice: out at once. Whatever was in hand is settled by the next run.
  if (isAskedAgain) leave(EXIT_CODES.ok);
  shutdown.abort(signal);
  const leaveLate = () => {
    tell(signal, 'late');
    leave(EXIT_CODES.io);
  };
  setTimeout(leaveLate, SHUTDOWN_BUDGET.leaveAfterMs).unref();
}

function onHangup(listener: () => void): void {
  process.on('SIGHUP', () => {
    // Whoever started the program there has gone.
    if (isTerminalGone()) return stop('SIGHUP');
    tell('SIGHUP', 'reload');
    listener();
  });
}

/** A terminal that is closed is none any more. */
function isTerminalGone(): boolean {
  return !terminals.every((fd) => isatty(fd));
}

for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    createLogger('fatal', { style: styleOf('auto', process.env) }).fatal({ event, err: error }, 'unforeseen error');
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
    onSignal: (listener) => void signalListeners.push(listener),
  });
  // Waits until a pipe has taken everything, which process.exit would cut off. What failed may be told here before it is as an event.
  process.stdout.write('', (error) => {
    isStdoutBroken ||= error instanceof Error;
    leave(isStdoutBroken && exitCode === EXIT_CODES.ok ? EXIT_CODES.io : exitCode);
  });
}

/**
 * process.exit waits for every thread, and no helper of a scan can be ended that hangs in a system call (a file system that does not
 * answer). Nor can it give back a terminal that has gone, and crashes. A kill is as safe: the next run settles what was in hand.
 */
function leave(code: number): void {
  const isThreadLeft = process.getActiveResourcesInfo().includes('MessagePort');
  if (isThreadLeft || isTerminalGone()) process.kill(process.pid, 'SIGKILL');
  exitAtOnce(code);
}
