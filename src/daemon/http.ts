/** The daemon's small HTTP face: metrics and health. Bounded in every direction, since anyone on the host may call it. */

import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type FastifyReply, fastify } from 'fastify';
import type { ListenAddress } from '../config/values.ts';
import { errorCode, errorMessage, OperatingError } from '../errors.ts';
import type { Logger } from '../log.ts';

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
/** A client that takes none of its answer. */
const CONNECTION_TIMEOUT_MS = 10_000;
/** One packet holds thousands of requests. A scraper that keeps its connection makes a new one now and then. */
const REQUESTS_A_CONNECTION_MAX = 16;
/** More than any number of scrapers. */
const CONNECTIONS_MAX = 1_024;

const BAD_REQUEST = { error: 'bad request' };
const ROUTES = { '/metrics': 'for Prometheus', '/healthz': 'the process lives', '/readyz': 'it can do its work' };

/** @throws OperatingError (`unavailable`) naming the address where it cannot be listened on */
export async function startHttpServer(listen: ListenAddress, sources: HttpSources): Promise<HttpServer> {
  const app = fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    maxRequestsPerSocket: REQUESTS_A_CONNECTION_MAX,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    forceCloseConnections: true,
    // A path that cannot be decoded comes to no other handler.
    frameworkErrors: (_error, _request, reply: FastifyReply) => reply.code(400).send(BAD_REQUEST),
    http: {
      connectionsCheckingInterval: CONNECTIONS_CHECKING_INTERVAL_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
    },
  });
  boundConnections(app.server);
  // Node would answer each one too many, and go on reading.
  app.server.on('dropRequest', (_request: IncomingMessage, socket: Socket) => socket.destroy());
  const metrics = shared(() => sources.metrics());
  const readiness = shared(() => sources.readiness());
  app.setErrorHandler((error, _request, reply) => {
    // A client learns that it went wrong, the log learns what.
    const status = statusOf(error);
    if (status >= 500) sources.log.error({ err: error }, 'request failed');
    return reply.code(status).send(status >= 500 ? { error: 'internal error' } : BAD_REQUEST);
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: 'not found' }));
  app.get('/', () => ({ name: 'claude-session-sweeper', paths: ROUTES }));
  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/metrics', async (_request, reply) => reply.type(sources.contentType).send(await metrics()));
  app.get('/readyz', async (_request, reply) => {
    const checks = await readiness();
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

/**
 * Where there are too many, the connection that has asked for nothing for the longest time goes: were the new one refused, as
 * `maxConnections` does, an idle crowd would lock out every scraper.
 */
function boundConnections(server: Server): void {
  const connections = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
    const [longestSilent] = connections;
    if (longestSilent === undefined || connections.size <= CONNECTIONS_MAX) return;
    connections.delete(longestSilent);
    longestSilent.destroy();
  });
  server.on('request', ({ socket }: IncomingMessage) => {
    if (connections.delete(socket)) connections.add(socket);
  });
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

function statusOf(error: unknown): number {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return 500;
  return typeof error.statusCode === 'number' && error.statusCode >= 400 ? error.statusCode : 500;
}
