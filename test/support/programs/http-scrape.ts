/**
 * A good scraper: `http-scrape.js PORT [INTERVAL_MS]`. It asks for /metrics, ten times a second if nothing else is said, by turns on
 * a connection of its own and on one that it keeps, and answers the message `take` with what it has seen since the last one. Each time it
 * asks a server in a thread of its own as well, which has nothing else to do: that one is only ever as slow as the machine.
 */

import { Agent, createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { metricsFault, seriesValue } from '../prometheus-text.ts';

export interface Scrape {
  readonly ms: number;
  readonly isPruning: boolean;
}

export interface Scrapes {
  readonly scrapes: readonly Scrape[];
  readonly failures: readonly string[];
  /** How long a server took that has nothing else to do. */
  readonly idleMs: readonly number[];
  readonly sockets: number;
}

const DEFAULT_INTERVAL_MS = 100;
const TIMEOUT_MS = 5_000;

const port = Number(process.argv[2]);
const kept = new Agent({ keepAlive: true, maxSockets: 1 });
let scrapes: Scrape[] = [];
let failures: string[] = [];
let idleMs: number[] = [];
let sockets = 0;
let turn = 0;

if (isMainThread) {
  process.on('message', () => {
    const taken: Scrapes = { scrapes, failures, idleMs, sockets };
    [scrapes, failures, idleMs] = [[], [], []];
    process.send?.(taken);
  });
  process.on('disconnect', () => process.exit());
  new Worker(new URL(import.meta.url), { argv: process.argv.slice(2) }).once('message', (idlePort: number) => {
    setInterval(() => askIdle(idlePort), Number(process.argv[3] ?? DEFAULT_INTERVAL_MS));
  });
  setInterval(scrape, Number(process.argv[3] ?? DEFAULT_INTERVAL_MS));
} else {
  const server = createServer((_request, response) => response.end('idle'));
  server.listen(0, '127.0.0.1', () => parentPort?.postMessage((server.address() as AddressInfo).port));
}

function askIdle(idlePort: number): void {
  const startedAt = performance.now();
  const request = get({ host: '127.0.0.1', port: idlePort, agent: false }, (response) => {
    response.resume().on('end', () => idleMs.push(performance.now() - startedAt));
  });
  // As slow as a machine can be; what fails tells nothing of the server that is scraped.
  request.on('error', () => undefined);
}

function scrape(): void {
  turn += 1;
  const startedAt = performance.now();
  const agent = turn % 2 === 0 ? kept : false;
  const fail = (why: string) => {
    failures.push(`a scrape ${agent === false ? 'on a new connection' : 'on a kept connection'} failed: ${why}`);
  };
  const request = get({ host: '127.0.0.1', port, path: '/metrics', agent, timeout: TIMEOUT_MS }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    response.on('error', (error) => fail(error.message));
    response.on('end', () => {
      const ms = performance.now() - startedAt;
      const isPruning = seriesValue(text, 'session_sweeper_run_in_progress{job="prune-transcripts"}') === 1;
      scrapes.push({ ms, isPruning });
      sockets = seriesValue(text, 'nodejs_active_resources{type="TCPSocketWrap"}') ?? 0;
      const fault = response.statusCode === 200 ? metricsFault(text) : `status ${response.statusCode}`;
      if (fault !== undefined) fail(fault);
    });
  });
  request.on('timeout', () => request.destroy(new Error(`no answer in ${TIMEOUT_MS} ms`)));
  request.on('error', (error) => fail(error.message));
}
