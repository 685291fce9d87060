/** Another machine than the one that the tests run on: a process table of what a test writes down. */

import type { ProcessTable, RunningProcess } from '../../src/process/process-table.ts';

/** Where records of that machine come from, as Claude writes it. */
export const HERE = 'linux:a-machine:pid:[1]';

export interface OtherMachine {
  /** What runs, by pid: its start in clock ticks alone, or more. */
  readonly running?: Readonly<Record<number, string | RunningProcess>>;
  readonly machineId?: string | undefined;
  readonly bootedAtMs?: number | undefined;
}

export function otherMachine({ running = {}, bootedAtMs, ...rest }: OtherMachine = {}): ProcessTable {
  const found = (pid: number): RunningProcess | undefined => {
    const process = running[pid];
    return typeof process === 'string' ? { startTicks: process, startedAtMs: undefined } : process;
  };
  return {
    machineId: 'machineId' in rest ? rest.machineId : 'a-machine',
    pidNamespace: 'pid:[1]',
    bootedAtMs: () => bootedAtMs,
    find: found,
  };
}
