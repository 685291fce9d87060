/** A real server that says which sessions are live, and everything that can be wrong with what it says. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { SessionId } from '../../../src/claude-dir/session-id.ts';
import type { HttpSettings } from '../../../src/config/source-settings.ts';
import { asJson, asLines, PATIENCE_MS, type Workshop } from './kinds.ts';

export type Respond = (request: IncomingMessage, response: ServerResponse) => void;

/** Serves until the test has ended. @returns its origin */
export function serve(respond: Respond): string {
  return serveWith(createServer(respond));
}

function serveWith(server: Server): string {
  // Without a host it listens at once.
  server.listen(0);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const IMPATIENCE_MS = 100;
const JSON_TYPE = { 'content-type': 'application/json' };

export function httpKind(): Workshop {
  const settings: { -readonly [K in keyof HttpSettings]: HttpSettings[K] } = {
    kind: 'http',
    name: 'dispatcher',
    url: 'http://127.0.0.1:1/',
    timeout: PATIENCE_MS,
  };
  let named: readonly SessionId[] = [];
  let respond: Respond = (_, response) => response.end(asJson(named));
  const answers = (answer: Respond) => () => {
    respond = answer;
  };
  const whole = (body: string, status = 200, headers: Readonly<Record<string, string>> = {}) =>
    answers((_, response) => response.writeHead(status, { ...JSON_TYPE, ...headers }).end(body));
  const impatient = (answer: Respond) => () => {
    respond = answer;
    settings.timeout = IMPATIENCE_MS;
  };
  return {
    settings,
    name: (ids) => {
      named = ids;
      if (settings.url.endsWith(':1/')) settings.url = serve((request, response) => respond(request, response));
    },
    faults: {
      'nowhere to be reached': () => {
        settings.url = 'http://127.0.0.1:1/';
      },
      broken: whole('[]', 500),
      'asking for a password': whole('[]', 401),
      'without an answer': answers((_, response) => response.writeHead(204).end()),
      empty: whole(''),
      'a part of an answer': whole('[]', 206),
      'unchanged since an answer that was never given': answers((_, response) => response.writeHead(304).end()),
      'of the wrong type': whole('<html>Please log in</html>'),
      'one page of several, as its head says': whole('[]', 200, { link: '</live?page=2>; rel="next"' }),
      'one page of several, in another form': whole('[]', 200, { link: '</live?page=2>; rel = "last next"' }),
      'one page of several, as its body says': whole('{"sessions": [], "complete": true, "next": 2}'),
      'not complete, as it says': whole('{"sessions": [], "complete": false}'),
      'compressed unasked': whole('[]', 200, { 'content-encoding': 'br' }),
      'cut off, with its length': answers((_, response) => {
        response.writeHead(200, { 'content-length': '1000' }).write('[]');
        response.socket?.end();
      }),
      'cut off, in pieces': answers((_, response) => {
        response.write('[]');
        setImmediate(() => response.socket?.destroy());
      }),
      'lines whose end is that of the connection': answers((_, response) => {
        response.socket?.end(`HTTP/1.0 200 OK\r\n\r\n${named.join('\n')}\n`);
      }),
      'cut off in its JSON': answers((_, response) => response.end(asJson(named).slice(0, -1))),
      'shorter than its lines say': answers((_, response) => response.end(asLines(named).replace('end 2', 'end 3'))),
      'no text': answers((_, response) => response.end(Buffer.from([0xff, 0xfe, 0x00]))),
      'leading in a circle': answers((_, response) => response.writeHead(302, { location: '/again' }).end()),
      'leading to a file': answers((_, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end()),
      'leading nowhere': answers((_, response) => response.writeHead(302).end()),
      huge: answers((_, response) => pour(response)),
      'killed in mid-answer': answers((request) => void request.socket.destroy()),
      'silent for ever': impatient(() => undefined),
      'slow without end': impatient((_, response) => {
        const drip = setInterval(() => response.write(' '), 10);
        response.once('close', () => clearInterval(drip));
      }),
    },
  };
}

/** For as long as somebody takes it. */
function pour(response: ServerResponse): void {
  const piece = Buffer.alloc(2 ** 20, ' ');
  const more = () => {
    while (!response.destroyed && response.write(piece));
  };
  response.on('drain', more);
  more();
}
