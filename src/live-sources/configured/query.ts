/** A query of the host's own database that gives ids, run in a process of its own, which is killed where it takes too long. */

import { fork } from 'node:child_process';
import type { Clock } from '../../clock.ts';
import { DEFAULT_TIMEOUT_MS, type QuerySettings } from '../../config/source-settings.ts';
import { errorMessage, OperatingError } from '../../errors.ts';
import { formatDurationExact } from '../../format/duration.ts';
import type { LiveReading } from '../live-source.ts';
import { readingOfEntries } from './answer.ts';
import type { QueryAnswer, QueryTask } from './query-messages.ts';

export const QUERY_SCRIPT = new URL('./query-main.js', import.meta.url);

export interface QueryContext {
  /** What its process executes. */
  readonly script: URL;
  /** Nobody waits for it any more. */
  readonly stop: AbortSignal | undefined;
}

/** @throws OperatingError */
export async function readQuery(settings: QuerySettings, clock: Clock, context: QueryContext): Promise<LiveReading> {
  const rows = await rowsOf(settings, context);
  try {
    return readingOfEntries(rows, clock.now());
  } catch (error) {
    throw new OperatingError('bad-data', `query ${settings.db}: ${errorMessage(error)}`, { cause: error });
  }
}

function rowsOf(
  { db, sql, timeout = DEFAULT_TIMEOUT_MS }: QuerySettings,
  { script, stop }: QueryContext,
): Promise<readonly unknown[]> {
  return new Promise((resolve, reject) => {
    const child = fork(script, [], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], serialization: 'advanced' });
    let answer: QueryAnswer | undefined;
    const end = (how: string) => {
      kill();
      clearTimeout(timer);
      process.off('exit', kill);
      stop?.removeEventListener('abort', stopped);
      if (answer?.type === 'rows') resolve(answer.rows);
      else if (answer !== undefined) reject(new OperatingError(answer.kind, answer.message));
      else reject(new OperatingError('unavailable', `query ${db}: ${how}`));
    };
    const kill = () => void child.kill('SIGKILL');
    // One that hangs in a system call cannot be killed, and nobody waits for it.
    const breakOff = (why: string) => {
      end(why);
      child.unref();
    };
    const timer = setTimeout(() => breakOff(`it took longer than ${formatDurationExact(timeout)}`), timeout);
    process.once('exit', kill);
    const stopped = () => breakOff('the run is to stop');
    stop?.addEventListener('abort', stopped);
    if (stop?.aborted) stopped();
    child.once('message', (message: QueryAnswer) => {
      answer = message;
      kill();
    });
    child.once('error', (error) => end(`its process cannot be started: ${error.message}`));
    child.once('close', () => end('its process died before it had answered'));
    const task: QueryTask = { db, sql };
    child.send(task, () => undefined);
  });
}
