import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type HttpSources, startHttpServer } from '../../src/daemon/http.ts';
import { silentLogger } from '../../src/log.ts';

const CONNECTIONS_MAX = 1_024;
const GET_METRICS = 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n';

/** A server whose metrics are read as slowly as a burst comes in. */
async function serverUnderTest(overrides: Partial<HttpSources> = {}): Promise<{ port: number; reads: () => number }> {
  let reads = 0;
  const server = await startHttpServer(
    { host: '127.0.0.1', port: 0 },
    {
      log: silentLogger,
      contentType: 'text/plain',
      metrics: async () => {
        reads += 1;
        await new Promise((resolve) => setImmediate(resolve));
        return `up ${reads}\n`;
      },
      readiness: async () => [],
      ...overrides,
    },
  );
  onTestFinished(() => server.close());
  return { port: server.address.port, reads: () => reads };
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

  it('reads the metrics anew once a reading is through', async () => {
    const { port, reads } = await serverUnderTest();
    for (const round of [1, 2, 3]) {
      expect(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()).toBe(`up ${round}\n`);
    }
    expect(reads()).toBe(3);
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

  it.each(['/%', '/%ff', '/nope', '//metrics'])('says of %s no more than that it is wrong', async (path) => {
    const { port } = await serverUnderTest();
    const answer = await answersTo(port, `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`, 1);
    expect(statusesIn(answer)[0]).toMatch(/^4/);
    expect(answer).toMatch(/\{"error":"(?:bad request|not found)"\}$/);
  });
});
