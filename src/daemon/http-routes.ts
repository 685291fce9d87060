/** What the daemon tells over HTTP: its metrics, whether it lives, whether it can do its work. */

import { json, type Route } from './http.ts';
import { cached } from './page-cache.ts';

export interface RouteSources {
  readonly contentType: string;
  metrics(): Promise<string>;
  readiness(): Promise<readonly ReadinessCheck[]>;
  /** Milliseconds of a clock that does not jump. */
  monotonicNow(): number;
}

export interface ReadinessCheck {
  readonly name: string;
  /** What is wrong; undefined where nothing is. */
  readonly fault: string | undefined;
}

/** No scraper asks so often. It bounds what scrapes take from the thread that has to answer them, beside a job on every core. */
const PAGE_KEPT_MS = 100;

export function daemonRoutes(sources: RouteSources): readonly Route[] {
  const metrics = cached(PAGE_KEPT_MS, () => sources.metrics(), sources.monotonicNow);
  const readiness = cached(PAGE_KEPT_MS, () => sources.readiness(), sources.monotonicNow);
  const routes: readonly Route[] = [
    {
      path: '/metrics',
      meaning: 'for Prometheus',
      answer: async () => ({
        status: 200,
        headers: { 'content-type': sources.contentType },
        body: await metrics(),
      }),
    },
    { path: '/healthz', meaning: 'the process lives', answer: () => json(200, { status: 'ok' }) },
    {
      path: '/readyz',
      meaning: 'it can do its work',
      answer: async () => {
        const checks = await readiness();
        const isReady = checks.every((check) => check.fault === undefined);
        return json(isReady ? 200 : 503, { status: isReady ? 'ready' : 'not ready', checks: checks.map(shown) });
      },
    },
  ];
  const paths = Object.fromEntries(routes.map(({ path, meaning }) => [path, meaning]));
  const list = () => json(200, { name: 'claude-session-sweeper', paths });
  return [{ path: '/', meaning: 'this list', answer: list }, ...routes];
}

function shown({ name, fault }: ReadinessCheck): object {
  return fault === undefined ? { name, ok: true } : { name, ok: false, fault };
}
