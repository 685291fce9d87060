/** A program of the host's that prints which sessions are live. */

import { type Stats, statSync } from 'node:fs';
import type { Clock } from '../../clock.ts';
import { type CommandSettings, DEFAULT_TIMEOUT_MS } from '../../config/source-settings.ts';
import { errorMessage, OperatingError, operatingError } from '../../errors.ts';
import { shellWord } from '../../format/shell-word.ts';
import type { LiveReading } from '../live-source.ts';
import { ANSWER_BYTES_MAX, parseAnswer } from './answer.ts';
import { outputOf } from './bounded-process.ts';

/** @throws OperatingError */
export async function readCommand(
  { name, argv, timeout }: CommandSettings,
  clock: Clock,
  stop: AbortSignal | undefined,
): Promise<LiveReading> {
  const what = `run the command of ${name}`;
  throwIfAnothers(argv[0] ?? '', what);
  const bounds = { timeoutMs: timeout ?? DEFAULT_TIMEOUT_MS, bytesMax: ANSWER_BYTES_MAX, stop };
  const output = await outputOf(argv, bounds).catch((error: unknown) => {
    throw new OperatingError('unavailable', `${what}: ${errorMessage(error)}`, { cause: error });
  });
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(output);
    return parseAnswer(text, { nowMs: clock.now(), isCounted: false });
  } catch (error) {
    throw new OperatingError('bad-data', `${what}: ${errorMessage(error)}`, { cause: error });
  }
}

/** Group and others. */
const FOREIGN_WRITE_BITS = 0o022;
const ROOT = 0;

/** As root, nobody else may say what is run. @throws OperatingError (`unsafe-root`) with the command that mends it */
export function throwIfAnothers(program: string, what: string, user = process.geteuid?.()): void {
  if (user !== ROOT) return;
  const stats = statOf(program, what);
  if (stats.uid === ROOT && (stats.mode & FOREIGN_WRITE_BITS) === 0) return;
  const word = shellWord(Buffer.from(program, 'utf8').toString('latin1'));
  const remedy = `chown root ${word}; chmod go-w ${word}`;
  throw new OperatingError(
    'unsafe-root',
    `${what}: others than root may write ${program}, and this worker runs as root; ${remedy}`,
  );
}

function statOf(program: string, what: string): Stats {
  try {
    return statSync(program);
  } catch (error) {
    throw operatingError('unavailable', what, error);
  }
}
