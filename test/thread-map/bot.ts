/** A bot in Python that keeps its threads in SQLite, as a process of its own that has the database open. */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const SCRIPT = fileURLToPath(new URL('thread-bot.py', import.meta.url));

export type JournalMode = 'WAL' | 'DELETE';

export class Bot {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;
  #said = '';

  /** It has the database open from the first answer on; where there is none, it makes an empty one. */
  constructor(path: string, journal: JournalMode) {
    this.#child = spawn('python3', [SCRIPT, path, journal]);
    this.#child.on('error', () => {
      this.#said = 'python3 is not installed (apt-get install python3)';
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#said += text;
    });
    // A write to one that has ended is told by the answer that does not come.
    this.#child.stdin.on('error', () => undefined);
    this.#answers = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
    onTestFinished(() => this.kill());
  }

  /** A bot that has made its table, as its own program does. */
  static async withTable(path: string, journal: JournalMode, { extra = '', options = '' } = {}): Promise<Bot> {
    const bot = new Bot(path, journal);
    await bot.ask('create', extra, options);
    return bot;
  }

  async ask(name: string, ...args: readonly unknown[]): Promise<unknown> {
    this.#child.stdin.write(`${JSON.stringify([name, ...args])}\n`);
    const answer = await this.#answers.next();
    if (answer.done) throw new Error(`the bot has ended at ${name}: ${this.#said}`);
    return JSON.parse(answer.value);
  }

  /** @returns the rows, or what SQLite had against it */
  sql(statement: string, bound: readonly unknown[] = []): Promise<unknown> {
    return this.ask('sql', statement, bound);
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await closed;
  }
}
