/** A small HTTP server over a table of routes. Bounded in every direction, since anyone on the host may call it. */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { ListenAddress } from '../config/values.ts';
import { errorCode, errorMessage, OperatingError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { HttpAccess } from './http-access.ts';

export interface Answer {
  readonly status: number;
  /** With lower-case names; the length of the body is added. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What a GET of one path is answered with; a HEAD gets the same without the body. */
export interface Route {
  /** Compared as it is: nothing is decoded, and there are no patterns. What follows a `?` is no part of it. */
  readonly path: string;
  /** Answered to everybody, as probes do not know the token; to whom no more is told than the answer's `mayRead` says. */
  readonly isOpen?: true;
  /** May throw: a client learns that it went wrong, the log learns what. */
  answer(request: IncomingMessage, mayRead: boolean): Answer | Promise<Answer>;
}

export interface HttpServer {
  readonly address: AddressInfo;
  /** From now on, for whoever comes; with a certificate only where there was one from the start. */
  use(access: HttpAccess): void;
  /** Answers under way are finished, within a tenth of a second; connections that say nothing are cut. */
  close(): Promise<void>;
}

/** Node looks for timed-out requests every 30 s by default: a slow client would hold its place for that long. */
const CONNECTIONS_CHECKING_INTERVAL_MS = 1_000;
const HEADERS_TIMEOUT_MS = 5_000;
/** Node gives a client two minutes to agree on keys. */
const HANDSHAKE_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_TIMEOUT_MS = 30_000;
/** A scrape's headers take some hundred bytes. */
const HEADER_BYTES_MAX = 8_192;
/** A client that takes none of its answer is cut after this, and so is one whose answer does not come. */
const CONNECTION_TIMEOUT_MS = 10_000;
/** One packet holds thousands of requests. A scraper that keeps its connection makes a new one now and then. */
const REQUESTS_A_CONNECTION_MAX = 16;
/** More than any number of scrapers. */
const CONNECTIONS_MAX = 1_024;
/** An answer takes milliseconds; the process has little time to leave in. */
const CLOSE_GRACE_MS = 100;
/** Of the two ways, a browser knows the first. */
const CHALLENGE = 'Basic realm="claude-session-sweeper", charset="UTF-8", Bearer realm="claude-session-sweeper"';
const METHODS: readonly (string | undefined)[] = ['GET', 'HEAD'];

/** @throws OperatingError (`unavailable`) naming the address where it cannot be listened on */
export async function startHttpServer(
  listen: ListenAddress,
  routes: readonly Route[],
  access: HttpAccess,
  log: Logger,
): Promise<HttpServer> {
  const routeByPath = new Map(routes.map((route) => [route.path, route]));
  let inForce = access;
  const server = serverFor(access, async (request, response) => {
    const answer = await answerTo(request, { routeByPath, access: inForce, log });
    // Nobody reads a body, and a server that closes waits for no further request.
    if (hasBody(request) || !server.listening) response.shouldKeepAlive = false;
    send(answer, response);
  });
  server.timeout = CONNECTION_TIMEOUT_MS;
  server.maxRequestsPerSocket = REQUESTS_A_CONNECTION_MAX;
  const connections = boundConnections(server);
  // Node would answer each request too many, and go on reading.
  server.on('dropRequest', (_request: IncomingMessage, socket: Socket) => socket.destroy());
  try {
    server.listen(listen.port, listen.host);
    await once(server, 'listening');
  } catch (error) {
    const reason = errorCode(error) === 'EADDRINUSE' ? 'the port is in use' : errorMessage(error);
    throw new OperatingError('unavailable', `listen on ${listen.host}:${listen.port}: ${reason}`, { cause: error });
  }
  // A connection that could not be taken on must not end the daemon.
  server.on('error', (error) => log.error({ err: error }, 'HTTP server failed'));
  return {
    address: server.address() as AddressInfo,
    use: (next) => {
      inForce = next;
      if ('setSecureContext' in server && next.certificate !== undefined) server.setSecureContext(next.certificate);
    },
    close: () => closed(server, connections),
  };
}

type Listener = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

function serverFor({ certificate }: HttpAccess, listener: Listener): Server | SecureServer {
  const limits = {
    connectionsCheckingInterval: CONNECTIONS_CHECKING_INTERVAL_MS,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    maxHeaderSize: HEADER_BYTES_MAX,
  };
  if (certificate === undefined) return createServer(limits, listener);
  const { cert, key } = certificate;
  return createSecureServer({ ...limits, cert, key, handshakeTimeout: HANDSHAKE_TIMEOUT_MS }, listener);
}

export function json(status: number, value: object): Answer {
  return { status, headers: { 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify(value) };
}

interface Answering {
  readonly routeByPath: ReadonlyMap<string, Route>;
  readonly access: HttpAccess;
  readonly log: Logger;
}

async function answerTo(request: IncomingMessage, { routeByPath, access, log }: Answering): Promise<Answer> {
  if (!access.isOwnName(request.headers.host))
    return json(421, { error: 'not served under this name: see http.hosts' });
  const [path = ''] = request.url?.split('?', 1) ?? [];
  const route = routeByPath.get(path);
  if (route === undefined) return json(404, { error: 'not found' });
  if (!METHODS.includes(request.method))
    return withHeader('allow', METHODS.join(', '), json(405, { error: 'method not allowed' }));
  if (hasBody(request)) return json(400, { error: 'bad request' });
  const mayRead = access.mayRead(request);
  if (!mayRead && route.isOpen !== true)
    return withHeader('www-authenticate', CHALLENGE, json(401, { error: 'unauthorized' }));
  try {
    return await route.answer(request, mayRead);
  } catch (error) {
    log.error({ err: error }, 'request failed');
    return json(500, { error: 'internal error' });
  }
}

function withHeader(name: string, value: string, answer: Answer): Answer {
  return { ...answer, headers: { ...answer.headers, [name]: value } };
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function send({ status, headers, body }: Answer, response: ServerResponse): void {
  // What has not changed has no body, and no length of one.
  const length = status === 304 ? {} : { 'content-length': Buffer.byteLength(body) };
  response.writeHead(status, { ...headers, ...length });
  response.end(body);
}

/**
 * Where there are too many, the connection that has asked for nothing for the longest time goes: were the new one refused, as
 * `maxConnections` does, an idle crowd would lock out every scraper.
 * @returns the sockets that are open, the longest silent first, those included that are still agreeing on keys
 */
function boundConnections(server: Server | SecureServer): Iterable<Socket> {
  // By the other end: with TLS, a request comes on another socket than the connection did.
  const connections = new Map<string, Socket>();
  server.on('connection', (socket: Socket) => {
    const other = otherEnd(socket);
    connections.set(other, socket);
    socket.once('close', () => {
      if (connections.get(other) === socket) connections.delete(other);
    });
    const [longestSilent] = connections;
    if (longestSilent === undefined || connections.size <= CONNECTIONS_MAX) return;
    connections.delete(longestSilent[0]);
    longestSilent[1].destroy();
  });
  server.on('request', ({ socket }: IncomingMessage) => {
    const other = otherEnd(socket);
    const asking = connections.get(other);
    if (asking !== undefined && connections.delete(other)) connections.set(other, asking);
  });
  return { [Symbol.iterator]: () => connections.values() };
}

function otherEnd({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

async function closed(server: Server | SecureServer, connections: Iterable<Socket>): Promise<void> {
  const grace = setTimeout(() => {
    for (const socket of connections) socket.destroy();
  }, CLOSE_GRACE_MS);
  const isClosed = once(server, 'close');
  server.close();
  await isClosed;
  clearTimeout(grace);
}
