/** Reads what the machine says of time beside the wall clock: how long it has been up, and whether a time server has set its clock. */

import { readFileSync, statSync } from 'node:fs';
import { uptime } from 'node:os';

/** Touched by systemd-timesyncd, chrony and ntpd whenever they agree with their servers. */
const SYNCHRONISED_FILES = [
  '/run/systemd/timesync/synchronized',
  '/var/lib/chrony/chrony.drift',
  '/var/lib/chrony/drift',
  '/var/lib/ntp/ntp.drift',
  '/var/lib/ntpsec/ntp.drift',
];

export interface Uptime {
  /** Another one after every start of the machine. */
  readonly bootId: string;
  /** Since boot, sleep included; milliseconds. */
  readonly uptimeMs: number;
}

export function systemUptime(): Uptime {
  return { bootId: bootId(), uptimeMs: uptimeMs() };
}

/** Since boot, sleep included. */
export function uptimeMs(): number {
  return uptime() * 1_000;
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    // Hidden in some containers; there an uptime that begins anew tells a start from the next.
    return 'unknown';
  }
}

/** When a time server last set or confirmed the clock, Unix epoch ms by the clock of that moment; undefined where nothing tells. */
export function synchronisedAtMs(): number | undefined {
  const times = SYNCHRONISED_FILES.flatMap((path) => {
    try {
      return statSync(path).mtimeMs;
    } catch {
      // Another program keeps the time here, or none does, or a container hides it.
      return [];
    }
  });
  return times.length === 0 ? undefined : Math.max(...times);
}
