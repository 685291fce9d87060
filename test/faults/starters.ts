/** Workers that are started side by side on one Claude directory: what came of each, and which of them holds a lock. */

import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freshDirectory, type Place } from '../support/place.ts';
import { hasEnded, isStopped, type Running, sendSignal, start } from '../support/process.ts';
import { until } from '../support/wait.ts';

export interface Starter {
  readonly kind: 'daemon' | 'run' | 'busy daemon';
  /** Workers of different containers do not share it. */
  readonly state: number;
  /** Whether it sees no processes but its own, and the Claude directory at another path. */
  readonly isContained: boolean;
}

export interface Started {
  readonly starter: Starter;
  readonly running: Running;
  /** What it has ended with; undefined while it is there. */
  readonly code: () => number | null | undefined;
  /** A daemon that has said that it works. */
  readonly isAtWork: () => boolean;
}

/** The place of one round, and the program that is started in it: the product or a control. */
export interface SharedPlace extends Place {
  readonly program: string;
}

const NEVER_SOON = '0 0 1 1 *';
const EVERY_SECOND = '* * * * * *';
/** Another mount, another name, another process tree, as in a container that shares a volume. */
const CONTAINED = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
const WITH_VOLUME = 'mount --bind "$1" "$2"; shift 2; exec "$@"';

export function startOne(place: SharedPlace, starter: Starter, index: number): Started {
  const volume = freshDirectory(place.directory, `volume-${index}`);
  const claudeDir = starter.isContained ? volume : place.claudeDir;
  const state = join(place.directory, `state-${starter.state}`);
  const args = ['--claude-dir', claudeDir, '--state-dir', state, ...argsOf(starter)];
  const command = [process.execPath, place.program, ...args];
  const running = starter.isContained
    ? start('unshare', [...CONTAINED, 'sh', '-ec', WITH_VOLUME, 'sh', place.claudeDir, volume, ...command])
    : start(command[0] as string, command.slice(1));
  const isAtWork = () => running.log().includes('"daemon started"');
  return { starter, running, code: () => running.ended()?.code, isAtWork };
}

function argsOf({ kind }: Starter): readonly string[] {
  if (kind === 'run') return ['--run-now', '--job', 'prune-transcripts'];
  const prune = kind === 'daemon' ? NEVER_SOON : EVERY_SECOND;
  const schedule = ['--schedule-prune', prune, '--schedule-sweep', NEVER_SOON, '--schedule-purge', NEVER_SOON];
  return [...schedule, '--schedule-jitter', '1ms', '--listen', 'off'];
}

/** The process that holds a lock of the Claude directory, by what the kernel says; undefined where none does. */
export function holderOf({ claudeDir, directory }: Place, lock: 'run' | 'worker'): number | undefined {
  const path = join(claudeDir, 'session-sweeper', `${lock}.lock`);
  if (!existsSync(path)) return undefined;
  const { ino } = lstatSync(path);
  const pid = writeLocks().find((one) => one.ino === ino)?.pid ?? 0;
  return pid > 0 && isOf(directory, pid) ? pid : undefined;
}

/** All that any process has locked for itself alone. */
function writeLocks(): { readonly pid: number; readonly ino: number }[] {
  // 1: POSIX  ADVISORY  WRITE 4711 fe:01:1234567 1073741825 1073741835
  const lines = readFileSync('/proc/locks', 'latin1').matchAll(/: POSIX .* WRITE (\d+) \S*:(\d+) /g);
  return Array.from(lines, ([, pid, ino]) => ({ pid: Number(pid), ino: Number(ino) }));
}

/** An inode of another file system may have the same number. What a daemon works in stands in its own command line, not in its run's. */
function isOf(directory: string, pid: number): boolean {
  try {
    return [pid, parentOf(pid)].some((one) => readFileSync(`/proc/${one}/cmdline`, 'latin1').includes(`${directory}/`));
  } catch {
    return false;
  }
}

function parentOf(pid: number): number {
  return Number(/\) \w (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1]);
}

/** Stops a process in the middle of a run, with the lock in its hands. @returns undefined where none can be caught at it */
export async function freezeHolder(place: Place, isOver: () => boolean): Promise<number | undefined> {
  while (!isOver()) {
    const pid = holderOf(place, 'run');
    if (pid !== undefined && (await isFrozenWithLock(place, pid))) return pid;
    await sleep(1);
  }
  return undefined;
}

async function isFrozenWithLock(place: Place, pid: number): Promise<boolean> {
  try {
    process.kill(pid, 'SIGSTOP');
    while (!isStopped(pid)) await sleep(1);
    if (holderOf(place, 'run') === pid && !holdsDatabase(place, pid)) return true;
    process.kill(pid, 'SIGCONT');
  } catch {
    // It has ended before it could be stopped.
  }
  return false;
}

/** In the midst of a transaction: whoever needs that database too has another reason to end than the lock. */
function holdsDatabase({ claudeDir }: Place, pid: number): boolean {
  const ours = ['run', 'worker'].flatMap((name) => {
    return lstatSync(join(claudeDir, 'session-sweeper', `${name}.lock`), { throwIfNoEntry: false })?.ino ?? [];
  });
  return writeLocks().some((lock) => lock.pid === pid && !ours.includes(lock.ino));
}

/** Lets a process go on that was stopped, and waits until it has ended by itself. */
export async function thaw(pid: number): Promise<void> {
  sendSignal(pid, 'SIGCONT');
  await until('the end of what was frozen', () => hasEnded(pid));
}
