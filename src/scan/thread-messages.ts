/** What a scan's helper threads are started with, and what they send back. Plain data only. */

import type { MessagePort } from 'node:worker_threads';
import type { Surroundings } from '../claude-dir/measure.ts';
import type { DirectoryRecords } from './directory-scan.ts';
import type { SharedQueue } from './task-queue.ts';

/** What a helper's thread is started with. Descriptors are the same in all threads of a process. */
export interface ScanThreadTask {
  readonly rootFd: number;
  readonly projectsFd: number;
  readonly surroundings: Surroundings;
  readonly queue: SharedQueue;
  /** Not 0 once it has begun: until then nothing is lost with it. */
  readonly begun: Int32Array;
  readonly port: MessagePort;
}

export type ScanThreadMessage =
  | { readonly type: 'rows'; readonly found: readonly DirectoryRecords[] }
  | { readonly type: 'done' }
  /** `code` is the system's, where it was a system's error. */
  | { readonly type: 'failed'; readonly code: string | undefined; readonly message: string };
