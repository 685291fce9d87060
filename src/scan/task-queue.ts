/** The directories of a scan, of which each thread takes the next when it is through with one. */

import type { DirectoryTask } from './directory-task.ts';

/** What threads share of a queue; plain data. */
export interface SharedQueue {
  readonly tasks: readonly DirectoryTask[];
  /** The number of the next task; past the last when all are taken. */
  readonly next: Int32Array;
}

export class TaskQueue {
  readonly shared: SharedQueue;

  constructor(shared: SharedQueue) {
    this.shared = shared;
  }

  static of(tasks: readonly DirectoryTask[]): TaskQueue {
    return new TaskQueue({ tasks, next: new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) });
  }

  /** Undefined when all are taken. */
  next(): DirectoryTask | undefined {
    const { tasks, next } = this.shared;
    return tasks[Atomics.add(next, 0, 1)];
  }

  /** Whether all are taken. */
  get isEmpty(): boolean {
    return Atomics.load(this.shared.next, 0) >= this.shared.tasks.length;
  }

  /** Lets nobody have another. */
  stop(): void {
    Atomics.store(this.shared.next, 0, this.shared.tasks.length);
  }
}
