/**
 * Notices that the wall clock is not to be believed, by holding it against the time since boot (which goes on while the machine
 * sleeps) and against what earlier runs saw. By a wrong clock everything is old, or the trash has had its time; so after a jump
 * nothing is removed until the clock is what it was again, or has stood for most of a day, or an operator says that it is right.
 */

import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import type { Clock } from '../../clock.ts';
import { formatDurationRounded } from '../../format/duration.ts';
import type { ClockHistory, ClockHistoryStore, ClockReading } from '../ports.ts';

/** More than any slewing or leap second, far less than any retention. */
const JUMP_MIN_MS = 10 * 60_000;
/** While the machine was off nothing counted the time; a longer absence than this is asked about. */
const ABSENCE_MAX_MS = 14 * 86_400_000;
/** A daily run is some minutes early at times. */
const CONFIRMED_AFTER_MS = 20 * 3_600_000;

export class ClockGuard {
  readonly #clock: Clock;
  readonly #store: ClockHistoryStore;
  readonly #uptime: () => Omit<ClockReading, 'wallMs'>;
  /** Outlives a ledger that is lost while we run. */
  #history: ClockHistory | undefined;

  constructor(
    clock: Clock,
    store: ClockHistoryStore,
    uptimeOfMachine: () => Omit<ClockReading, 'wallMs'> = systemUptime,
  ) {
    this.#clock = clock;
    this.#store = store;
    this.#uptime = uptimeOfMachine;
  }

  /**
   * Looks at the clocks and remembers what it saw.
   * @param operatorConfirmed an operator has looked at the clock
   * @returns why nothing is to be removed by the clock now; undefined where nothing speaks against it
   * @throws OperatingError of the ledger
   */
  doubt({ operatorConfirmed = false } = {}): string | undefined {
    const reading = { ...this.#uptime(), wallMs: this.#clock.now() };
    const before = this.#store.clockHistory() ?? this.#history;
    const history = operatorConfirmed ? { believed: reading, doubted: undefined } : nextHistory(before, reading);
    this.#store.recordClockHistory(history);
    this.#history = history;
    return history.doubted === undefined ? undefined : explain(history.believed, reading);
  }
}

/** What is remembered after a look. */
export function nextHistory(before: ClockHistory | undefined, now: ClockReading): ClockHistory {
  if (before === undefined || !isJump(before.believed, now)) return { believed: now, doubted: undefined };
  const { believed, doubted } = before;
  if (doubted === undefined || isJump(doubted, now)) return { believed, doubted: now };
  const isConfirmed = now.wallMs - doubted.wallMs >= CONFIRMED_AFTER_MS;
  return isConfirmed ? { believed: now, doubted: undefined } : { believed, doubted };
}

function isJump(before: ClockReading, now: ClockReading): boolean {
  const passedMs = now.wallMs - before.wallMs;
  if (!isSameBoot(before, now)) return passedMs < -JUMP_MIN_MS || passedMs > ABSENCE_MAX_MS;
  return Math.abs(passedMs - (now.uptimeMs - before.uptimeMs)) > JUMP_MIN_MS;
}

/** Some containers count their own uptime, which begins anew with the same boot id. */
function isSameBoot(before: ClockReading, now: ClockReading): boolean {
  return before.bootId === now.bootId && before.uptimeMs <= now.uptimeMs;
}

function explain(believed: ClockReading, now: ClockReading): string {
  const passedMs = now.wallMs - believed.wallMs;
  const wall = `${formatDurationRounded(Math.abs(passedMs))} ${passedMs < 0 ? 'before' : 'after'} the last run`;
  const proof = isSameBoot(believed, now)
    ? `but the machine has been up for ${formatDurationRounded(now.uptimeMs - believed.uptimeMs)} since`
    : 'and the machine was restarted in between';
  const settled = `until it has stood for ${formatDurationRounded(CONFIRMED_AFTER_MS)}`;
  return `the clock says that this is ${wall}, ${proof}: nothing is removed ${settled}; if the clock is right, say --run-now --allow-mass-removal`;
}

export function readClocks(clock: Clock): ClockReading {
  return { ...systemUptime(), wallMs: clock.now() };
}

function systemUptime(): Omit<ClockReading, 'wallMs'> {
  return { bootId: bootId(), uptimeMs: uptime() * 1_000 };
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    // Hidden in some containers; there an uptime that begins anew tells a start from the next.
    return 'unknown';
  }
}
