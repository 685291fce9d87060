/** What the program may not try: Nodes that are not supported, and bindings that would crash the Node or were built for another one. */

import { join } from 'node:path';
import { UNSUPPORTED_NODE_EXIT_CODE } from '../../src/process/supported-node.ts';
import { Place } from '../support/place.ts';
import { type Exit, run } from '../support/process.ts';
import type { NodeRelease } from './node-release.ts';
import type { Installed } from './packed.ts';

/**
 * Runs by hand and as a daemon what is to be refused.
 * @returns one sentence for each command that did not end with one line and the code after which nothing restarts it
 */
export async function refusalFailures(
  release: NodeRelease,
  installed: Installed,
  directory: string,
): Promise<string[]> {
  const { flags } = new Place(directory);
  const failures: string[] = [];
  for (const args of [['--run-now'], ['--listen', 'off'], ['status', '--json']]) {
    const exit = await run(release.executable, [installed.program, ...flags, ...args]);
    if (isRefusal(exit)) continue;
    const what = `Node ${release.version} with better-sqlite3 ${installed.sqliteVersion}: ${args.join(' ')}`;
    failures.push(`${what} was not refused in one line, but ended with ${exit.code ?? exit.signal}: ${exit.stderr}`);
  }
  return failures;
}

function isRefusal({ code, stdout, stderr }: Exit): boolean {
  const isOneLine = /^claude-session-sweeper: [^\n]*: (use Node|run “npm) [^\n]*\n$/.test(stderr);
  return code === UNSUPPORTED_NODE_EXIT_CODE && stdout === '' && isOneLine;
}

/** The control: what the guard stands before. @returns how a process ended that opened a database without asking it */
export async function unguardedEnd(release: NodeRelease, installed: Installed): Promise<string> {
  const sqlite = join(installed.directory, 'node_modules/better-sqlite3');
  const script = `new (require(${JSON.stringify(sqlite)}))(':memory:').close()`;
  const { code, signal } = await run(release.executable, ['-e', script]);
  return String(code ?? signal);
}
