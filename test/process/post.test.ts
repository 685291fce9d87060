import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { post } from '../../src/process/post.ts';
import { startReceiver } from '../support/receiver.ts';

const NEVER = new AbortController().signal;

function send(url: string, limit: AbortSignal = NEVER) {
  return post(url, 'how it went', { contentType: 'text/plain', limit });
}

/** Of which the headers come, and then more than anybody reads, without an end. */
function floodWith(response: ServerResponse): void {
  const chunk = Buffer.alloc(65_536, 'x');
  const more = () => {
    while (response.write(chunk));
  };
  response.on('drain', more).on('error', () => undefined);
  more();
}

describe('what is sent to an address', () => {
  it('comes there once, whole', async () => {
    const { url, received } = await startReceiver();
    expect(await send(`${url}?a=b`)).toBeUndefined();
    expect(received).toEqual([{ method: 'POST', path: '/s3cret?a=b', contentType: 'text/plain', body: 'how it went' }]);
  });

  it('counts as taken by the status alone, however long the answer is, and whether it ends', async () => {
    const { url, received } = await startReceiver(floodWith);
    expect(await send(url)).toBeUndefined();
    expect(received).toHaveLength(1);
  });

  it('is sent a second time where the server is ill for a moment', async () => {
    let answers = 0;
    const { url, received } = await startReceiver((response) => {
      answers += 1;
      response.writeHead(answers === 1 ? 503 : 200).end();
    });
    expect(await send(url)).toBeUndefined();
    expect(received).toHaveLength(2);
  });

  it.each([
    { status: 500, times: 2 },
    { status: 404, times: 1 },
    { status: 302, times: 1 },
  ])('is not taken where the answer is $status', async ({ status, times }) => {
    const { url, received } = await startReceiver((response) => {
      response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end();
    });
    expect(await send(url)).toBe(`it was answered with ${status}`);
    expect(received).toHaveLength(times);
  });

  it('is given up where no answer comes in time', async () => {
    const limit = new AbortController();
    const { url } = await startReceiver(() => limit.abort());
    expect(await send(url, limit.signal)).toBe('there was no answer in time');
    expect(await send(url, limit.signal)).toBe('it was not sent: there was no time left');
  });

  it('fails without a word of the address where nobody listens, or whoever does hangs up', async () => {
    const server = createServer((socket) => socket.destroy());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as { port: number };
    const url = `http://127.0.0.1:${port}/s3cret`;
    const [hungUp] = await Promise.all([send(url)]);
    server.close();
    await once(server, 'close');
    const refused = await send(url);
    expect(hungUp).toMatch(/^it could not be sent: /);
    expect(refused).toBe('it could not be sent: ECONNREFUSED');
    expect(`${hungUp}${refused}`).not.toMatch(/s3cret|127\.0/);
    expect(await send('http://127.0.0.1:1/')).toBe('it could not be sent: nothing is sent to that port');
    expect(await send('http://s3cret.invalid/')).not.toContain('s3cret');
  });
});
