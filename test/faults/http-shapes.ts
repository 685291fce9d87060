/** The shapes of hostile requests, and what a server may answer to each. */

export interface Shape {
  readonly name: string;
  /**
   * `refused`: 4xx, or closed without a word. `served`: 200. `at-most-once`: whatever the first request gets, the one that
   * is hidden in it is never answered.
   */
  readonly expected: 'refused' | 'served' | 'at-most-once';
  bytes(random: () => number): Buffer;
}

const HOST = 'Host: localhost\r\n';
const HIDDEN = `GET /healthz HTTP/1.1\r\n${HOST}\r\n`;
const BIG_HEADER_BYTES = 20_000;
const GARBAGE_BYTES_MAX = 4_096;
const PIPELINED = 10;
const PIPELINED_TOO_MANY = 1_500;

const METHODS = ['BREW', 'get', 'PROPFIND', 'DELETE', 'PUT', 'PATCH', 'TRACE', 'CONNECT', 'OPTIONS', 'G\u0000T', ''];
const TARGETS = [
  '//metrics',
  '/metrics/',
  '/metrics/../x',
  '/metrics/../../../../etc/passwd',
  '/metrics/%2e%2e/x',
  '/%00',
  '/%',
  '/%ff%fe',
  '/METRICS',
  '/metrics;x',
  '/metrics%20',
  'metrics',
  '\\metrics',
  'file:///etc/passwd',
  `/${'a'.repeat(7_000)}`,
  '/__proto__',
  '/constructor',
  "/<script>alert('x')</script>",
];

const get = (target: string) => `GET ${target} HTTP/1.1\r\n${HOST}\r\n`;
const withHead = (head: string, body = '') => `POST /metrics HTTP/1.1\r\n${HOST}${head}\r\n\r\n${body}`;

