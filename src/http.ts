/** The daemon's small HTTP face: metrics and health. Bounded in every direction, since anyone on the host may call it. */

import type { AddressInfo } from 'node:net';
import { fastify } from 'fastify';
import type { ListenAddress } from './config/values.ts';
import { errorCode, errorMessage, OperatingError } from './errors.ts';
import type { Logger } from './log.ts';

export interface HttpSources {
  readonly log: Logger;
  readonly contentType: string;
  metrics(): Promise<string>;
  readiness(): Promise<readonly ReadinessCheck[]>;
}

export interface ReadinessCheck {
  readonly name: string;
  /** What is wrong; undefined where nothing is. */
  readonly fault: string | undefined;
}

export interface HttpServer {
  readonly address: AddressInfo;
  close(): Promise<void>;
}

/** Node looks for timed-out requests every 30 s by default: a slow client would hold its place for that long. */
const CONNECTIONS_CHECKING_INTERVAL_MS = 1_000;
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_TIMEOUT_MS = 30_000;
/** A scrape's headers take some hundred bytes. */
const HEADER_BYTES_MAX = 8_192;
const BODY_BYTES_MAX = 1_024;
/** More than any number of scrapers; an idle crowd is refused beyond it. */
const CONNECTIONS_MAX = 1_024;

const ROUTES = { '/metrics': 'for Prometheus', '/healthz': 'the process lives', '/readyz': 'it can do its work' };

/** @throws OperatingError (`unavailable`) naming the address where it cannot be listened on */
export async function startHttpServer(listen: ListenAddress, sources: HttpSources): Promise<HttpServer> {
  const app = fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    forceCloseConnections: true,
    http: {
      connectionsCheckingInterval: CONNECTIONS_CHECKING_INTERVAL_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
    },
  });
  app.server.maxConnections = CONNECTIONS_MAX;
  app.setErrorHandler((error, _request, reply) => {
    // A client learns that it went wrong, the log learns what.
    const status = statusOf(error);
    if (status >= 500) sources.log.error({ err: error }, 'request failed');
    return reply.code(status).send({ error: status >= 500 ? 'internal error' : 'bad request' });
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: 'not found' }));
  app.get('/', () => ({ name: 'claude-session-sweeper', paths: ROUTES }));
  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/metrics', async (_request, reply) => reply.type(sources.contentType).send(await sources.metrics()));
  app.get('/readyz', async (_request, reply) => {
    const checks = await sources.readiness();
    const isReady = checks.every((check) => check.fault === undefined);
    return reply.code(isReady ? 200 : 503).send({ status: isReady ? 'ready' : 'not ready', checks: checks.map(shown) });
  });
  try {
    await app.listen({ host: listen.host, port: listen.port });
  } catch (error) {
    await app.close();
    const reason = errorCode(error) === 'EADDRINUSE' ? 'the port is in use' : errorMessage(error);
    throw new OperatingError('unavailable', `listen on ${listen.host}:${listen.port}: ${reason}`, { cause: error });
  }
  return { address: app.server.address() as AddressInfo, close: () => app.close() };
}

function shown({ name, fault }: ReadinessCheck): object {
  return fault === undefined ? { name, ok: true } : { name, ok: false, fault };
}

function statusOf(error: unknown): number {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return 500;
  return typeof error.statusCode === 'number' && error.statusCode >= 400 ? error.statusCode : 500;
}
