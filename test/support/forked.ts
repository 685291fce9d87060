/** Programs of a test that run as processes of their own. None outlives its test. */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';

export interface Forked {
  /** The next message that it sends; rejects where it ends without one. */
  message(): Promise<unknown>;
  send(message: string): void;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
}

export function forkProgram(program: URL, args: readonly string[]): Forked {
  const child = fork(program, args, { execArgv: [] });
  const ended = once(child, 'close').then(([code, signal]) => (signal ?? code) as number | NodeJS.Signals | null);
  const received: unknown[] = [];
  let onMessage = () => undefined as unknown;
  child.on('message', (message) => {
    received.push(message);
    onMessage();
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const message = async () => {
    if (received.length === 0) {
      const arrived = new Promise((resolve) => {
        onMessage = () => resolve(undefined);
      });
      await Promise.race([arrived, ended]);
    }
    if (received.length === 0) throw new Error(`${args.join(' ')}: ended with ${await ended} and said nothing`);
    return received.shift();
  };
  return { message, send: (text) => child.send(text), ended };
}

/**
 * Starts programs that each say `ready`, wait for a word and then say what came of it: so they begin in the same moment.
 * @returns what each of them said
 */
export async function runTogether(program: URL, argLists: readonly (readonly string[])[]): Promise<unknown[]> {
  const children = argLists.map((args) => forkProgram(program, args));
  await Promise.all(children.map((child) => child.message()));
  for (const child of children) child.send('go');
  return Promise.all(children.map((child) => child.message()));
}
