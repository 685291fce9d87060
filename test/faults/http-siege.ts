/** A server under attack, from its start to its end, and what was seen of it meanwhile. */

import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { addressOf, forked, killed, type Running, start } from '../support/process.ts';
import type { Scrapes } from '../support/programs/http-scrape.ts';
import { seededRandom } from '../support/samples.ts';
import { Scraper } from '../support/scraper.ts';
import { until } from '../support/wait.ts';
import type { AttackOptions, AttackReport } from './programs/http-attack.ts';

const ATTACK = new URL('./programs/http-attack.js', import.meta.url);
const POLL_INTERVAL_MS = 100;
const CROWDS = { slow: 400, idle: 1_000, unread: 50 };
const HANGING_AT_THE_END = 400;
export const QUIET_MS = 1_500;
export const EXIT_MAX_MS = 5_000;
const CONNECT_MAX_MS = 3_000;
const SETTLED_AFTER_MS = 10_000;
/** What a job opens and closes as it goes. */
const DESCRIPTORS_SLACK = 40;
const SOCKETS_SLACK = 8;
const RSS_GROWTH_MAX_MB = 128;

/** A server to attack. */
export interface Target {
  readonly command: readonly string[];
  readonly attackMs: number;
  /** In how much of the attack it has to be at a prune, by what its metrics say; undefined where they say nothing of it. */
  readonly pruningShareMin: number | undefined;
  /** How long one scrape in a hundred may take. */
  readonly p99MaxMs: number;
}

export interface ProcessState {
  readonly descriptors: number;
  readonly sockets: number;
  readonly rssMb: number;
}

export interface Siege {
  readonly attack: AttackReport;
  readonly quiet: Scrapes;
  readonly besieged: Scrapes;
  readonly before: ProcessState;
  readonly after: ProcessState;
  readonly rssMbMax: number;
  /** How much of the attack's time the main thread was at work. */
  readonly busyShare: number;
  readonly exitCode: number | null;
  readonly exitMs: number;
  readonly log: string;
  readonly seconds: number;
}

export async function besiege(target: Target, seed: number): Promise<Siege> {
  const startedAt = performance.now();
  const server = start(process.execPath, target.command, { stdio: ['ignore', 'ignore', 'pipe'] });
  const children: Running[] = [server];
  let stopWatching = () => {};
  try {
    const { pid } = server;
    const address = await addressOf(server);
    const port = Number(new URL(address).port);
    const scraper = new Scraper(address);
    children.push(scraper.process);
    if (target.pruningShareMin !== undefined) await untilPruning(scraper);
    await scraper.take();
    await sleep(QUIET_MS);
    const quiet = await scraper.take();
    const before = stateOf(pid, quiet);
    const attackOptions: AttackOptions = { port, seed, durationMs: target.attackMs, ...CROWDS };
    const attacker = forked(ATTACK, [JSON.stringify(attackOptions)]);
    children.push(attacker);
    const watch = watchProcess(pid);
    stopWatching = watch.stop;
    const attack = (await attacker.message()) as AttackReport;
    const { rssMbMax, busyShare } = watch.seen();
    const besieged = await scraper.take();
    const after = await settledState(pid, scraper, before);
    const { exitCode, exitMs } = await endAmongHanging(server, port, seed);
    const seconds = (performance.now() - startedAt) / 1_000;
    return {
      attack,
      quiet,
      besieged,
      before,
      after,
      rssMbMax,
      busyShare,
      exitCode,
      exitMs,
      log: server.log(),
      seconds,
    };
  } finally {
    stopWatching();
    await Promise.all(children.map(killed));
  }
}

async function untilPruning(scraper: Scraper): Promise<void> {
  await until('a prune', async () => (await scraper.take()).scrapes.at(-1)?.isPruning);
}

function stateOf(pid: number, { sockets }: Scrapes): ProcessState {
  const descriptors = existsSync(`/proc/${pid}/fd`) ? readdirSync(`/proc/${pid}/fd`).length : 0;
  return { descriptors, sockets, rssMb: rssMbOf(pid) };
}

function rssMbOf(pid: number): number {
  const kilobytes = /VmRSS:\s+(\d+)/.exec(textOf(`/proc/${pid}/status`))?.[1];
  return Math.round(Number(kilobytes ?? 0) / 1_024);
}

interface ProcessWatch {
  seen(): Pick<Siege, 'rssMbMax' | 'busyShare'>;
  stop(): void;
}

function watchProcess(pid: number): ProcessWatch {
  let rssMbMax = 0;
  const [startedAt, busyBeforeMs] = [performance.now(), mainThreadBusyMs(pid)];
  const timer = setInterval(() => {
    rssMbMax = Math.max(rssMbMax, rssMbOf(pid));
  }, POLL_INTERVAL_MS);
  return {
    seen: () => ({ rssMbMax, busyShare: (mainThreadBusyMs(pid) - busyBeforeMs) / (performance.now() - startedAt) }),
    stop: () => clearInterval(timer),
  };
}

const CLOCK_TICK_MS = 10;

function mainThreadBusyMs(pid: number): number {
  // Behind the name, which may hold anything, the times in user and system mode are the 12th and 13th.
  const fields = textOf(`/proc/${pid}/task/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * CLOCK_TICK_MS;
}

/** Empty where the process is gone, which other checks report. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** What is left once the attackers have gone; where it does not come down to what it was, what it is at last. */
async function settledState(pid: number, scraper: Scraper, before: ProcessState): Promise<ProcessState> {
  const deadline = performance.now() + SETTLED_AFTER_MS;
  for (;;) {
    await sleep(3 * POLL_INTERVAL_MS);
    const now = stateOf(pid, await scraper.take());
    if (leakFaults(before, now).length === 0 || performance.now() > deadline) return now;
  }
}

/** SIGTERM, while connections hang that will never say another word. */
async function endAmongHanging(server: Running, port: number, seed: number) {
  const random = seededRandom(seed);
  const hanging = Array.from({ length: HANGING_AT_THE_END }, (): Socket => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write('GET /metrics HTTP/1.1\r\nX: '.slice(0, Math.floor(random() * 30)));
    });
    return socket.on('error', () => undefined);
  });
  await Promise.race([
    Promise.all(hanging.map((socket) => once(socket, 'connect').catch(() => undefined))),
    sleep(CONNECT_MAX_MS),
  ]);
  const startedAt = performance.now();
  server.kill('SIGTERM');
  await Promise.race([server.exit, sleep(2 * EXIT_MAX_MS, undefined, { ref: false })]);
  const exitMs = performance.now() - startedAt;
  for (const socket of hanging) socket.destroy();
  return { exitCode: server.child.exitCode, exitMs };
}

/** What the attack has left behind. */
export function leakFaults(before: ProcessState, after: ProcessState): string[] {
  const faults: string[] = [];
  if (after.descriptors > before.descriptors + DESCRIPTORS_SLACK) {
    faults.push(`${after.descriptors} descriptors are open after the attack, ${before.descriptors} before`);
  }
  if (after.sockets > before.sockets + SOCKETS_SLACK) {
    faults.push(`${after.sockets} sockets are open after the attack, ${before.sockets} before`);
  }
  if (after.rssMb > before.rssMb + RSS_GROWTH_MAX_MB) {
    faults.push(`${after.rssMb} MB are resident after the attack, ${before.rssMb} before`);
  }
  return faults;
}
