/**
 * Thousands of made-up histories: what befalls hosts, in every order with every job. Nothing that a host wants is lost, and no row of it
 * for good.
 */

import { rmSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freshDirectory } from '../support/place.ts';
import { run } from '../support/process.ts';
import type { Harness, HarnessOptions, HarnessResult } from './harness.ts';
import type { OrdersReport } from './programs/orders-worker.ts';

const HISTORIES = { short: 48, full: 5_000, control: 24 };
const WORKER = fileURLToPath(new URL('./programs/orders-worker.js', import.meta.url));
/** A disk's waits are not what is tried here. */
const MEMORY = '/dev/shm';

export const orders: Harness = { name: 'orders', run: runOrders };

async function runOrders(options: HarnessOptions): Promise<HarnessResult> {
  // Most of it is short waits: for locks, and for the rests that hosts are given.
  const hands = 2 * availableParallelism();
  const share = Math.ceil((options.isShort ? HISTORIES.short : HISTORIES.full) / hands);
  const ours = await together(options, hands, share, 'guarded');
  const control = await together(options, hands, Math.ceil(HISTORIES.control / hands), 'unguarded');
  const lost = control.reduce((sum, { losses }) => sum + losses.length, 0);
  const rowsLost = Math.max(...control.map((report) => report.rowsLost));
  return {
    cases: ours.reduce((sum, { histories }) => sum + histories, 0),
    failures: ours.flatMap(({ losses }) => losses),
    control: `no guard asked: ${lost} lost; nothing written down: ${rowsLost} rows lost`,
    isControlCaught: lost > 0 && rowsLost > 0,
    figures: `${ours.reduce((sum, { jobs }) => sum + jobs, 0)} jobs among them`,
  };
}

async function together(
  { directory, seed }: HarnessOptions,
  hands: number,
  histories: number,
  kind: 'guarded' | 'unguarded',
): Promise<readonly OrdersReport[]> {
  const inMemory = statSync(MEMORY, { throwIfNoEntry: false })?.isDirectory() === true;
  const place = inMemory ? join(MEMORY, `sweeper-orders-${process.pid}-${kind}`) : join(directory, kind);
  const hand = async (_: unknown, number: number): Promise<OrdersReport> => {
    const own = freshDirectory(place, String(number));
    const args = [WORKER, own, seed + number, hands, histories, kind].map(String);
    const exit = await run(process.execPath, args);
    if (exit.code !== 0) throw new Error(`worker ${number} ended with ${exit.code}: ${exit.stderr.slice(0, 2_000)}`);
    return JSON.parse(exit.stdout) as OrdersReport;
  };
  try {
    return await Promise.all(Array.from({ length: hands }, hand));
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}
