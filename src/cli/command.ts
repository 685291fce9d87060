/** The shapes that every command is called with; the outside world is passed in, so that a test can call a command in its own process. */

import type { ResolvedConfig } from '../config/config.ts';
import type { Logger } from '../log.ts';
import type { Colors } from './terminal.ts';

export interface CliIo {
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly workingDirectory: string;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Only a command that asks something opens it. */
  openStdin(): NodeJS.ReadStream;
  /** Aborted by the first SIGTERM or SIGINT. */
  readonly shutdown: AbortSignal;
}

/** Everything that a command works with, once the command line is parsed and the configuration is loaded. */
export interface CommandContext {
  readonly io: CliIo;
  readonly resolved: ResolvedConfig;
  readonly log: Logger;
  readonly json: boolean;
  readonly dryRun: boolean;
  readonly allowMassRemoval: boolean;
  readonly colors: Colors;
}
