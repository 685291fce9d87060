import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type HttpServer, startHttpServer } from '../../src/daemon/http.ts';
import { HttpAccess } from '../../src/daemon/http-access.ts';
import { daemonRoutes, type RouteSources } from '../../src/daemon/http-routes.ts';
import { silentLogger } from '../../src/log.ts';
import { resolveConfig } from '../support/resolved-config.ts';

const CONNECTIONS_MAX = 1_024;
const GET_METRICS = 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n';
/** On the loopback, without a token. */
const OPEN = HttpAccess.read(
  resolveConfig({ home: '/nonexistent', environment: {}, flags: { listen: '127.0.0.1:0' } }).config,
);

interface ServerUnderTest {
  readonly server: HttpServer;
  readonly port: number;
  reads(): number;
}

/** A server whose metrics are read as slowly as a burst comes in. */
async function serverUnderTest(overrides: Partial<RouteSources> = {}): Promise<ServerUnderTest> {
  let reads = 0;
  const routes = daemonRoutes({
    contentType: 'text/plain',
    metrics: async () => {
      reads += 1;
      await new Promise((resolve) => setImmediate(resolve));
      return `up ${reads}\n`;
    },
    readiness: async () => [],
    page: async () => ({ status: 200, body: 'a page' }),
    monotonicNow: () => 0,
    ...overrides,
  });
  const server = await startHttpServer({ host: '127.0.0.1', port: 0 }, routes, OPEN, silentLogger);
  onTestFinished(() => server.close());
  return { server, port: server.address.port, reads: () => reads };
}

/** Metrics that are there when the test says so. */
function answeredByHand() {
  let isAsked: () => void = () => undefined;
  let answer: (text: string) => void = () => undefined;
  const asked = new Promise<void>((resolve) => {
    isAsked = resolve;
  });
  const answered = new Promise<string>((resolve) => {
    answer = resolve;
  });
  const metrics = () => {
    isAsked();
    return answered;
  };
  return { metrics, asked, answer };
}

function connected(port: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => undefined);
    socket.resume();
  });
}

/** All that comes back until there are as many answers. */
async function answersTo(port: number, text: string, count: number): Promise<string> {
  const socket = await connected(port);
  let answers = '';
  const all = new Promise<void>((resolve) => {
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      answers += chunk;
      if (statusesIn(answers).length === count) resolve();
    });
  });
  socket.write(text);
  await all;
  return answers;
}

const statusesIn = (answer: string) => Array.from(answer.matchAll(/HTTP\/1\.1 (\d{3})/g), ([, status]) => status);

