/** What the daemon tells over HTTP: its metrics, whether it lives, whether it can do its work. */

import { json, type Route } from './http.ts';

export interface RouteSources {
  readonly contentType: string;
  metrics(): Promise<string>;
  readiness(): Promise<readonly ReadinessCheck[]>;
}

export interface ReadinessCheck {
  readonly name: string;
  /** What is wrong; undefined where nothing is. */
  readonly fault: string | undefined;
}

export function daemonRoutes(sources: RouteSources): readonly Route[] {
  const metrics = shared(() => sources.metrics());
  const readiness = shared(() => sources.readiness());
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

/** What is asked for while it is under way is not begun again: a burst costs as much as one request. */
function shared<T>(read: () => Promise<T>): () => Promise<T> {
  let underWay: Promise<T> | undefined;
  return () => {
    underWay ??= read().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}

function shown({ name, fault }: ReadinessCheck): object {
  return fault === undefined ? { name, ok: true } : { name, ok: false, fault };
}
