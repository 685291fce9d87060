/** Everything that the daemon is started with. */

import type { Clock } from '../clock.ts';
import type { ResolvedConfig } from '../config/config.ts';
import type { JobName } from '../jobs/job-names.ts';
import type { AdjustableLogger } from '../log.ts';

export interface DaemonOptions {
  readonly resolved: ResolvedConfig;
  readonly version: string;
  readonly log: AdjustableLogger;
  readonly clock: Clock;
  /** Reads the configuration again. @throws ConfigError */
  load(): Promise<ResolvedConfig>;
  /** The command by which an operator lets a run of a job go on that a guard holds back. */
  allowCommand(job: JobName, resolved: ResolvedConfig): string;
  /** Calls the listener from now on whenever somebody asks for a reload. */
  onReloadAsked(listener: () => void): void;
  /** The process's own. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted when the daemon is to leave, with the signal's name as its reason. */
  readonly shutdown: AbortSignal;
}
