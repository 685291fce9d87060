/** The attackers: crowds that hold connections, and single hostile requests whose answers are judged. Reports when it is through. */

import { connect, type Socket } from 'node:net';
import { seededRandom } from '../../support/samples.ts';
import { SHAPES, type Shape } from '../http-shapes.ts';

export interface AttackOptions {
  readonly port: number;
  readonly seed: number;
  readonly durationMs: number;
  readonly slow: number;
  readonly idle: number;
  readonly unread: number;
}

export interface AttackReport {
  readonly connections: number;
  readonly shots: number;
  /** The longest that a connection was held that never sent a whole request. */
  readonly heldMsMax: number;
  /** Connections that the crowds held at the end. */
  readonly heldAtEnd: number;
  readonly failures: readonly string[];
}

const TICK_MS = 10;
/** As slowhttptest does by default or more; each crowd by itself. */
const OPENED_PER_TICK = 2;
const DRIP_INTERVAL_MS = 1_000;
const SHOT_DEADLINE_MS = 15_000;
/** What is still to come after an answer comes by then. */
const SETTLE_MS = 500;
const FAILURES_MAX = 40;
const UNREAD_REQUESTS = 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(16);
const LEAKS = [
  /\n\s+at .+:\d+/,
  /[Ee]rror: /,
  /node_modules|\/(?:tmp|home|root|usr|var|srv|etc)\//,
  /ERR_|HPE_/i,
  /^(?:server|x-powered-by|via):/im,
  /node\/?\s*v?\d+\.\d+/i,
];

const options = JSON.parse(process.argv[2] ?? '{}') as AttackOptions;
const random = seededRandom(options.seed);
const failures: string[] = [];
const held = new Map<Socket, number>();
const open = new Set<Socket>();
let [connections, shots, heldMsMax] = [0, 0, 0];

const startedAt = performance.now();
const crowds = [crowd(options.slow, drip), crowd(options.idle, noteHeld), crowd(options.unread, leaveUnread)];
const timer = setInterval(() => {
  if (performance.now() - startedAt > options.durationMs) {
    clearInterval(timer);
    finish();
    return;
  }
  for (const fill of crowds) fill();
  shoot(SHAPES[Math.floor(random() * SHAPES.length)] as Shape);
}, TICK_MS);

function finish(): void {
  const now = performance.now();
  for (const since of held.values()) heldMsMax = Math.max(heldMsMax, now - since);
  const report: AttackReport = { connections, shots, heldMsMax, heldAtEnd: held.size, failures };
  for (const socket of open) socket.destroy();
  process.send?.(report, () => process.exit(0));
}

function fail(sentence: string): void {
  if (failures.length < FAILURES_MAX) failures.push(sentence);
}

function opened(): Socket {
  connections += 1;
  const socket = connect(options.port, '127.0.0.1');
  open.add(socket);
  socket.on('error', () => undefined);
  socket.on('close', () => open.delete(socket));
  return socket;
}

/** Keeps up a crowd of connections; those that are closed are opened anew. */
function crowd(size: number, begin: (socket: Socket) => void): () => void {
  const members = new Set<Socket>();
  return () => {
    for (let number = 0; number < OPENED_PER_TICK && members.size < size; number += 1) {
      const socket = opened();
      members.add(socket);
      socket.on('connect', () => begin(socket));
      socket.on('close', () => members.delete(socket));
    }
  };
}

/** Notes how long the server puts up with a connection that never comes to a whole request. */
function noteHeld(socket: Socket): void {
  const since = performance.now();
  held.set(socket, since);
  // A parting word that nobody reads would keep the connection in being.
  socket.resume();
  socket.on('close', () => {
    held.delete(socket);
    heldMsMax = Math.max(heldMsMax, performance.now() - since);
  });
}

/** Slowloris: a head that never ends. */
function drip(socket: Socket): void {
  noteHeld(socket);
  socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n');
  const dripping = setInterval(() => socket.write(`X-${Math.floor(random() * 1e6)}: b\r\n`), DRIP_INTERVAL_MS);
  socket.on('close', () => clearInterval(dripping));
}

/** Asks for as much as it may, and reads none of it. */
function leaveUnread(socket: Socket): void {
  socket.pause();
  socket.write(UNREAD_REQUESTS);
}

function shoot(shape: Shape): void {
  shots += 1;
  const socket = opened();
  let answer = '';
  let settling: NodeJS.Timeout | undefined;
  const deadline = setTimeout(() => {
    if (answer === '') fail(`${shape.name}: neither answered nor closed in ${SHOT_DEADLINE_MS} ms`);
    socket.destroy();
  }, SHOT_DEADLINE_MS);
  socket.on('connect', () => socket.write(shape.bytes(random)));
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    answer += chunk;
    clearTimeout(settling);
    settling = setTimeout(() => socket.destroy(), SETTLE_MS);
  });
  socket.on('close', () => {
    clearTimeout(deadline);
    clearTimeout(settling);
    for (const fault of answerFaults(shape, answer)) fail(`${shape.name}: ${fault}`);
  });
}

function answerFaults({ expected }: Shape, answer: string): string[] {
  const statuses = Array.from(answer.matchAll(/HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n/g), ([, status]) => Number(status));
  const final = statuses.filter((status) => status >= 200);
  const faults: string[] = [];
  if (answer !== '' && statuses.length === 0) faults.push(`answered ${JSON.stringify(answer.slice(0, 80))}`);
  if (expected === 'refused' && final.some((status) => status < 400 || status >= 500)) {
    faults.push(`answered ${final.join(', ')}`);
  }
  if (expected === 'served' && final[0] !== 200) faults.push(`answered ${final[0] ?? 'nothing'}`);
  if (expected === 'at-most-once' && (answer.includes('"status":"ok"') || final.some((status) => status >= 500))) {
    faults.push(`the hidden request was answered: ${final.join(', ')}`);
  }
  return [...faults, ...leaksIn(answer)];
}

/** Of a good answer only the head; its body is for those who may see it. */
function leaksIn(answer: string): string[] {
  const shown = answer
    .split(/(?=HTTP\/1\.1 \d{3} )/)
    .map((part) => (part.startsWith('HTTP/1.1 200') ? (part.split('\r\n\r\n')[0] ?? '') : part))
    .join('');
  return LEAKS.filter((leak) => leak.test(shown)).map(
    (leak) => `${leak} in the answer ${JSON.stringify(shown.slice(0, 300))}`,
  );
}
