/** Tells those who want to know of a run: it is begun, done and recorded whatever becomes of that, and at most a little later. */

import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { DEFAULT_HOOK_TIMEOUT_MS, type HookEvent } from '../config/notice-settings.ts';
import { type Settings, variableOf } from '../config/settings.ts';
import { shownText } from '../format/shown-text.ts';
import type { JobName } from '../jobs/job-names.ts';
import type { Logger } from '../log.ts';
import { runHook } from '../process/hook.ts';
import { post } from '../process/post.ts';
import { SHUTDOWN_BUDGET } from '../process/shutdown-budget.ts';
import { beginningDocument, endKindOf, hasAnnounced, publicDocument, publicText, runDocument } from './run-notice.ts';
import type { RunResult } from './run-result.ts';

export interface NoticeOptions {
  readonly log: Pick<Logger, 'warn'>;
  /** The process's own; a hook gets it without our secrets. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted when the process is to leave. */
  readonly shutdown: AbortSignal;
  /** For which an address is waited for. */
  readonly postTimeoutMs?: number;
}

const POST_TIMEOUT_MS = 10_000;
/** Of which job a dead-man switch hears: it waits for one schedule, and this is the one that a disk waits for. */
const PINGING_JOB: JobName = 'prune-transcripts';

type PingPath = '/start' | '' | '/fail';

export class Notices {
  readonly #settings: Pick<Settings, 'hooks' | 'ping.url' | 'webhook.url'>;
  readonly #options: NoticeOptions;
  #grace: Promise<void> | undefined;
  #isOver = false;

  constructor(settings: Pick<Settings, 'hooks' | 'ping.url' | 'webhook.url'>, options: NoticeOptions) {
    this.#settings = settings;
    this.#options = options;
  }

  /** @throws what `run` throws, and nothing of its own */
  async around(job: JobName, run: () => Promise<RunResult>): Promise<RunResult> {
    // It is not waited for before the run, and yet arrives before the end of it.
    const started = this.#ping(job, '/start', '');
    await this.#hook('before', beginningDocument(job));
    const result = await run().catch(async (error: unknown) => {
      await started;
      await this.#ping(job, '/fail', `${job} on ${hostname()}: it could not be begun or written down`);
      throw error;
    });
    await started;
    await this.#tellEnd(result);
    return result;
  }

  async #tellEnd(result: RunResult): Promise<void> {
    const end = endKindOf(result);
    const text = publicText(result, hostname());
    const path: PingPath | undefined = end === 'success' ? '' : end === 'none' ? undefined : '/fail';
    await Promise.all([
      path === undefined ? undefined : this.#ping(result.job, path, text),
      end === 'failure' || end === 'held' || hasAnnounced(result) ? this.#webhook(result, text) : undefined,
      this.#hooks(result),
    ]);
  }

  /** One after the other, so that none has to mind the others. */
  async #hooks(result: RunResult): Promise<void> {
    const end = endKindOf(result);
    const document = runDocument(result);
    await this.#hook('after', document);
    if (end === 'failure') await this.#hook('onFailure', document);
    if (end === 'held') await this.#hook('onHeld', document);
    if (hasAnnounced(result)) await this.#hook('onNotice', document);
  }

  async #hook(event: HookEvent, document: object): Promise<void> {
    const { hooks } = this.#settings;
    const argv = hooks[event];
    if (argv === undefined) return;
    const fault = await this.#within(hooks.timeout ?? DEFAULT_HOOK_TIMEOUT_MS, (limit) => {
      const input = `${JSON.stringify({ event, ...document })}\n`;
      return runHook(argv, input, { environment: withoutSecrets(this.#options.environment), limit });
    });
    if (fault !== undefined) this.#options.log.warn({ hook: event, error: shownText(fault) }, 'hook failed');
  }

  async #ping(job: JobName, path: PingPath, text: string): Promise<void> {
    const url = this.#settings['ping.url'];
    if (url === 'off' || job !== PINGING_JOB) return;
    await this.#post('ping', below(url, path), text, 'text/plain; charset=utf-8');
  }

  async #webhook(result: RunResult, text: string): Promise<void> {
    const url = this.#settings['webhook.url'];
    if (url === 'off') return;
    // Some chats show `text`, and others `content`.
    const body = JSON.stringify({ text, content: text, run: publicDocument(result, hostname()) });
    await this.#post('webhook', url, body, 'application/json');
  }

  async #post(setting: string, url: string, body: string, contentType: string): Promise<void> {
    const timeoutMs = this.#options.postTimeoutMs ?? POST_TIMEOUT_MS;
    const fault = await this.#within(timeoutMs, (limit) => post(url, body, { contentType, limit }));
    if (fault !== undefined) this.#options.log.warn({ setting, error: fault }, 'notice of a run not delivered');
  }

  /** Over for all that is told from the first call on, once the process is to leave. */
  #lastMoment(): Promise<void> {
    this.#grace ??= sleep(SHUTDOWN_BUDGET.noticeGraceMs, undefined, { ref: false }).then(() => {
      this.#isOver = true;
    });
    return this.#grace;
  }

  /** Once the process is to leave, nothing of this takes longer than a moment. */
  async #within<T>(timeoutMs: number, act: (limit: AbortSignal) => Promise<T>): Promise<T | string> {
    const { shutdown } = this.#options;
    const limit = new AbortController();
    const done = new AbortController();
    const endAfter = (ms: number) =>
      sleep(ms, undefined, { signal: done.signal }).then(
        () => limit.abort(),
        () => undefined,
      );
    const hasten = () => void this.#lastMoment().then(() => limit.abort());
    void endAfter(timeoutMs);
    if (this.#isOver) limit.abort();
    else if (shutdown.aborted) hasten();
    else shutdown.addEventListener('abort', hasten, { once: true });
    try {
      return await act(limit.signal);
    } catch (error) {
      // Whatever it is, a run is not to end by it.
      return error instanceof Error ? error.message : String(error);
    } finally {
      shutdown.removeEventListener('abort', hasten);
      done.abort();
    }
  }
}

/** A path goes before the query, which a server may want to have. */
function below(url: string, path: PingPath): string {
  const address = new URL(url);
  address.pathname = address.pathname.replace(/\/$/, '') + path;
  return address.href;
}

const SECRETS = ['ping.url', 'webhook.url', 'http.token'].map(variableOf);

function withoutSecrets(environment: NoticeOptions['environment']): NoticeOptions['environment'] {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !SECRETS.includes(name)));
}
