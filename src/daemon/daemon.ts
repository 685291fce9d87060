/** The daemon: acquires what it needs in order, runs jobs by their schedule, releases in reverse. */

import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { acquireDirLocks } from '../claude-dir/dir-lock.ts';
import { openClaudeDirs } from '../claude-dir/open-and-lock.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { errorMessage } from '../errors.ts';
import { absenceLimits, ClockGuard } from '../jobs/guards/clock.ts';
import { JOB_NAMES, type JobName, type Outcome } from '../jobs/job-names.ts';
import type { Ledger, RunRecord } from '../ledger/ledger.ts';
import { liveSources, openResumeMap } from '../live-sources/open-sources.ts';
import type { Logger } from '../log.ts';
import { Acquired } from '../process/acquired.ts';
import { SHUTDOWN_BUDGET } from '../process/shutdown-budget.ts';
import type { SqliteResumeMap } from '../resume-map/sqlite.ts';
import { jobInChild } from '../runs/job-in-child.ts';
import { openLedger } from '../runs/open-ledger.ts';
import { type RunJobDependencies, runJob, skippedRun } from '../runs/run-job.ts';
import type { RunOptions } from '../runs/runnable-job.ts';
import { Reopened } from '../sqlite/reopened.ts';
import { type HttpServer, startHttpServer } from './http.ts';
import { daemonRoutes, type ReadinessCheck } from './http-routes.ts';
import { JobQueue } from './job-queue.ts';
import { createMetrics, type Metrics } from './metrics-page.ts';
import { Schedule, scheduleSettings } from './schedule.ts';

export interface DaemonOptions {
  readonly config: Config;
  readonly version: string;
  readonly log: Logger;
  readonly clock: Clock;
  /** The command by which an operator lets a run of a job go on that a guard holds back. */
  allowCommand(job: JobName): string;
  /** The process's own. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted when the daemon is to leave. */
  readonly shutdown: AbortSignal;
}

/** A run by the schedule is watched by nobody. */
const RUN_OPTIONS: Omit<RunOptions, 'jobs'> = { dryRun: false, allowMassRemoval: false, listsRemoved: 'none' };
/** Outcomes that count as a run of the job: a skipped one did not look. */
const RAN: readonly Outcome[] = ['ok', 'partial', 'held', 'failed'];

/**
 * Runs until `shutdown` is aborted.
 * @throws OperatingError where it cannot start: a failed start always ends the process
 */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const acquired = new Acquired();
  try {
    const { config, log } = options;
    const claudeDirs = openClaudeDirs(config, (claudeDir) => acquired.add(claudeDir, (opened) => opened.close()));
    acquired.add(acquireDirLocks(claudeDirs, 'worker'), (lock) => lock.release());
    const daemon = new Daemon(options, claudeDirs);
    acquired.add(daemon, () => daemon.closeDatabases());
    daemon.openDatabases();
    const server = config.listen === 'off' ? undefined : await daemon.serve(config.listen);
    if (server !== undefined) acquired.add(server, () => server.close());
    daemon.start();
    acquired.add(daemon, () => daemon.stop());
    log.info(daemon.startFields(server), 'daemon started');
    if (!options.shutdown.aborted) await once(options.shutdown, 'abort');
    log.info({}, 'daemon stopping');
  } finally {
    await acquired.release();
  }
}

class Daemon {
  readonly #options: DaemonOptions;
  readonly #claudeDirs: readonly ClaudeDir[];
  readonly #ledger: Reopened<Ledger>;
  readonly #map: Reopened<SqliteResumeMap>;
  readonly #metrics: Metrics;
  readonly #schedule: Schedule;
  readonly #queue: JobQueue;
  /** When each job was last put into the queue. */
  readonly #addedAtMs = new Map<JobName, number>();
  readonly #startedAtMs: number;
  readonly #clockGuard: ClockGuard;

