/**
 * A machine whose clocks are turned by hand: the wall clock (libfaketime), the time since boot (what /proc says of it) and the
 * monotonic clock that timers wait for. True time is what a wall clock would show that is never wrong.
 */

import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { compile, gccMissing } from '../support/compile.ts';
import { hasEnded, isWorking, type Running, sendSignal, start, withDescendants } from '../support/process.ts';
import { until } from '../support/wait.ts';

const FAKETIME_LIBRARY = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/faketime/libfaketime.so.1`;

/** What the process sees of the machine is mounted over /proc; and what libfaketime leaves in /dev/shm dies with it. */
const INTO_MACHINE = [
  'mount -t tmpfs tmpfs /dev/shm',
  'mount --bind "$1/uptime" /proc/uptime',
  'mount --bind "$1/boot-id" /proc/sys/kernel/random/boot_id',
  'export LD_PRELOAD="$2"',
  'shift 2',
  'exec "$@"',
].join('\n');

export function machineMissing(): string | undefined {
  if (!existsSync(FAKETIME_LIBRARY)) return 'libfaketime is not installed (apt-get install faketime)';
  const canMount = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/dev/shm']).status === 0;
  return canMount ? gccMissing() : 'it takes root, or whoever else may mount';
}

/** @returns the path of the preloaded library */
export function compileIdleClock(directory: string): string {
  return compile('test/faults/programs/idle-clock.c', directory, '-shared', '-fPIC');
}

export class Machine {
  readonly #directory: string;
  readonly #idleClock: string;
  readonly #processes = new Set<Running>();
  /** True time less the time of the machine that the harness runs on. */
  #trueOffsetMs: number;
  /** Wall time less true time. */
  #errorMs = 0;
  #bootedAtMs: number;
  #idleMs = 0;

  /** @param directory an empty one of its own @param bootedMs how long it has been up */
  constructor(directory: string, idleClock: string, nowMs: number, bootedMs = 100 * 86_400_000) {
    this.#directory = directory;
    this.#idleClock = idleClock;
    this.#trueOffsetMs = nowMs - Date.now();
    this.#bootedAtMs = nowMs - bootedMs;
    for (const name of ['wall-offset', 'uptime', 'idle-seconds']) writeFileSync(join(directory, name), '');
    writeFileSync(join(directory, 'boot-id'), `${randomUUID()}\n`);
    this.#writeClocks();
  }

  get trueMs(): number {
    return Date.now() + this.#trueOffsetMs;
  }

  get wallMs(): number {
    return this.trueMs + this.#errorMs;
  }

  get errorMs(): number {
    return this.#errorMs;
  }

  /** Starts a process on this machine. */
  start(command: readonly string[]): Running {
    const env = {
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      FAKETIME_TIMESTAMP_FILE: join(this.#directory, 'wall-offset'),
      // The times of files are true ones.
      NO_FAKE_STAT: '1',
      FAKETIME_IDLE_SECONDS_FILE: join(this.#directory, 'idle-seconds'),
    };
    const preloaded = `${this.#idleClock}:${FAKETIME_LIBRARY}`;
    const args = ['-m', 'sh', '-ec', INTO_MACHINE, 'sh', this.#directory, preloaded, ...command];
    const running = start('unshare', args, { env });
    this.#processes.add(running);
    running.exit.finally(() => this.#processes.delete(running));
    return running;
  }

  /** Time passes, and the machine is awake. */
  async pass(durationMs: number): Promise<void> {
    await this.#turn(() => {
      this.#trueOffsetMs += durationMs;
      this.#idleMs += durationMs;
    });
  }

  /** Time passes, and the machine is suspended: nothing in it counts, but the time since boot goes on. */
  async suspend(durationMs: number): Promise<void> {
    await this.#turn(() => {
      this.#trueOffsetMs += durationMs;
    });
  }

  /** Somebody or something sets the wall clock; no time passes. */
  async jump(byMs: number): Promise<void> {
    await this.#turn(() => {
      this.#errorMs += byMs;
    });
  }

  /** The machine is off for so long, and starts again. */
  async reboot(offMs: number): Promise<void> {
    if (this.#processes.size > 0) throw new Error('a process survives the start of its machine');
    await this.#turn(() => {
      this.#trueOffsetMs += offMs;
      this.#bootedAtMs = this.trueMs - 20_000;
      this.#idleMs = 0;
    });
    writeFileSync(join(this.#directory, 'boot-id'), `${randomUUID()}\n`);
  }

  async killAll(): Promise<void> {
    const all = this.#everyProcess();
    for (const pid of all) sendSignal(pid, 'SIGKILL');
    await Promise.all([...this.#processes].map(({ exit }) => exit));
    await until('all processes of the machine to end', () => all.every(hasEnded));
  }

  /** No process sees one clock turned and the other not; and whatever waits looks at its clock afterwards. */
  async #turn(change: () => void): Promise<void> {
    let stopped: readonly number[] = [];
    // Until it is stopped, one may start another.
    for (let all = this.#everyProcess(); all.length > stopped.length; all = this.#everyProcess()) {
      for (const pid of all) sendSignal(pid, 'SIGSTOP');
      while (all.some(isWorking)) await sleep(1);
      stopped = all;
    }
    change();
    this.#writeClocks();
    for (const pid of stopped) sendSignal(pid, 'SIGCONT');
  }

  /** Those that were started here, and what they have started. */
  #everyProcess(): readonly number[] {
    return [...this.#processes].flatMap(({ pid }) => withDescendants(pid));
  }

  #writeClocks(): void {
    const offsetMs = this.#trueOffsetMs + this.#errorMs;
    const sign = offsetMs < 0 ? '-' : '+';
    // Never truncated, since an empty file would mean: no offset.
    this.#overwrite('wall-offset', `${sign}${(Math.abs(offsetMs) / 1000).toFixed(3).padStart(20, '0')}\n`);
    this.#overwrite('uptime', `${((this.trueMs - this.#bootedAtMs) / 1000).toFixed(2).padStart(20, '0')} 0.00\n`);
    const idleSeconds = Buffer.alloc(8);
    idleSeconds.writeBigInt64LE(BigInt(Math.floor(this.#idleMs / 1000)));
    this.#overwrite('idle-seconds', idleSeconds);
  }

  #overwrite(name: string, content: string | Buffer): void {
    const fd = openSync(join(this.#directory, name), 'r+');
    try {
      writeSync(fd, Buffer.from(content), 0, null, 0);
    } finally {
      closeSync(fd);
    }
  }
}
