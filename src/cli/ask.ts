/** Asks a person on a terminal; nobody else is taken for one. */

import { createInterface } from 'node:readline/promises';
import { OperatingError } from '../errors.ts';
import type { CommandContext } from './command.ts';

/** Whether there is a person to ask. */
export function canAsk({ io, json }: CommandContext): boolean {
  return !json && io.stdout.isTTY === true && io.openStdin().isTTY === true;
}

/**
 * @param without how the command is called where there is nobody to ask
 * @returns whether the answer is yes; to be asked to stop is none
 * @throws OperatingError (`usage`) where there is no terminal
 */
export async function askOnTerminal({ io, json }: CommandContext, question: string, without: string): Promise<boolean> {
  const stdin = json ? undefined : io.openStdin();
  if (stdin?.isTTY !== true || !io.stdout.isTTY) {
    throw new OperatingError('usage', `there is no terminal to ask on; ${without}`);
  }
  const terminal = createInterface({ input: stdin, output: io.stdout });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `, { signal: io.shutdown })).trim());
  } catch (error) {
    // Asked to stop, or the terminal was closed: that is no yes.
    if (io.shutdown.aborted) return false;
    throw error;
  } finally {
    terminal.close();
  }
}
