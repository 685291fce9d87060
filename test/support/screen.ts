/** A terminal of a given width, and what a person sees in it of a program that was run there. */

import { join } from 'node:path';
import { PROGRAM, run } from './process.ts';

export interface TerminalShape {
  readonly columns: number;
  readonly home: string;
  /** Runs the program by a clock that is so much behind. */
  readonly behindMinutes?: number;
  readonly env?: Readonly<Record<string, string>>;
}

const ESCAPE = '\u001b';
const STYLES = new RegExp(`${ESCAPE}\\[\\d*m`, 'g');

/** All that is on the screen afterwards, styles as `<1>` for the number of each. */
export async function screenOf(args: readonly string[], shape: TerminalShape): Promise<string> {
  const { columns, home, behindMinutes, env } = shape;
  const program = [process.execPath, PROGRAM, ...args].map((word) => `'${word}'`).join(' ');
  const late = behindMinutes === undefined ? '' : `DONT_FAKE_MONOTONIC=1 faketime -f -${behindMinutes}m `;
  const inTerminal = `stty cols ${columns} rows 40; ${late}${program}`;
  const { stdout } = await run('script', ['-qec', inTerminal, '/dev/null'], {
    env: { HOME: home, TERM: 'xterm-256color', TZ: 'UTC', SHELL: '/bin/sh', ...env },
    cwd: join(home, '..'),
  });
  return seen(stdout);
}

/** A carriage return begins a line anew: progress is overwritten by what comes after it. */
function seen(output: string): string {
  const lines = output.replaceAll('\r\n', '\n').split('\n');
  const lasting = lines.map((line) => {
    const pieces = line.replaceAll(`${ESCAPE}[K`, '\r').split('\r');
    return pieces.findLast((piece) => piece !== '') ?? '';
  });
  return lasting.join('\n').replaceAll(STYLES, (style) => `<${style.slice(2, -1)}>`);
}

export function withoutStyles(screen: string): string {
  return screen.replaceAll(/<\d*>/g, '');
}
