/** The other threads of a scan, as the thread that asked for it sees them. */

import { availableParallelism } from 'node:os';
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { errnoError } from '../errors.ts';
import type { DirectoryRecords } from './directory-scan.ts';
import type { TaskQueue } from './task-queue.ts';
import type { ScanThreadMessage, ScanThreadTask } from './thread-messages.ts';

type Take = (found: DirectoryRecords) => void;

/** More threads than this wait for the disk, or for each other. */
const THREADS_MAX = 4;
const STOP_POLL_MS = 50;
/** Most of what it makes is garbage at once; all the names of a directory are not. */
const LIMITS = { maxYoungGenerationSizeMb: 4 };

export class ScanThreads {
  readonly #threads: readonly ScanThread[];

  private constructor(threads: readonly ScanThread[]) {
    this.#threads = threads;
  }

  /** One for each processor but this thread's own. */
  static start(queue: TaskQueue, claudeDir: ClaudeDir): ScanThreads {
    const count = Math.min(availableParallelism(), THREADS_MAX) - 1;
    return new ScanThreads(Array.from({ length: count }, () => new ScanThread(queue, claudeDir)));
  }

  /** Takes what they have sent so far; this thread need not come to rest for it. */
  drain(take: Take): void {
    for (const thread of this.#threads) thread.drain(take);
  }

  /**
   * Waits until they are through with what they have in hand, and takes it.
   * @param onPoll called now and then meanwhile
   * @throws what ended one of them
   */
  async end(take: Take, onPoll: () => void): Promise<void> {
    const poll = setInterval(onPoll, STOP_POLL_MS);
    try {
      const ends = await Promise.allSettled(this.#threads.map((thread) => thread.end(take)));
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    } finally {
      clearInterval(poll);
    }
  }
}

class ScanThread {
  readonly #port: MessagePort;
  readonly #begun = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #closed: Promise<void>;
  #isDone = false;
  #failure: Error | undefined;

  constructor(queue: TaskQueue, { root, projects, surroundings }: ClaudeDir) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const task: ScanThreadTask = {
      rootFd: root.fd,
      projectsFd: projects.fd,
      surroundings,
      queue: queue.shared,
      begun: this.#begun,
      port: port2,
    };
    const worker = new Worker(new URL('./scan-thread.js', import.meta.url), {
      workerData: task,
      transferList: [port2],
      resourceLimits: LIMITS,
    });
    worker.on('error', (error) => {
      this.#failure ??= error;
    });
    this.#closed = new Promise((resolve) => worker.on('exit', () => resolve()));
  }

  drain(take: Take): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#port) as { readonly message: ScanThreadMessage } | undefined;
      if (received === undefined) return;
      this.#receive(received.message, take);
    }
  }

  async end(take: Take): Promise<void> {
    await this.#closed;
    this.drain(take);
    this.#port.close();
    // One that could not be started costs speed alone: its tasks were taken by others.
    if (this.#isDone || Atomics.load(this.#begun, 0) === 0) return;
    throw this.#failure ?? new Error('a thread of the scan ended before its work was done');
  }

  #receive(message: ScanThreadMessage, take: Take): void {
    if (message.type === 'rows') for (const found of message.found) take(found);
    else if (message.type === 'done') this.#isDone = true;
    else
      this.#failure =
        message.code === undefined ? new Error(message.message) : errnoError(message.code, message.message);
  }
}
