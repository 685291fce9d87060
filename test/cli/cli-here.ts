/** Calls the command line in the process of the test: what it would do to the world is handed in, and what it says is collected. */

import { PassThrough, Writable } from 'node:stream';
import { runCli } from '../../src/cli/program.ts';

export interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  /** Whether a person looks on. */
  readonly isTTY?: boolean;
  /** Undefined for one that is nowhere. */
  readonly home?: string;
  /** What this person answers to a question. */
  readonly answer?: string;
}

export async function cli(
  args: readonly string[],
  { env = {}, isTTY = false, home = '/nonexistent', answer = '' }: Surroundings = {},
): Promise<Answer> {
  const [stdout, stderr] = [new Paper(isTTY), new Paper(isTTY)];
  const code = await runCli({
    argv: args,
    environment: env,
    home,
    workingDirectory: '/',
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
    openStdin: () => Object.assign(new PassThrough().end(`${answer}\n`), { isTTY }) as unknown as NodeJS.ReadStream,
    shutdown: new AbortController().signal,
    onHangup: () => undefined,
    onSignal: () => undefined,
  });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

/** Keeps what is written on it. */
class Paper extends Writable {
  readonly isTTY: boolean;
  text = '';

  constructor(isTTY: boolean) {
    super({ decodeStrings: false });
    this.isTTY = isTTY;
  }

  override _write(text: string, _encoding: BufferEncoding, done: () => void): void {
    this.text += text;
    done();
  }
}
