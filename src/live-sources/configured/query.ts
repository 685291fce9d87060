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

/** @throws OperatingError */
export async function readQuery(settings: QuerySettings, clock: Clock, script: URL): Promise<LiveReading> {
  const rows = await rowsOf(settings, script, false);
  try {
    return readingOfEntries(rows, clock.now());
  } catch (error) {
    throw new OperatingError('bad-data', `query ${settings.db}: ${errorMessage(error)}`, { cause: error });
  }
}

/** Looks whether the statement is one that can be run. @throws OperatingError */
export async function checkQuery(settings: QuerySettings, script: URL): Promise<void> {
  await rowsOf(settings, script, true);
}

function rowsOf({ db, sql, timeout = DEFAULT_TIMEOUT_MS }: QuerySettings, script: URL, isCheck: boolean) {
  return new Promise<readonly unknown[]>((resolve, reject) => {
    const child = fork(script, [], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], serialization: 'advanced' });
    let fault = 'its process died before it had answered';
    const kill = () => void child.kill('SIGKILL');
    const timer = setTimeout(() => {
      fault = `it took longer than ${formatDurationExact(timeout)}`;
      kill();
    }, timeout);
    process.once('exit', kill);
    let answer: QueryAnswer | undefined;
    child.once('message', (message: QueryAnswer) => {
      answer = message;
      kill();
    });
    const end = (how: string) => {
      clearTimeout(timer);
      process.off('exit', kill);
      if (answer?.type === 'rows') resolve(answer.rows);
      else if (answer !== undefined) reject(new OperatingError(answer.kind, answer.message));
      else reject(new OperatingError('unavailable', `query ${db}: ${how}`));
    };
    child.once('error', (error) => end(`its process cannot be started: ${error.message}`));
    child.once('close', () => end(fault));
    const task: QueryTask = { db, sql, isCheck };
    child.send(task, () => undefined);
  });
}
