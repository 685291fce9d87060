/** The daemon on a place, with every job every second, and what its log says. */

import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Exit, exitOf, PROGRAM, start } from '../harness.ts';
import type { Place } from './place.ts';

const EVERY_SECOND = ['prune', 'sweep', 'purge'].flatMap((job) => [`--schedule-${job}`, '* * * * * *']);
const UNTIL_TIMEOUT_MS = 20_000;
const POLL_MS = 50;

interface LogLine {
  readonly job?: string;
  readonly outcome?: string;
  readonly msg?: string;
}

export class Daemon {
  readonly #place: Place;
  readonly #child: ChildProcess;
  readonly #exit: Promise<Exit>;
  #log = '';

  constructor(place: Place, more: readonly string[], launcher: readonly string[] = []) {
    this.#place = place;
    const args = [
      process.execPath,
      PROGRAM,
      ...place.commonArgs(),
      ...EVERY_SECOND,
      '--schedule-jitter',
      '1ms',
      '--listen',
      'off',
      ...more,
    ];
    const [command = '', ...rest] = [...launcher, ...args];
    this.#child = start(command, rest);
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#log += chunk;
    });
    this.#exit = exitOf(this.#child);
  }

  /** From now on, until a job has ended like this. */
  async until(job: string, ...outcomes: readonly string[]): Promise<void> {
    const from = this.#log.length;
    const deadline = performance.now() + UNTIL_TIMEOUT_MS;
    while (performance.now() < deadline) {
      const lines = this.#log.slice(from).split('\n').map(parseLine);
      if (lines.some((line) => line.job === job && outcomes.includes(line.outcome ?? ''))) return;
      await sleep(POLL_MS);
    }
    this.#place.faults.push(`the daemon has no ${job} that is ${outcomes.join(' or ')}: ${this.#log.slice(-300)}`);
  }

  async stop(): Promise<void> {
    this.#place.expect(this.#child.exitCode === null, `the daemon has died with ${this.#child.exitCode}`);
    this.#child.kill('SIGTERM');
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), UNTIL_TIMEOUT_MS);
    this.#place.expectCode(await this.#exit, [0], 'the daemon');
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
