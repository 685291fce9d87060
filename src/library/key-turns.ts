/** One run of a conversation at a time: in this process in the order of asking, across processes by the lease of the resume map. */

import { setTimeout as sleep } from 'node:timers/promises';
import { BusyError } from '../errors.ts';
import { LEASE_MS } from '../resume-map/lease-holder.ts';
import type { KeyLease, ResumeMap } from '../resume-map/resume-map.ts';

/** Another run of the same conversation went on for longer than the caller would wait. Nothing was asked, and the same call may be made again. */
export class ConversationBusyError extends BusyError {
  /** Tells it from a database that is busy, for those who cannot ask for the class. */
  readonly code = 'busy';

  constructor(key: string, waitedMs: number) {
    super(`run the conversation ${key}: another run of it is not through after ${waitedMs} ms`);
    this.name = 'ConversationBusyError';
  }
}

/** A turn of an agent takes minutes, sometimes many: an event that waits is better than one that is lost. */
export const TURN_WAIT_MAX_MS = 30 * 60_000;
/** Beyond it a timer of Node's rings at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;
const LEASE_RETRY_MS = 200;
const RENEW_INTERVAL_MS = LEASE_MS / 4;

export interface TurnOptions {
  readonly map: ResumeMap;
  readonly key: string;
  readonly waitMaxMs?: number;
  /** What keeps the lease from being taken, renewed or given back ends no run. */
  readonly onFault: (message: string, error?: unknown) => void;
}

export interface KeyTurn {
  release(): Promise<void>;
}

/**
 * The ends of the queues of this process, by map and key. It holds for the whole process, as two openings of one database are one map;
 * a queue that is through is forgotten.
 */
const QUEUE_ENDS = new Map<string | ResumeMap, Map<string, Promise<void>>>();

/**
 * Waits until no other run is at work on the conversation.
 * @throws ConversationBusyError after the wait
 */
export async function takeTurn(options: TurnOptions): Promise<KeyTurn> {
  const { map, key, waitMaxMs = TURN_WAIT_MAX_MS } = options;
  const giveUpAt = performance.now() + waitMaxMs;
  const leave = await waitInQueue(map, key, waitMaxMs);
  try {
    const lease = await takeLease(options, giveUpAt);
    if (lease === 'busy') throw new ConversationBusyError(key, waitMaxMs);
    const renewing = setInterval(() => void renew(options, lease), RENEW_INTERVAL_MS);
    renewing.unref();
    return {
      release: async () => {
        clearInterval(renewing);
        await released(options, lease);
        leave();
      },
    };
  } catch (error) {
    leave();
    throw error;
  }
}

/** @returns lets the next one come */
async function waitInQueue(map: ResumeMap, key: string, waitMaxMs: number): Promise<() => void> {
  const place = map.path ?? map;
  const ends = QUEUE_ENDS.get(place) ?? new Map<string, Promise<void>>();
  QUEUE_ENDS.set(place, ends);
  const before = ends.get(key);
  let leave: () => void = () => undefined;
  const through = new Promise<void>((resolve) => {
    leave = resolve;
  });
  // One who gives up lets nobody overtake those who were there before.
  const end = Promise.all([before, through]).then(() => {
    if (ends.get(key) === end) ends.delete(key);
    if (ends.size === 0 && QUEUE_ENDS.get(place) === ends) QUEUE_ENDS.delete(place);
  });
  ends.set(key, end);
  if (before !== undefined && !(await isThroughIn(before, waitMaxMs))) {
    leave();
    throw new ConversationBusyError(key, waitMaxMs);
  }
  return leave;
}

async function isThroughIn(before: Promise<void>, waitMs: number): Promise<boolean> {
  const over = new AbortController();
  try {
    const timer = sleep(Math.min(waitMs, TIMER_MAX_MS), false, { signal: over.signal });
    // It is aborted, and that is no fault.
    timer.catch(() => undefined);
    return await Promise.race([before.then(() => true), timer]);
  } finally {
    over.abort();
  }
}

/** @returns undefined where there can be none: the run goes on all the same */
async function takeLease({ map, key, onFault }: TurnOptions, giveUpAt: number): Promise<KeyLease | undefined | 'busy'> {
  for (;;) {
    try {
      const lease = await map.leaseKey(key);
      if (lease !== undefined) return lease;
    } catch (error) {
      // A database that is busy for so long may hold the lease of another.
      if (!(error instanceof BusyError)) {
        onFault('could not lease the conversation', error);
        return undefined;
      }
    }
    const leftMs = giveUpAt - performance.now();
    if (leftMs <= 0) return 'busy';
    await sleep(Math.min(LEASE_RETRY_MS, leftMs));
  }
}

async function renew({ onFault }: TurnOptions, lease: KeyLease | undefined): Promise<void> {
  try {
    if ((await lease?.renew()) === false) onFault('another run has taken the lease of the conversation');
  } catch (error) {
    onFault('could not renew the lease of the conversation', error);
  }
}

async function released({ onFault }: TurnOptions, lease: KeyLease | undefined): Promise<void> {
  try {
    await lease?.release();
  } catch (error) {
    // It ends by itself.
    onFault('could not release the lease of the conversation', error);
  }
}
