/** The daemon on a place, with every job every second, and what its log says. */

import { PROGRAM, type Running, start } from '../../support/process.ts';
import { until } from '../../support/wait.ts';
import type { TroubledPlace } from './place.ts';

const EVERY_SECOND = ['prune', 'sweep', 'purge'].flatMap((job) => [`--schedule-${job}`, '* * * * * *']);
/** A daemon that does not leave by itself is ended, and told by its exit. */
const LEAVE_TIMEOUT_MS = 20_000;

interface LogLine {
  readonly job?: string;
  readonly outcome?: string;
  readonly msg?: string;
}

export class Daemon {
  readonly #place: TroubledPlace;
  readonly #running: Running;

  constructor(place: TroubledPlace, more: readonly string[], launcher: readonly string[] = []) {
    this.#place = place;
    const args = [
      process.execPath,
      PROGRAM,
      ...place.flags,
      ...EVERY_SECOND,
      '--schedule-jitter',
      '1ms',
      '--listen',
      'off',
      ...more,
    ];
    const [command = '', ...rest] = [...launcher, ...args];
    this.#running = start(command, rest);
  }

  /** From now on, until a job has ended like this. */
  async until(job: string, ...outcomes: readonly string[]): Promise<void> {
    const from = this.#running.log().length;
    await until(`a ${job} that is ${outcomes.join(' or ')}`, () => {
      const lines = this.#running.log().slice(from).split('\n').map(parseLine);
      return lines.some((line) => line.job === job && outcomes.includes(line.outcome ?? ''));
    });
  }

  async stop(): Promise<void> {
    const { ended, kill, exit } = this.#running;
    this.#place.expect(ended() === undefined, `the daemon has died with ${ended()?.code}`);
    kill('SIGTERM');
    const killer = setTimeout(() => kill('SIGKILL'), LEAVE_TIMEOUT_MS);
    this.#place.expectCode(await exit, [0], 'the daemon');
    clearTimeout(killer);
  }
}

function parseLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return {};
  }
}
