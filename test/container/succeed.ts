/** A command that has to end well. */

import { type Exit, run, type StartOptions } from '../support/process.ts';

/** @throws with what it said where it does not */
export async function succeed(command: string, args: readonly string[], options: StartOptions = {}): Promise<Exit> {
  const exit = await run(command, args, options);
  if (exit.code === 0) return exit;
  const said = `${exit.stdout}\n${exit.stderr}`.trim().slice(-4_000);
  throw new Error(`${command} ${args.join(' ')} ended with ${exit.code ?? exit.signal}: ${said}`);
}