describe('the HTTP server', () => {
  it('reads the metrics once for a burst of requests', async () => {
    const { port, reads } = await serverUnderTest();
    const answers = await answersTo(port, GET_METRICS.repeat(16), 16);
    expect(new Set(statusesIn(answers))).toEqual(new Set(['200']));
    expect(reads()).toBe(1);
  });

  it('reads the metrics anew after a tenth of a second', async () => {
    let nowMs = 0;
    const { port } = await serverUnderTest({ monotonicNow: () => nowMs });
    const textOf = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(await textOf()).toBe('up 1\n');
    nowMs = 99;
    expect(await textOf()).toBe('up 1\n');
    nowMs = 100;
    expect(await textOf()).toBe('up 2\n');
  });

  it('reads the metrics anew after a reading that failed', async () => {
    let isBroken = true;
    const { port } = await serverUnderTest({
      metrics: async () => {
        if (isBroken) throw new Error('/secret/path');
        return 'up 1\n';
      },
    });
    const broken = await fetch(`http://127.0.0.1:${port}/metrics`);
    expect([broken.status, await broken.text()]).toEqual([500, '{"error":"internal error"}']);
    isBroken = false;
    expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).toBe(200);
  });

  it('closes a connection on which more is asked for than a scraper would', async () => {
    const { port, reads } = await serverUnderTest();
    const socket = await connected(port);
    socket.write(GET_METRICS.repeat(1_000));
    await once(socket, 'close');
    expect(reads()).toBeLessThanOrEqual(1);
  });

  it('makes room for a new connection where too many are silent, and keeps the one that asks', async () => {
    const { port } = await serverUnderTest();
    const asking = await connected(port);
    const crowd: Socket[] = [];
    for (let number = 1; number < CONNECTIONS_MAX; number += 1) crowd.push(await connected(port));
    asking.write(GET_METRICS);
    await once(asking, 'data');
    const closed = Promise.all(crowd.slice(0, 2).map((socket) => once(socket, 'close')));
    await connected(port);
    expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).toBe(200);
    await closed;
    asking.write(GET_METRICS);
    await once(asking, 'data');
    expect(crowd.filter((socket) => socket.destroyed || socket.readableEnded)).toHaveLength(2);
  });

  it.each(['/%', '/%ff', '/nope', '//metrics', '/metrics/', '/%6detrics', '/metrics/../metrics', '/__proto__'])(
    'says of %s no more than that it is not there',
    async (path) => {
      const { port, reads } = await serverUnderTest();
      const answer = await answersTo(port, `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`, 1);
      expect(statusesIn(answer)).toEqual(['404']);
      expect(answer).toMatch(/\{"error":"not found"\}$/);
      expect(reads()).toBe(0);
    },
  );

  it('makes the status page once for a crowd, and anew after two seconds', async () => {
    let nowMs = 0;
    let pages = 0;
    const page = async () => {
      pages += 1;
      return { status: 200, body: `page ${pages}` } as const;
    };
    const { port } = await serverUnderTest({ page, monotonicNow: () => nowMs });
    const textOf = async () => (await fetch(`http://127.0.0.1:${port}/`)).text();
    expect(new Set(await Promise.all(Array.from({ length: 50 }, textOf)))).toEqual(new Set(['page 1']));
    nowMs = 1_999;
    expect(await textOf()).toBe('page 1');
    nowMs = 2_000;
    expect(await textOf()).toBe('page 2');
  });

  it('takes what follows a question mark for no part of the path', async () => {
    const { port } = await serverUnderTest();
    expect((await fetch(`http://127.0.0.1:${port}/metrics?name=up`)).status).toBe(200);
  });

  it('answers a HEAD as it would the GET, without the body', async () => {
    const { port } = await serverUnderTest();
    const answer = await answersTo(port, 'HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n', 1);
    expect(answer).toContain('HTTP/1.1 200 OK');
    expect(answer.toLowerCase()).toContain('content-length: 15\r\n');
    expect(answer).toMatch(/\r\n\r\n$/);
  });

  it.each(['POST', 'DELETE', 'OPTIONS'])('says to a %s which methods there are', async (method) => {
    const { port, reads } = await serverUnderTest();
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { method });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect(reads()).toBe(0);
  });

  it.each(['Content-Length: 1000000000', 'Transfer-Encoding: chunked'])(
    'refuses a body (%s) without waiting for it, and closes',
    async (header) => {
      const { port, reads } = await serverUnderTest();
      const socket = await connected(port);
      let answer = '';
      socket.setEncoding('latin1').on('data', (chunk: string) => {
        answer += chunk;
      });
      socket.write(`GET /metrics HTTP/1.1\r\nHost: localhost\r\n${header}\r\n\r\n`);
      await once(socket, 'close');
      expect(statusesIn(answer)).toEqual(['400']);
      expect(answer.toLowerCase()).toContain('connection: close');
      expect(reads()).toBe(0);
    },
  );

  it.each([
    ['no HTTP', 'no HTTP at all\r\n\r\n', '400'],
    ['an unknown method', 'BREW /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n', '400'],
    ['no host', 'GET /metrics HTTP/1.1\r\n\r\n', '400'],
    ['a header of 9 kB', `GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(9_000)}\r\n\r\n`, '431'],
    ['an unknown expectation', 'GET /metrics HTTP/1.1\r\nHost: localhost\r\nExpect: tea\r\n\r\n', '417'],
  ])('refuses %s', async (_name, text, status) => {
    const { port, reads } = await serverUnderTest();
    expect(statusesIn(await answersTo(port, text, 1))).toEqual([status]);
    expect(reads()).toBe(0);
  });

  it('goes on where a client has left before its answer', async () => {
    const { metrics, asked, answer } = answeredByHand();
    const { port } = await serverUnderTest({ metrics });
    const socket = await connected(port);
    socket.write(GET_METRICS);
    await asked;
    socket.resetAndDestroy();
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    answer('up 1\n');
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  });

  it('finishes the answer under way when it closes, and cuts the connections that say nothing', async () => {
    const { metrics, asked, answer } = answeredByHand();
    const { port, server } = await serverUnderTest({ metrics });
    const silent = await connected(port);
    const cut = once(silent, 'close');
    const scrape = fetch(`http://127.0.0.1:${port}/metrics`);
    await asked;
    const isClosed = server.close();
    answer('up 1\n');
    expect(await (await scrape).text()).toBe('up 1\n');
    await Promise.all([isClosed, cut]);
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
  });

  it('closes although an answer never comes', async () => {
    const { metrics, asked } = answeredByHand();
    const { port, server } = await serverUnderTest({ metrics });
    const scrape = fetch(`http://127.0.0.1:${port}/metrics`);
    await asked;
    await server.close();
    await expect(scrape).rejects.toThrow();
  });

  it('names the address on which it cannot listen', async () => {
    const { port } = await serverUnderTest();
    const second = startHttpServer({ host: '127.0.0.1', port }, [], OPEN, silentLogger);
    await expect(second).rejects.toThrow(`listen on 127.0.0.1:${port}: the port is in use`);
  });
});
