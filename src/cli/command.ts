/** The shapes that every command is called with; the outside world is passed in, so that a test can call a command in its own process. */

import type { ResolvedConfig } from '../config/config.ts';
import type { AdjustableLogger } from '../log.ts';
import type { Requester } from '../process/actor.ts';
import type { Colors } from './terminal.ts';

/** What comes of a signal, in the words of the log. */
export const SIGNAL_EFFECTS = {
  stop: 'signal heard: stopping',
  leave: 'signal heard again: leaving at once',
  late: 'not stopped in time after the signal: leaving',
  reload: 'signal heard: reading the configuration again',
  ignore: 'signal ignored',
} as const;
export type SignalEffect = keyof typeof SIGNAL_EFFECTS;

export interface CliIo {
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly workingDirectory: string;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Only a command that asks something opens it. */
  openStdin(): NodeJS.ReadStream;
  /** Aborted by the first SIGTERM or SIGINT, with the signal's name as its reason. */
  readonly shutdown: AbortSignal;
  /** From now on, SIGHUP calls the listener, where it would have ended the process. Where its terminal has gone, it is `shutdown` all the same. */
  readonly onHangup: (listener: () => void) => void;
  /** Calls the listener with each signal that is heard from now on, before anything comes of it. */
  readonly onSignal: (listener: (signal: NodeJS.Signals, effect: SignalEffect) => void) => void;
}

/** Everything that a command works with, once the command line is parsed and the configuration is loaded. */
export interface CommandContext {
  readonly io: CliIo;
  readonly resolved: ResolvedConfig;
  /** What the same command line, environment and file say now. @throws ConfigError */
  readonly reload: () => Promise<ResolvedConfig>;
  readonly log: AdjustableLogger;
  readonly json: boolean;
  readonly dryRun: boolean;
  readonly allowMassRemoval: boolean;
  /** Whom the audit names for what the command does. */
  readonly requester: Requester;
  readonly colors: Colors;
}
