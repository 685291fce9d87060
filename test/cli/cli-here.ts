/** Calls the command line in the process of the test: what it would do to the world is handed in, and what it says is collected. */

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
}

export async function cli(args: readonly string[], { env = {}, isTTY = false }: Surroundings = {}): Promise<Answer> {
  const [stdout, stderr] = [new Paper(isTTY), new Paper(isTTY)];
  const code = await runCli({
    argv: args,
    environment: env,
    home: '/nonexistent',
    workingDirectory: '/',
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
    shutdown: new AbortController().signal,
  });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

/** The part of a stream that the commands write to. */
class Paper {
  readonly isTTY: boolean;
  text = '';

  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }

  write(text: string): boolean {
    this.text += text;
    return true;
  }
}
