/** A job in a process of its own: its memory goes with it, and whatever ends it ends nothing else. */

import { type ChildProcess, fork } from 'node:child_process';
import type { Config } from '../config/config.ts';
import { OperatingError } from '../errors.ts';
import type { JobName } from '../jobs/job-names.ts';
import type { JobReport } from '../jobs/report.ts';
import { SHUTDOWN_BUDGET } from '../process/shutdown-budget.ts';
import type { RunAnswer, RunCommand } from './messages.ts';
import type { JobAtWork, RunnableJob, RunRequest } from './runnable-job.ts';

const RUN_SCRIPT = new URL('./child-main.js', import.meta.url);

export interface ProcessSettings {
  /** The environment of the process that starts others; none of its secrets goes on. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** How long a run may take to end once it is told to. */
  readonly graceMs: number;
  /** What the process is to execute. */
  readonly script: URL;
}

export function jobInChild(
  name: JobName,
  config: Config,
  { environment, graceMs = SHUTDOWN_BUDGET.runGraceMs, script = RUN_SCRIPT }: Partial<ProcessSettings>,
): RunnableJob {
  const settings = { environment: environment ?? {}, graceMs, script };
  return { name, start: (request) => new RunProcess(name, config, request, settings) };
}

const DISABLE_SIGUSR1 = '--disable-sigusr1';
/** Later Nodes can be told from the start; on the others, what a run executes first says so. */
const WITHOUT_DEBUGGER: readonly string[] = process.allowedNodeEnvironmentFlags.has(DISABLE_SIGUSR1)
  ? [DISABLE_SIGUSR1]
  : [];

/** How a process has ended. */
interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why it could not be started. */
  readonly error: Error | undefined;
}

class RunProcess implements JobAtWork {
  readonly report: Promise<JobReport>;
  readonly #child: ChildProcess;
  readonly #graceMs: number;
  readonly #gone: Promise<End>;
  #isBrokenOff = false;
  #lastWords = '';
  #grace: NodeJS.Timeout | undefined;

  constructor(job: JobName, config: Config, { options, signal, onProgress }: RunRequest, settings: ProcessSettings) {
    this.#graceMs = settings.graceMs;
    this.#child = fork(settings.script, [], {
      env: runtimeEnvironment(settings.environment),
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
      execArgv: [...process.execArgv, ...WITHOUT_DEBUGGER],
    });
    this.#gone = endOf(this.#child);
    this.#child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#lastWords = `${this.#lastWords}${chunk}`.slice(-LAST_WORDS_MAX);
    });
    // However this process leaves, its run does not stay behind.
    const kill = () => this.#child.kill('SIGKILL');
    process.once('exit', kill);
    const stop = () => {
      this.#send({ type: 'stop' });
      this.#killAfterGrace();
    };
    this.report = this.#answer(onProgress);
    this.#send({ type: 'run', task: { job, config, options } });
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    this.#gone.then(() => {
      process.off('exit', kill);
      signal.removeEventListener('abort', stop);
      clearTimeout(this.#grace);
    });
  }

  async release(): Promise<void> {
    this.#send({ type: 'leave' });
    this.#killAfterGrace();
    await this.#gone;
  }

  #answer(onProgress: RunRequest['onProgress']): Promise<JobReport> {
    return new Promise((resolve, reject) => {
      this.#child.on('message', (answer: RunAnswer) => {
        if (answer.type === 'phase') onProgress(answer.progress);
        else if (answer.type === 'done') resolve(answer.report);
        else reject(failureOf(answer));
      });
      this.#gone.then((end) => reject(this.#deathOf(end)));
    });
  }

  /** One that is gone hears nothing; what has become of it is told by its end. */
  #send(command: RunCommand): void {
    if (this.#child.connected) this.#child.send(command, () => undefined);
  }

  /** Until it is gone it may still be moving files, and holds its locks. A kill is as safe: the next run settles what was in hand. */
  #killAfterGrace(): void {
    this.#grace ??= setTimeout(() => {
      this.#isBrokenOff = true;
      this.#child.kill('SIGKILL');
    }, this.#graceMs);
  }

  #deathOf({ code, signal, error }: End): Error {
    if (error !== undefined) return new OperatingError('unavailable', `start the process of the run: ${error.message}`);
    if (this.#isBrokenOff) return new OperatingError('io', 'the job did not end in time and was broken off');
    const death = new Error(`the process of the run died: ${signal ?? `exit code ${code}`}`);
    death.stack = [death.message, this.#lastWords.trim()].filter((text) => text !== '').join('\n');
    return death;
  }
}

/** What a dying process has to say stands at its end: Node's report of a full heap, a stack. */
const LAST_WORDS_MAX = 4_000;

function endOf(child: ChildProcess): Promise<End> {
  return new Promise((resolve) => {
    child.on('error', (error) => {
      if (child.pid === undefined) resolve({ code: null, signal: null, error });
    });
    child.once('close', (code, signal) => resolve({ code, signal, error: undefined }));
  });
}

function failureOf({ kind, message, stack }: Extract<RunAnswer, { type: 'failed' }>): Error {
  const error = kind === 'internal' ? new Error(message) : new OperatingError(kind, message);
  if (stack !== undefined) error.stack = stack;
  return error;
}

/**
 * What Node, libuv, the C library and SQLite go by. Whatever else stands in an environment may be somebody's secret, and the
 * configuration goes by the channel.
 */
const RUNTIME_VARIABLES: ReadonlySet<string> = new Set([
  ...['NODE_OPTIONS', 'NODE_NO_WARNINGS', 'NODE_DEBUG', 'NODE_ICU_DATA', 'NODE_V8_COVERAGE'],
  ...['UV_THREADPOOL_SIZE', 'UV_USE_IO_URING'],
  ...['LD_PRELOAD', 'LD_LIBRARY_PATH', 'GLIBC_TUNABLES', 'MALLOC_ARENA_MAX', 'LANG', 'LC_ALL', 'TZ'],
  ...['TMPDIR', 'SQLITE_TMPDIR'],
  // Whom a source over HTTPS is trusted by.
  ...['NODE_EXTRA_CA_CERTS', 'NODE_USE_SYSTEM_CA', 'SSL_CERT_FILE', 'SSL_CERT_DIR'],
]);
/** A clock that is preloaded (libfaketime) must be the same in a run. */
const CLOCK_VARIABLES = /^(NO_)?FAKE/;

function runtimeEnvironment(environment: ProcessSettings['environment']): Record<string, string | undefined> {
  const isOfRuntime = (name: string) => RUNTIME_VARIABLES.has(name) || CLOCK_VARIABLES.test(name);
  return Object.fromEntries(Object.entries(environment).filter(([name]) => isOfRuntime(name)));
}
