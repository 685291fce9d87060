/** What one configuration has open in a daemon: Claude directories, their locks, its databases. A reload opens another before this one goes. */

import { join } from 'node:path';
import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { openClaudeDirs } from '../claude-dir/open-and-lock.ts';
import type { Clock } from '../clock.ts';
import type { Config, ResolvedConfig } from '../config/config.ts';
import type { OperatingError } from '../errors.ts';
import { throwIfUnsafeStateDir } from '../files/state-dir-safety.ts';
import type { MetricValue } from '../jobs/figures.ts';
import { absenceLimits, ClockGuard } from '../jobs/guards/clock.ts';
import type { JobName, Outcome } from '../jobs/job-names.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { RunRecord } from '../ledger/runs.ts';
import { liveSources, openResumeMap } from '../live-sources/open-sources.ts';
import type { Logger } from '../log.ts';
import type { SqliteResumeMap } from '../resume-map/sqlite.ts';
import { type ResumeTotals, resumeTotalsOf } from '../runs/figures-registry.ts';
import { ledgerBegun } from '../runs/host-metrics.ts';
import { openLedger } from '../runs/open-ledger.ts';
import { Reopened } from '../sqlite/reopened.ts';
import { BY_SCHEDULE } from './run-options.ts';
import type { WorkerLocks } from './worker-locks.ts';

/** Outcomes that count as a run of the job: a skipped one did not look. */
const RAN: readonly Outcome[] = ['ok', 'partial', 'held', 'failed'];

export interface InForceOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Those of the daemon, over all its configurations. */
  readonly locks: WorkerLocks;
}

export class InForce {
  readonly resolved: ResolvedConfig;
  readonly ledger: Reopened<Ledger>;
  readonly map: Reopened<SqliteResumeMap>;
  readonly clockGuard: ClockGuard;
  readonly #clock: Clock;
  readonly #options: InForceOptions;
  #claudeDirs: readonly ClaudeDir[];

  private constructor(resolved: ResolvedConfig, claudeDirs: readonly ClaudeDir[], options: InForceOptions) {
    const { config } = resolved;
    const { clock, log } = options;
    this.resolved = resolved;
    this.#options = options;
    this.#claudeDirs = claudeDirs;
    this.#clock = clock;
    this.ledger = new Reopened(join(config.stateDir, 'ledger.db'), () => openLedger(config.stateDir, log, BY_SCHEDULE));
    this.map = new Reopened(config['sessions.db'], () => openResumeMap(config, clock));
    this.clockGuard = new ClockGuard(
      clock,
      {
        clockHistory: () => this.ledger.get().clockHistory(),
        recordClockHistory: (history) => this.ledger.get().recordClockHistory(history),
      },
      absenceLimits({ rows: config['sessions.maxAge'], transcripts: config.maxAge }),
    );
  }

  /**
   * What cannot be opened now would fail every run: better to say so at once. Nothing stays open then.
   * @throws OperatingError
   */
  static open(resolved: ResolvedConfig, options: InForceOptions): InForce {
    const claudeDirs: ClaudeDir[] = [];
    let taken: readonly string[] = [];
    let opened: InForce | undefined;
    try {
      throwIfUnsafeStateDir(resolved.config.stateDir);
      const onPassedOver = (claudeDir: string, { message }: OperatingError) =>
        options.log.warn({ claudeDir, error: message }, 'a Claude directory is passed over');
      openClaudeDirs(resolved.config, (claudeDir) => claudeDirs.push(claudeDir), undefined, onPassedOver);
      taken = options.locks.take(claudeDirs);
      opened = new InForce(resolved, claudeDirs, options);
      opened.ledger.get();
      opened.map.get();
      if (claudeDirs.length === 0) {
        const { claudeDir } = resolved.config;
        options.log.info({ claudeDirs: claudeDir }, 'there is no Claude directory yet; waiting for Claude to make it');
      }
      return opened;
    } catch (error) {
      options.locks.release(taken);
      opened?.closeDatabases();
      for (const claudeDir of claudeDirs) claudeDir.close();
      throw error;
    }
  }

  get config(): Config {
    return this.resolved.config;
  }

  get claudeDirs(): readonly ClaudeDir[] {
    return this.#claudeDirs;
  }

  /** Where there was no Claude directory yet, looks whether Claude has made it. @throws OperatingError */
  lookForClaudeDir(): void {
    if (this.#claudeDirs.length > 0) return;
    const found: ClaudeDir[] = [];
    try {
      openClaudeDirs(this.config, (claudeDir) => found.push(claudeDir));
      this.#options.locks.take(found);
      this.#claudeDirs = found;
      if (found.length > 0)
        this.#options.log.info({ claudeDirs: this.config.claudeDir }, 'the Claude directory is there now');
    } catch (error) {
      for (const claudeDir of found) claudeDir.close();
      throw error;
    }
  }

  closeDatabases(): void {
    this.map.close();
    this.ledger.close();
  }

  close(): void {
    this.closeDatabases();
    for (const claudeDir of this.claudeDirs) claudeDir.close();
  }

  recordRun(run: RunRecord): void {
    try {
      this.ledger.get().recordRun(run);
    } catch (error) {
      // The next use opens it anew, and begins another where it is damaged.
      this.ledger.close();
      throw error;
    }
  }

  /** What lies in the future is no run that has been: the clock was wrong. */
  lastRunMs(job: JobName): number | undefined {
    return this.ledger.get().lastWholeRunMs(job, RAN, this.#clock.now());
  }

  /** What the ledger keeps for the metrics. @throws OperatingError */
  figures(): readonly MetricValue[] {
    const ledger = this.ledger.get();
    return [...ledger.metrics(), ...ledgerBegun(ledger.clockHistory()?.sinceMs)];
  }

  /** Since ever, as hosts have counted them. */
  resumeTotals(): Promise<ResumeTotals> {
    return resumeTotalsOf(this.map.get());
  }

  /** @throws whatever keeps one of them from being read in full */
  async checkSources(): Promise<void> {
    this.lookForClaudeDir();
    for (const source of liveSources(this.map.get(), this.config, this.claudeDirs, this.#clock)) await source.check();
  }
}
