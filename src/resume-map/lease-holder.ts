/** Who holds the lease of a key, and whether it still counts: a holder that is seen to be dead has none. */

import { systemUptime } from '../process/machine-clock.ts';
import { kernelProcessTable } from '../process/process-table.ts';

/** Three renewals may be missed; a killed holder that nobody can look at blocks its key for as long as this. */
export const LEASE_MS = 60_000;

export interface FoundLease {
  readonly holder: string;
  readonly process: string;
  readonly expiresAtMs: number;
}

/** @param nowMs by the clock that the lease was stamped by */
export function isHeldLease({ expiresAtMs, process }: FoundLease, nowMs: number): boolean {
  const leftMs = expiresAtMs - nowMs;
  if (leftMs <= 0) return false;
  const state = holderState(process);
  // No lease ends later than that: the clock has been set back, and only a holder that is seen alive renews it soon.
  return leftMs > LEASE_MS ? state === 'alive' : state !== 'dead';
}

/** `BOOT PIDNAMESPACE PID STARTTICKS`; undefined where that cannot be told, or there is no such process. */
export function processIdentity(pid: number): string | undefined {
  const { bootId } = systemUptime();
  const table = kernelProcessTable();
  const startTicks = table.find(pid)?.startTicks;
  if (bootId === 'unknown' || table.pidNamespace === undefined || startTicks === undefined) return undefined;
  return [bootId, table.pidNamespace, pid, startTicks].join(' ');
}

function holderState(identity: string): 'alive' | 'dead' | 'unknown' {
  const [bootId, pidNamespace, pid] = identity.split(' ');
  const table = kernelProcessTable();
  // The processes of another machine, container or boot cannot be looked at.
  if (pidNamespace === undefined || bootId !== systemUptime().bootId || pidNamespace !== table.pidNamespace)
    return 'unknown';
  const found = table.find(Number(pid));
  if (found === undefined) return 'dead';
  if (found.startTicks === undefined) return 'unknown';
  return identity.endsWith(` ${found.startTicks}`) ? 'alive' : 'dead';
}