export const SHAPES: readonly Shape[] = [
  ...METHODS.map((method) => refused(`method ${JSON.stringify(method)}`, `${method} /metrics HTTP/1.1\r\n${HOST}\r\n`)),
  ...TARGETS.map((target) => refused(`target ${target.slice(0, 40)}`, get(target))),
  refused('20 kB header', `GET /metrics HTTP/1.1\r\n${HOST}X: ${'x'.repeat(BIG_HEADER_BYTES)}\r\n\r\n`),
  refused('9,000 headers', `GET /metrics HTTP/1.1\r\n${HOST}${'A: b\r\n'.repeat(9_000)}\r\n`),
  refused('20 kB target', get(`/${'x'.repeat(BIG_HEADER_BYTES)}`)),
  refused('too many in one packet', get('/metrics').repeat(PIPELINED_TOO_MANY)),
  refused('half a request line', 'GET /met'),
  refused('half a head', `GET /metrics HTTP/1.1\r\n${HOST}X: `),
  refused('half a body', withHead('Content-Length: 100', 'half')),
  refused('half a chunk', withHead('Transfer-Encoding: chunked', '64\r\nhalf')),
  refused('no host', 'GET /metrics HTTP/1.1\r\n\r\n'),
  refused('foreign name', 'GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n'),
  refused('HTTP/9.9', `GET /metrics HTTP/9.9\r\n${HOST}\r\n`),
  refused('null in a header', `GET /metrics HTTP/1.1\r\n${HOST}X: a\u0000b\r\n\r\n`),
  refused('line end in a header', `GET /metrics HTTP/1.1\r\n${HOST}X: a\rSet-Cookie: b\r\n\r\n`),
  refused('space before the colon', `GET /metrics HTTP/1.1\r\n${HOST}X : a\r\n\r\n`),
  refused('header without a name', `GET /metrics HTTP/1.1\r\n${HOST}: a\r\n\r\n`),
  refused('unknown expectation', withHead('Expect: the-unexpected\r\nContent-Length: 0')),
  refused('100-continue and no body', withHead('Expect: 100-continue\r\nContent-Length: 900')),
  refused('huge length', withHead('Content-Type: application/json\r\nContent-Length: 99999999999')),
  refused('length beyond numbers', withHead(`Content-Length: ${'9'.repeat(40)}`)),
  refused('negative length', withHead('Content-Length: -1')),
  refused('length of no number', withHead('Content-Length: 0x10', 'x'.repeat(16))),
  refused('chunk of no size', withHead('Transfer-Encoding: chunked', 'zz\r\n')),
  refused('chunk too big for numbers', withHead('Transfer-Encoding: chunked', `${'f'.repeat(20)}\r\n`)),
  refused('endless chunk extension', withHead('Transfer-Encoding: chunked', `1;${'x'.repeat(BIG_HEADER_BYTES * 2)}`)),
  refused('body too long', withHead('Content-Type: text/plain\r\nContent-Length: 4096', 'x'.repeat(4_096))),
  refused('broken JSON', withHead('Content-Type: application/json\r\nContent-Length: 5', '{"a":')),
  refused('HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\u0000\u0000\u0000\u0004\u0000\u0000\u0000\u0000\u0000'),
  { name: 'TLS hello', expected: 'refused', bytes: tlsHello },
  { name: 'garbage', expected: 'refused', bytes: garbage },
  { name: 'garbage after a good line', expected: 'refused', bytes: garbageInHead },
  hidden(
    'length and chunked',
    withHead(`Content-Length: ${HIDDEN.length + 5}\r\nTransfer-Encoding: chunked`, `0\r\n\r\n${HIDDEN}`),
  ),
  hidden('chunked and length', withHead('Transfer-Encoding: chunked\r\nContent-Length: 4', `5c\r\n${HIDDEN}`)),
  hidden('two lengths', withHead(`Content-Length: 0\r\nContent-Length: ${HIDDEN.length}`, HIDDEN)),
  hidden('list of lengths', withHead(`Content-Length: 0, ${HIDDEN.length}`, HIDDEN)),
  hidden('signed length', withHead(`Content-Length: +${HIDDEN.length}`, HIDDEN)),
  hidden('chunked, badly written', withHead('Transfer-Encoding: xchunked', `0\r\n\r\n${HIDDEN}`)),
  hidden('chunked, then identity', withHead('Transfer-Encoding: chunked, identity', `0\r\n\r\n${HIDDEN}`)),
  hidden('chunked with a space', withHead('Transfer-Encoding : chunked', `0\r\n\r\n${HIDDEN}`)),
  hidden('chunked, folded', withHead('Transfer-Encoding:\r\n chunked', `0\r\n\r\n${HIDDEN}`)),
  hidden('body of a GET', `GET /metrics HTTP/1.1\r\n${HOST}Content-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`),
  hidden('header injection', get(`/x%0d%0a%0d%0aGET%20/healthz%20HTTP/1.1`)),
  hidden('upgrade', `GET /metrics HTTP/1.1\r\n${HOST}Connection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n`),
  served('plain', `GET /metrics HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`),
  served('head', `HEAD /metrics HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`),
  served('HTTP/1.0', 'GET /metrics HTTP/1.0\r\n\r\n'),
  served('status page', `GET / HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`),
  served('whether it is ready', `GET /readyz HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`),
  served('pipelined', get('/metrics').repeat(PIPELINED)),
];

function refused(name: string, text: string): Shape {
  return { name, expected: 'refused', bytes: () => Buffer.from(text, 'latin1') };
}

function hidden(name: string, text: string): Shape {
  return { name: `hidden request: ${name}`, expected: 'at-most-once', bytes: () => Buffer.from(text, 'latin1') };
}

function served(name: string, text: string): Shape {
  return { name, expected: 'served', bytes: () => Buffer.from(text, 'latin1') };
}

function tlsHello(random: () => number): Buffer {
  const random32 = randomBytesOf(random, 32);
  const body = Buffer.concat([
    Buffer.from([0x03, 0x03]),
    random32,
    Buffer.from([0x00, 0x00, 0x02, 0x13, 0x01, 0x01, 0x00, 0x00, 0x00]),
  ]);
  const handshake = Buffer.concat([Buffer.from([0x01, 0x00, 0x00, body.length]), body]);
  return Buffer.concat([Buffer.from([0x16, 0x03, 0x01, 0x00, handshake.length]), handshake]);
}

function garbage(random: () => number): Buffer {
  return randomBytesOf(random, 1 + Math.floor(random() * GARBAGE_BYTES_MAX));
}

function garbageInHead(random: () => number): Buffer {
  // A byte that no header may hold stands first: chance alone could make a good head.
  const start = Buffer.from(`GET /metrics HTTP/1.1\r\n${HOST}\u0000`, 'latin1');
  return Buffer.concat([start, garbage(random)]);
}

function randomBytesOf(random: () => number, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
}
