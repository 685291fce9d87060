/** A program of the host's that prints which sessions are live. */

import type { Clock } from '../../clock.ts';
import { type CommandSettings, DEFAULT_TIMEOUT_MS } from '../../config/source-settings.ts';
import { errorMessage, OperatingError } from '../../errors.ts';
import type { LiveReading } from '../live-source.ts';
import { ANSWER_BYTES_MAX, parseAnswer } from './answer.ts';
import { outputOf } from './bounded-process.ts';

/** @throws OperatingError */
export async function readCommand({ name, argv, timeout }: CommandSettings, clock: Clock): Promise<LiveReading> {
  const bounds = { timeoutMs: timeout ?? DEFAULT_TIMEOUT_MS, bytesMax: ANSWER_BYTES_MAX };
  const what = `run the command of ${name}`;
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
