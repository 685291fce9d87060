/** What the outside world gives a command, so that commands can be run in tests as in life. */

import type { JobThread } from '../job-thread/job-thread.ts';

export interface CliIo {
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly workingDirectory: string;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Aborted by the first SIGTERM or SIGINT. */
  readonly shutdown: AbortSignal;
  /** Where jobs are run by hand. */
  readonly jobThread: JobThread;
}
