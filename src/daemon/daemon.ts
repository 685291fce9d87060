/** The daemon: acquires what it needs in order, runs jobs by their schedule, releases in reverse. */

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ResolvedConfig } from '../config/config.ts';
import type { JobProgress } from '../jobs/job.ts';
import { JOB_NAMES, type JobName } from '../jobs/job-names.ts';
import { styleOf } from '../log-output.ts';
import { Acquired } from '../process/acquired.ts';
import { SHUTDOWN_BUDGET } from '../process/shutdown-budget.ts';
import { HostLook } from '../runs/host-metrics.ts';
import { jobInChild } from '../runs/job-in-child.ts';
import { Notices } from '../runs/notices.ts';
import { type RunJobDependencies, runJob, skippedRun } from '../runs/run-job.ts';
import type { RunResult } from '../runs/run-result.ts';
import type { DaemonOptions } from './daemon-options.ts';
import { DueJobs } from './due-jobs.ts';
import { startHttpServer } from './http.ts';
import { HttpAddress } from './http-address.ts';
import { daemonRoutes } from './http-routes.ts';
import { InForce } from './in-force.ts';
import { JobQueue } from './job-queue.ts';
import { createMetrics, type Metrics } from './metrics-page.ts';
import { LivePage } from './page/live-page.ts';
import { Presence } from './presence.ts';
import { faultOfSources, readiness } from './readiness.ts';
import { Reload } from './reload.ts';
import { runOptionsOf } from './run-options.ts';
import { scheduleSettings } from './schedule.ts';
import { Supervisor } from './supervisor.ts';
import { WorkerLocks } from './worker-locks.ts';

/**
 * Runs until `shutdown` is aborted.
 * @throws OperatingError where it cannot start: a failed start always ends the process
 */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const acquired = new Acquired();
  const { log, shutdown } = options;
  try {
    const daemon = new Daemon(options);
    acquired.add(daemon, () => daemon.close());
    // Who asks before the start is through is answered after it, and must not end the process.
    const start = { isThrough: false, wasAsked: false };
    options.onReloadAsked(() => {
      if (start.isThrough) daemon.reload();
      else start.wasAsked = true;
    });
    await daemon.start();
    log.info(daemon.startFields(), 'daemon started');
    start.isThrough = true;
    if (start.wasAsked) daemon.reload();
    if (!shutdown.aborted) await once(shutdown, 'abort');
    const stop = { signal: shutdown.reason as unknown };
    const stoppingAt = performance.now();
    log.info({ ...stop, ...daemon.unfinished }, 'daemon stopping');
    await acquired.release();
    const durationSeconds = Math.round(performance.now() - stoppingAt) / 1000;
    log.info({ ...stop, durationSeconds, left: daemon.left }, 'daemon stopped');
  } finally {
    await acquired.release();
  }
}

/** A run ends by its deadline, or is killed: one that is at work for longer still will not end. */
const STUCK_AFTER_DEADLINE_MS = 60_000;

class Daemon {
  readonly #options: DaemonOptions;
  readonly #locks = new WorkerLocks();
  readonly #metrics: Metrics;
  readonly #queue: JobQueue;
  readonly #due: DueJobs;
  readonly #address: HttpAddress;
  readonly #reload: Reload;
  readonly #presence: Presence;
  readonly #supervisor: Supervisor;
  readonly #hostLook = new HostLook();
  readonly #cutShort = new Set<JobName>();
  readonly #startedAtMs: number;
  #inForce: InForce;
  /** Configurations that a run at work was begun under, and those that have come and gone since. */
  readonly #superseded = new Set<InForce>();

