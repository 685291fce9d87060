/** Reads what the kernel says of processes: of which machine and pid namespace they are, which of them run, and since when. */

import { readFileSync, readlinkSync } from 'node:fs';
import { type Clock, systemClock } from '../clock.ts';
import { errorCode } from '../errors.ts';
import { isProcessAlive } from './process-alive.ts';

export interface RunningProcess {
  /** In clock ticks since boot, proc(5) stat field 22: settles whether a pid is another process by now. Undefined where /proc hides it. */
  readonly startTicks: string | undefined;
  /** Unix epoch ms, rather too early than too late. Undefined where /proc hides it. */
  readonly startedAtMs: number | undefined;
}

/** A parameter wherever it is used, so that tests can be other machines. */
export interface ProcessTable {
  /** Undefined where the machine has no id. */
  readonly machineId: string | undefined;
  /** As the kernel writes it, `pid:[4026531836]`; undefined where it cannot be told. */
  readonly pidNamespace: string | undefined;
  /** The process that runs under a pid; undefined where certainly none does. */
  find(pid: number): RunningProcess | undefined;
  /** No process is older. Unix epoch ms, rather too early than too late; undefined where it cannot be told. */
  bootedAtMs(): number | undefined;
}

/** No kernel gives a higher one (PID_MAX_LIMIT). */
const PID_MAX = 2 ** 22;
const HIDDEN: RunningProcess = { startTicks: undefined, startedAtMs: undefined };
/** The ticks that the kernel shows to programs are hundredths of a second on every architecture that Node runs on (USER_HZ). */
const TICK_MS = 10;
/** The kernel's own threads carry this flag (PF_KTHREAD) in field 9: their pids are no program's. */
const KERNEL_THREAD_FLAG = 0x00200000;
/** Zombies, which have ended and keep their pid until somebody waits for them, and what is on its way out. */
const ENDED_STATES = /^[ZXx]$/;

export function kernelProcessTable(clock: Clock = systemClock): ProcessTable {
  const ownTicks = Number(readStat('self')?.startTicks ?? Number.NaN);
  // By this process's own start, which is known by both clocks: in containers, what /proc says of the boot may be the container's.
  // A wall clock that was set since gives two answers, and a laptop's sleep too: the earlier one claims less.
  const bootedAtMs = () => {
    const ownStartMs = Math.min(performance.timeOrigin, clock.now() - process.uptime() * 1_000);
    return Number.isFinite(ownTicks) ? ownStartMs - ownTicks * TICK_MS : undefined;
  };
  return {
    machineId: readMachineId(),
    pidNamespace: readPidNamespace(),
    bootedAtMs,
    find: (pid) => {
      if (!Number.isInteger(pid) || pid < 1 || pid > PID_MAX || !isProcessAlive(pid)) return undefined;
      const stat = readStat(pid);
      // It has ended in this moment, or /proc hides the processes of others (hidepid), which a signal does not.
      if (stat === undefined) return isProcessAlive(pid) ? HIDDEN : undefined;
      if (ENDED_STATES.test(stat.state) || stat.isKernelThread) return undefined;
      const bootMs = bootedAtMs();
      const startedAtMs = bootMs === undefined ? undefined : bootMs + Number(stat.startTicks) * TICK_MS;
      return { startTicks: stat.startTicks, startedAtMs };
    },
  };
}

interface Stat {
  readonly state: string;
  readonly startTicks: string;
  readonly isKernelThread: boolean;
}

/** Undefined where /proc shows no such process. @throws the system's error where it cannot be asked */
function readStat(pid: number | 'self'): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ESRCH') return undefined;
    throw error;
  }
  // The second field, the command's name, may hold spaces and brackets; the third follows the last bracket.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, flags, startTicks] = [fields[0], fields[6], fields[19]];
  if (state === undefined || startTicks === undefined) return undefined;
  return { state, startTicks, isKernelThread: (Number(flags) & KERNEL_THREAD_FLAG) !== 0 };
}

function readMachineId(): string | undefined {
  try {
    const machineId = readFileSync('/etc/machine-id', 'latin1').trim();
    return machineId === '' ? undefined : machineId;
  } catch {
    // Many containers have none; then no record that names a machine can be checked.
    return undefined;
  }
}

function readPidNamespace(): string | undefined {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    // Some sandboxes show none; then no record that names one can be checked.
    return undefined;
  }
}
