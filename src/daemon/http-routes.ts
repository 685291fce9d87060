/** What the daemon tells over HTTP: how things are, for a person; its metrics; whether it lives, whether it can do its work. */

import { json, type Route } from './http.ts';
import { type Page, pageRoutes } from './page/routes.ts';
import { cached } from './page-cache.ts';

export interface RouteSources {
  readonly contentType: string;
  metrics(): Promise<string>;
  readiness(): Promise<readonly ReadinessCheck[]>;
  /** The status page, for a person. */
  page(): Promise<Page>;
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
/** A person does not see the difference, and a crowd of them costs no more than one. */
const STATUS_KEPT_MS = 2_000;

export function daemonRoutes(sources: RouteSources): readonly Route[] {
  const metrics = cached(PAGE_KEPT_MS, () => sources.metrics(), sources.monotonicNow);
  const readiness = cached(PAGE_KEPT_MS, () => sources.readiness(), sources.monotonicNow);
  const routes: readonly Route[] = [
    {
      path: '/metrics',
      answer: async () => ({
        status: 200,
        headers: { 'content-type': sources.contentType },
        body: await metrics(),
      }),
    },
    { path: '/healthz', isOpen: true, answer: () => json(200, { status: 'ok' }) },
    {
      path: '/readyz',
      isOpen: true,
      answer: async (_request, mayRead) => {
        const checks = await readiness();
        const isReady = checks.every((check) => check.fault === undefined);
        const status = isReady ? 'ready' : 'not ready';
        return json(isReady ? 200 : 503, { status, checks: checks.map((check) => shown(check, mayRead)) });
      },
    },
  ];
  return [...pageRoutes(cached(STATUS_KEPT_MS, () => sources.page(), sources.monotonicNow)), ...routes];
}

/** A fault may name a path: it is told to those who may read everything. */
function shown({ name, fault }: ReadinessCheck, mayRead: boolean): object {
  if (fault === undefined) return { name, ok: true };
  return mayRead ? { name, ok: false, fault } : { name, ok: false };
}