  /** @throws OperatingError */
  constructor(options: DaemonOptions) {
    const { resolved, clock, log, version } = options;
    this.#options = options;
    this.#startedAtMs = clock.now();
    this.#inForce = this.#open(resolved);
    this.#queue = new JobQueue({
      run: (job) => this.#run(job),
      onOverlap: (job) => {
        const failure = { kind: 'locked', message: 'its run before is not through' } as const;
        skippedRun(job, failure, this.#runDependencies(this.#inForce));
      },
      // What went wrong lies outside of the job (the ledger cannot be found, say); the daemon tries again at the next time.
      onError: (job, error) => log.error({ err: error, job }, 'run could not be begun or written down'),
    });
    this.#due = new DueJobs({ clock, log, queue: this.#queue, inForce: () => this.#inForce });
    this.#presence = new Presence({
      ...{ version, clock },
      claudeDirs: () => this.#inForce.claudeDirs,
      stateDir: () => this.#inForce.config.stateDir,
      nextRunMs: (job) => this.#due.schedule.nextRunMs(job),
      onChange: () => this.#supervisor.changed(),
    });
    this.#supervisor = new Supervisor({
      ...{ environment: options.environment, log },
      fault: () => faultOfSources(this.#inForce),
      status: () => this.#presence.status(),
      isMoving: () => this.#presence.overdueMs <= STUCK_AFTER_DEADLINE_MS,
    });
    this.#reload = new Reload({
      ...{ clock, log },
      supervisor: this.#supervisor,
      load: () => options.load(),
      inForce: () => this.#inForce.config,
      apply: (reloaded) => this.#apply(reloaded),
    });
    this.#metrics = createMetrics({
      version,
      log,
      figures: () => this.#inForce.figures(),
      host: () => this.#hostLook.figures(this.#inForce.config),
      dueAfterMs: (job, timeMs) => this.#due.schedule.dueAfterMs(job, timeMs),
      nowMs: () => clock.now(),
      resumeTotals: () => this.#inForce.resumeTotals(),
      nextRunMs: (job) => this.#due.schedule.nextRunMs(job),
      runningJob: () => this.#queue.running,
      reload: () => this.#reload.state,
    });
    const page = new LivePage({
      ...{ version, clock, log, hostLook: this.#hostLook },
      inForce: () => this.#inForce,
      nextRunMs: (job) => this.#due.schedule.nextRunMs(job),
      runningJob: () => this.#queue.running,
    });
    const routes = daemonRoutes({
      contentType: this.#metrics.contentType,
      metrics: () => this.#metrics.render(),
      readiness: () =>
        readiness({ inForce: this.#inForce, schedule: this.#due.schedule, startedAtMs: this.#startedAtMs, clock }),
      page: () => page.render(),
      monotonicNow: () => performance.now(),
    });
    this.#address = new HttpAddress((listen, access) => startHttpServer(listen, routes, access, log), log);
  }

  #open(resolved: ResolvedConfig): InForce {
    const { clock, log } = this.#options;
    return InForce.open(resolved, { clock, log, locks: this.#locks });
  }

  /** @throws OperatingError where nothing can listen where it should */
  async start(): Promise<void> {
    await this.#address.moveTo(this.#inForce.config);
    this.#due.start();
    this.#presence.enter();
    this.#supervisor.start();
  }

  /** Asks for the configuration to be read again. */
  reload(): void {
    this.#reload.ask();
  }

  /** The job at work and those that wait. */
  get unfinished(): { readonly running?: JobName; readonly waiting?: readonly JobName[] } {
    const { running, unfinished } = this.#queue;
    const waiting = unfinished.filter((job) => job !== running);
    return { ...(running === undefined ? {} : { running }), ...(waiting.length === 0 ? {} : { waiting }) };
  }

  /** The jobs that were not through when the daemon was told to leave, and that the next start catches up. */
  get left(): readonly JobName[] {
    return [...new Set([...this.#cutShort, ...this.#queue.unfinished])];
  }

  async close(): Promise<void> {
    const isTold = this.#supervisor.stopping();
    this.#due.stop();
    await this.#reload.close();
    await Promise.race([this.#queue.idle(), sleep(SHUTDOWN_BUDGET.daemonWaitMs, undefined, { ref: false })]);
    await this.#address.close();
    // Where a run had to be given up, its directory may hang.
    if (this.left.length === 0) this.#presence.leave(this.#inForce.claudeDirs);
    for (const opened of [...this.#superseded, this.#inForce]) opened.close();
    this.#locks.keepOnly([]);
    await isTold;
  }

  /** All that can fail comes before anything is given up. */
  async #apply(resolved: ResolvedConfig): Promise<void> {
    const before = this.#inForce;
    if (isDeepStrictEqual(resolved, before.resolved)) return await this.#address.moveTo(before.config);
    const next = this.#open(resolved);
    try {
      await this.#address.moveTo(next.config);
    } catch (error) {
      next.close();
      this.#keepLocks();
      throw error;
    }
    this.#inForce = next;
    this.#superseded.add(before);
    const { log, environment } = this.#options;
    log.adjust(next.config.logLevel, styleOf(next.config.logFormat, environment));
    if (!isDeepStrictEqual(scheduleSettings(before.config), scheduleSettings(next.config))) this.#due.restart();
    this.#presence.enter();
    // A run that is at work is written down where it was begun.
    if (this.#queue.running === undefined) this.#leaveSuperseded();
  }

  #leaveSuperseded(): void {
    if (this.#superseded.size === 0) return;
    const kept = new Set(this.#inForce.claudeDirs.map(({ identity }) => identity));
    for (const before of this.#superseded) {
      this.#presence.leave(before.claudeDirs.filter(({ identity }) => !kept.has(identity)));
      before.close();
    }
    this.#superseded.clear();
    this.#keepLocks();
  }

  #keepLocks(): void {
    this.#locks.keepOnly([this.#inForce, ...this.#superseded].flatMap(({ claudeDirs }) => claudeDirs));
  }

  startFields(): object {
    const { version } = this.#options;
    const { config, configFile } = this.#inForce.resolved;
    const nextRuns = JOB_NAMES.map((job) => [job, new Date(this.#due.schedule.nextRunMs(job) ?? Number.NaN)] as const);
    return {
      version,
      node: process.version,
      pid: process.pid,
      configFile: configFile ?? null,
      claudeDirs: config.claudeDir,
      stateDir: config.stateDir,
      ...(this.#address.shown === undefined ? {} : { listen: this.#address.shown }),
      nextRuns: Object.fromEntries(nextRuns),
    };
  }

  async #run(job: JobName): Promise<void> {
    const { environment, log, shutdown: signal } = this.#options;
    if (signal.aborted) return void this.#cutShort.add(job);
    const inForce = this.#inForce;
    try {
      const notices = new Notices(inForce.config, { log, environment, shutdown: signal });
      const result = await notices.around(job, () => this.#runOnce(job, inForce));
      this.#metrics.observeRun(result);
      if (signal.aborted && result.outcome !== 'ok') this.#cutShort.add(job);
      // What the run has met with in the ledger, this process may not have: opened anew, it is looked at from end to end.
      if (result.outcome === 'failed') inForce.ledger.close();
    } finally {
      this.#leaveSuperseded();
    }
  }

  /** Its presence is that of the run alone: those who are told of it have times of their own, and are no run that hangs. */
  async #runOnce(job: JobName, inForce: InForce): Promise<RunResult> {
    const { environment, shutdown: signal } = this.#options;
    try {
      inForce.lookForClaudeDir();
      this.#presence.begin(job, inForce.config.runDeadline);
      const onProgress = ({ phase }: JobProgress) => this.#presence.phase(phase);
      const options = runOptionsOf(job, inForce.config.logLevel);
      const inChild = jobInChild(job, inForce.config, { environment });
      return await runJob(inChild, { options, signal, onProgress }, this.#runDependencies(inForce));
    } finally {
      this.#presence.end();
    }
  }

  #runDependencies(inForce: InForce): RunJobDependencies {
    const { clock, log, allowCommand } = this.#options;
    return {
      clock,
      log,
      ledger: { recordRun: (run) => inForce.recordRun(run) },
      clockGuard: inForce.clockGuard,
      deadlineMs: inForce.config.runDeadline,
      allowCommand: (job) => allowCommand(job, inForce.resolved),
    };
  }
}