  constructor(options: DaemonOptions, claudeDirs: readonly ClaudeDir[]) {
    const { config, clock, log, version } = options;
    this.#options = options;
    this.#claudeDirs = claudeDirs;
    this.#startedAtMs = clock.now();
    this.#ledger = new Reopened(join(config.stateDir, 'ledger.db'), () => openLedger(config.stateDir, log));
    this.#clockGuard = new ClockGuard(
      clock,
      {
        clockHistory: () => this.#ledger.get().clockHistory(),
        recordClockHistory: (history) => this.#ledger.get().recordClockHistory(history),
      },
      absenceLimits({ rows: config['sessions.maxAge'], transcripts: config.maxAge }),
    );
    this.#map = new Reopened(config['sessions.db'], () => openResumeMap(config, clock));
    this.#schedule = new Schedule({
      ...scheduleSettings(config),
      clock,
      onDue: (job) => this.#runDue(job),
    });
    this.#queue = new JobQueue({
      run: (job) => this.#run(job),
      onOverlap: (job) => {
        skippedRun(job, { kind: 'locked', message: 'its run before is not through' }, this.#runDependencies());
      },
      // What went wrong lies outside of the job (the ledger cannot be found, say); the daemon tries again at the next time.
      onError: (job, error) => log.error({ err: error, job }, 'run could not be begun or written down'),
    });
    this.#metrics = createMetrics({
      version,
      log,
      figures: () => this.#ledger.get().metrics(),
      resumeTotals: async () => {
        const map = this.#map.get();
        const [attempts, failures, forgotten] = await Promise.all([
          map.getSessionResumeAttemptsTotal(),
          map.getSessionResumeFailuresTotal(),
          map.getForgottenTotals(),
        ]);
        return { attempts, failures, forgotten };
      },
      nextRunMs: (job) => this.#schedule.nextRunMs(job),
      runningJob: () => this.#queue.running,
    });
  }

  /** What cannot be opened now would fail every run: better to say so at the start. */
  openDatabases(): void {
    this.#ledger.get();
    this.#map.get();
  }

  closeDatabases(): void {
    this.#map.close();
    this.#ledger.close();
  }

  serve(listen: Exclude<Config['listen'], 'off'>): Promise<HttpServer> {
    const routes = daemonRoutes({
      contentType: this.#metrics.contentType,
      metrics: () => this.#metrics.render(),
      readiness: () => this.#readiness(),
      monotonicNow: () => performance.now(),
    });
    return startHttpServer(listen, routes, this.#options.log);
  }

  start(): void {
    // What has never run is held against the first start of all: on a laptop, each start may come after the time of the day's run.
    const { sinceMs } = this.#clockGuard.look();
    this.#schedule.start((job) => this.#lastRunMs(job) ?? sinceMs);
  }

  /** Also whatever has missed its time: a run that a guard held, or that a shutdown cut short, is not through for the day. */
  #runDue(job: JobName): void {
    this.#add(job);
    for (const other of JOB_NAMES) {
      if (other !== job && !this.#queue.has(other) && this.#isOverdue(other)) this.#add(other);
    }
  }

  /** Where the ledger cannot be asked, nothing is: the job's own time comes all the same. */
  #isOverdue(job: JobName): boolean {
    try {
      return this.#schedule.isOverdue(job, this.#lastRunMs(job));
    } catch (error) {
      this.#options.log.error({ err: error, job }, 'whether a run was missed cannot be told');
      return false;
    }
  }

  /** A time that came before the job was added is the reason for which it was added, and no overlap. */
  #add(job: JobName): void {
    if (this.#queue.has(job) && !this.#schedule.isMissed(job, this.#addedAtMs.get(job))) return;
    this.#addedAtMs.set(job, this.#options.clock.now());
    this.#queue.add(job);
  }

  async stop(): Promise<void> {
    this.#schedule.stop();
    await Promise.race([this.#queue.idle(), sleep(SHUTDOWN_BUDGET.daemonWaitMs, undefined, { ref: false })]);
  }

  startFields(server: HttpServer | undefined): object {
    const { config, version } = this.#options;
    const nextRuns = JOB_NAMES.map((job) => [job, new Date(this.#schedule.nextRunMs(job) ?? Number.NaN)] as const);
    return {
      version,
      claudeDirs: config.claudeDir,
      stateDir: config.stateDir,
      ...(server === undefined ? {} : { listen: `${server.address.address}:${server.address.port}` }),
      nextRuns: Object.fromEntries(nextRuns),
    };
  }

  async #run(job: JobName): Promise<void> {
    const { config, environment, shutdown: signal } = this.#options;
    if (signal.aborted) return;
    const request = { options: { ...RUN_OPTIONS, jobs: [job] }, signal, onProgress: () => undefined };
    const result = await runJob(jobInChild(job, config, { environment }), request, this.#runDependencies());
    this.#metrics.observeRun(result);
    // What the run has met with in the ledger, this process may not have: opened anew, it is looked at from end to end.
    if (result.outcome === 'failed') this.#ledger.close();
  }

  #runDependencies(): RunJobDependencies {
    const { clock, log, config } = this.#options;
    return {
      clock,
      log,
      ledger: { recordRun: (run) => this.#recordRun(run) },
      clockGuard: this.#clockGuard,
      deadlineMs: config.runDeadline,
      allowCommand: this.#options.allowCommand,
    };
  }

  #recordRun(run: RunRecord): void {
    try {
      this.#ledger.get().recordRun(run);
    } catch (error) {
      // The next use opens it anew, and begins another where it is damaged.
      this.#ledger.close();
      throw error;
    }
  }

  async #readiness(): Promise<readonly ReadinessCheck[]> {
    const checks: ReadinessCheck[] = [];
    const check = async (name: string, verify: () => unknown) => {
      try {
        await verify();
        checks.push({ name, fault: undefined });
      } catch (error) {
        checks.push({ name, fault: errorMessage(error) });
      }
    };
    await check('ledger', () => this.#ledger.get().lastRun('prune-transcripts'));
    await check('live-sources', () => this.#checkSources());
    for (const job of JOB_NAMES) await check(job, () => this.#throwIfOverdue(job));
    return checks;
  }

  async #checkSources(): Promise<void> {
    const { config, clock } = this.#options;
    for (const source of liveSources(this.#map.get(), config, this.#claudeDirs, clock)) await source.check();
  }

  /** Overdue: the time after the last run has passed by more than a run may take. */
  #throwIfOverdue(job: JobName): void {
    const { clock, config } = this.#options;
    const sinceMs = Math.max(this.#lastRunMs(job) ?? 0, this.#startedAtMs);
    const dueMs = this.#schedule.dueAfterMs(job, sinceMs);
    if (dueMs === undefined || clock.now() <= dueMs + config['schedule.jitter'] + config.runDeadline) return;
    throw new Error(`overdue since ${new Date(dueMs).toISOString()}`);
  }

  /** What lies in the future is no run that has been: the clock was wrong. */
  #lastRunMs(job: JobName): number | undefined {
    return this.#ledger.get().lastWholeRunMs(job, RAN, this.#options.clock.now());
  }
}
