/**
 * addon-use ADDON SCAN LOOK ROUNDS END: has the addon do requests, a scan's and a look's, of which the open directories are the descriptors 3 and 4, many times at
 * once, with arguments that are none between, and from a thread that is ended in the midst. With `early` as END, it exits while scans go on.
 */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { NativePart } from '../../../src/files/native-part.ts';

const [addon = '', scanFile = '', lookFile = '', rounds = '', end = ''] =
  (workerData as string[] | null) ?? process.argv.slice(2);
const part = createRequire(import.meta.url)(addon) as NativePart;
const [words, names] = requestIn(scanFile);
const look = requestIn(lookFile);
const NONE: readonly unknown[] = [undefined, 1, {}, new Uint8Array(0), new Int32Array(0), new Uint32Array(3)];

for (let round = 0; round < Number(rounds); round += 1) {
  const stop = new Int32Array(1);
  const scans = Array.from({ length: 8 }, (_, index) => {
    return index % 2 === 0 ? part.scan(words, names, stop) : part.look(...look, stop);
  });
  refuse(round);
  callAtRandom(round);
  part.scanHere(words, names, new Int32Array(1));
  refuseMoves(round);
  if (round % 2 === 0) stop[0] = 1;
  await Promise.all(scans);
  if (!isMainThread && round === 0) parentPort?.postMessage('begun');
  else if (isMainThread && round % 10 === 0) await endAThread();
}
for (let more = 0; more < 8; more += 1) void part.scan(words, names, new Int32Array(1));
void part.look(...look, new Int32Array(1));
if (end === 'early') process.exit(0);

function requestIn(file: string): readonly [Uint32Array, Uint8Array] {
  const bytes = readFileSync(file);
  const count = bytes.readUInt32LE(0);
  const words = new Uint32Array(bytes.buffer.slice(bytes.byteOffset + 4, bytes.byteOffset + 4 * (count + 1)));
  return [words, new Uint8Array(bytes.subarray(4 * (count + 1)))];
}

function refuse(round: number): void {
  const one = NONE[round % NONE.length];
  const calls = part as unknown as { scanHere(...args: readonly unknown[]): unknown };
  for (const args of [[one], [one, names, new Int32Array(1)], [words, one, new Int32Array(1)], [words, names, one]]) {
    try {
      calls.scanHere(...args);
    } catch {
      continue;
    }
    throw new Error(`it took ${args.map(String).join(', ')} for a request`);
  }
}

function refuseMoves(round: number): void {
  const calls = part as unknown as { move(...args: readonly unknown[]): unknown };
  const one = NONE[round % NONE.length];
  for (const args of [
    [one],
    [words, names, one],
    [one, names, new Uint32Array(3)],
    [words, names, new Uint32Array(1)],
  ]) {
    if (tried(() => calls.move(...args) ?? 'done') === 'done') throw new Error('it took what is no request for a move');
  }
}

/** Single calls with what may be none of their arguments: they refuse, or fail, and touch nothing else. */
function callAtRandom(round: number): void {
  const calls = part as unknown as Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;
  const some = [3, 4, 1_000_000, -1, 0.5, 'a', '', 'a/b', '..', 'n'.repeat(255), 'n'.repeat(256), 'n'.repeat(100_000)];
  const more = [new Float64Array(10), new Float64Array(9), Buffer.alloc(100), Buffer.alloc(0), {}, null, 0o200000];
  const all: readonly unknown[] = [...NONE, ...some, ...more];
  // What a call opens is closed: the round after it must find as much room.
  for (const name of ['openAt', 'lookAt', 'lookAtOpen', 'read', 'readEntries', 'rewind']) {
    for (const [index, one] of all.entries()) {
      const args = [one, all[(index * 7 + round) % all.length], all[(index * 3 + round * 5) % all.length]];
      for (let count = 0; count <= args.length; count += 1) {
        const result = tried(() => calls[name]?.(...args.slice(0, count)));
        if (name === 'openAt' && typeof result === 'number' && result >= 0) part.close(result);
      }
    }
  }
}

function tried(call: () => unknown): unknown {
  try {
    return call();
  } catch {
    return undefined;
  }
}

async function endAThread(): Promise<void> {
  const thread = new Worker(new URL(import.meta.url), { workerData: [addon, scanFile, lookFile, '1000000', ''] });
  await new Promise((resolve) => thread.once('message', resolve));
  await thread.terminate();
}
