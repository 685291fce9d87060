/**
 * Lets the native part look at directories, several at a time, and has done here what it hands back: what it claims to know is what a
 * scan by Node's calls would find.
 */

import { constants } from 'node:os';
import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { callNatively, type NativeAnswer, type NativePart, severalAtATime } from '../files/native-part.ts';
import { type DirectoryRecords, DirectoryScanner } from './directory-scan.ts';
import { type DirectoryTask, directoryOf, mayBePart } from './directory-task.ts';
import { type NativeTold, nativeRequest, readAnswer } from './native-request.ts';
import type { TaskQueue } from './task-queue.ts';

type Take = (found: DirectoryRecords) => void;

const STOP_POLL_MS = 50;
/** A call is asked for some thousand entries at a time, in so many directories at most. */
const CALL_BYTES = 1 << 17;
const CALL_TASKS_MAX = 64;

export class NativeScan {
  readonly #native: NativePart;
  readonly #claudeDir: ClaudeDir;
  readonly #queue: TaskQueue;
  readonly #scanner: DirectoryScanner;
  readonly #stop = new Int32Array(1);

  constructor(native: NativePart, claudeDir: ClaudeDir, queue: TaskQueue) {
    this.#native = native;
    this.#claudeDir = claudeDir;
    this.#queue = queue;
    this.#scanner = new DirectoryScanner(claudeDir.root, claudeDir.projects, claudeDir.surroundings);
  }

  /**
   * @param shouldStop asked before each directory is taken, and now and then meanwhile
   * @throws the system's error where the process itself ran out of descriptors or memory
   */
  async run(take: Take, shouldStop: () => Promise<boolean>): Promise<void> {
    const poll = setInterval(() => void shouldStop().then((isToStop) => isToStop && this.#end()), STOP_POLL_MS);
    try {
      await severalAtATime(() => this.#calls(take, shouldStop));
    } finally {
      clearInterval(poll);
    }
  }

  /** The same in this thread alone. */
  runHere(take: Take): void {
    for (let tasks = this.#nextTasks(); tasks.length > 0; tasks = this.#nextTasks()) {
      const natively = tasks.filter((task) => this.#isPlain(task));
      const { words, names } = this.#request(natively);
      for (const found of this.#found(tasks, natively, this.#native.scanHere(words, names, this.#stop))) take(found);
    }
  }

  async #calls(take: Take, shouldStop: () => Promise<boolean>): Promise<void> {
    try {
      for (let tasks = this.#nextTasks(); tasks.length > 0; tasks = this.#nextTasks()) {
        if (await shouldStop()) return this.#end();
        const natively = tasks.filter((task) => this.#isPlain(task));
        const { words, names } = this.#request(natively);
        const answer = await callNatively(this.#native, 'scan', words, names, this.#stop);
        if (this.#stop[0] !== 0) return;
        for (const found of this.#found(tasks, natively, answer)) {
          if (await shouldStop()) return this.#end();
          take(found);
        }
      }
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  /** Nobody gets another task, and what is being looked at is left. */
  #end(): void {
    this.#queue.stop();
    this.#stop[0] = 1;
  }

  #nextTasks(): DirectoryTask[] {
    const tasks: DirectoryTask[] = [];
    let bytes = 0;
    while (bytes < CALL_BYTES && tasks.length < CALL_TASKS_MAX) {
      const task = this.#queue.next();
      if (task === undefined) break;
      tasks.push(task);
      bytes += task.bytes;
    }
    return tasks;
  }

  #request(tasks: readonly DirectoryTask[]) {
    const { root, projects, surroundings } = this.#claudeDir;
    return nativeRequest(tasks, surroundings, { rootFd: root.fd, projectsFd: projects.fd });
  }

  /** Where something is mounted in a directory or on the way to it, paths have to be looked at. */
  #isPlain(task: DirectoryTask): boolean {
    const { mountPoints } = this.#claudeDir.surroundings;
    if (mountPoints.size === 0) return true;
    const path = `${directoryOf(task).join('/')}/`;
    for (const mountPoint of mountPoints) {
      if (path.startsWith(`${mountPoint}/`) || mountPoint.startsWith(path)) return false;
    }
    return true;
  }

  *#found(
    tasks: readonly DirectoryTask[],
    natively: readonly DirectoryTask[],
    answer: NativeAnswer,
  ): Generator<DirectoryRecords> {
    const told = readAnswer(answer);
    const isNatively = new Set(natively);
    for (const task of tasks) {
      const next = isNatively.has(task) ? told.next() : undefined;
      if (next?.done) throw new Error('the native part did not tell of every task');
      if (next === undefined) yield this.#scanner.scan(task);
      else yield* this.#complete(task, next.value);
    }
  }

  /** What it says is left aside where another directory stands there now, as it would be in part of this and in part of that one. */
  *#complete(task: DirectoryTask, told: NativeTold): Generator<DirectoryRecords> {
    if (told.error === constants.errno.ECANCELED) throw new Error('a scan was stopped that is to go on');
    const others = told.others.filter((entry) => mayBePart(task, entry));
    const found = others.length === 0 ? [] : this.#scanner.scanEntries(task, told.inode, others);
    if (told.error !== 0 || found === undefined) {
      yield this.#scanner.scan(task);
      return;
    }
    yield {
      project: task.kind === 'project' ? task.project : undefined,
      place: task.kind === 'project' ? undefined : task.place,
      entries: told.entries,
      buffer: told.buffer,
      count: told.count,
      irregular: [],
      links: told.links,
      isRead: true,
      faults: [],
    };
    yield* found;
  }
}
