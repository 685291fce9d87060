/** What keeps a source from being asked, told apart from what goes wrong in that which is done with its answer. */

import type { SessionId } from '../claude-dir/session-id.ts';
import { BusyError } from '../errors.ts';
import { BrieflyBusyError } from './live-source.ts';

type Act<T> = (live: ReadonlySet<SessionId>) => Promise<T>;

/**
 * @param ask as a source's `withLive`
 * @param onRefused is given what was thrown before `act` was begun; what comes later is thrown as it is
 */
export async function unlessRefused<T>(
  ask: (act: Act<T>) => Promise<T>,
  act: Act<T>,
  onRefused: (error: unknown) => Promise<T>,
): Promise<T> {
  let isActing = false;
  const acting: Act<T> = (live) => {
    isActing = true;
    return act(live);
  };
  try {
    return await ask(acting);
  } catch (error) {
    if (isActing) throw error;
    return onRefused(error);
  }
}

/** Of a map whose writers were waited for shortly, since others are held up meanwhile. */
export async function askAgainWhereBusy(error: unknown): Promise<never> {
  throw error instanceof BusyError ? new BrieflyBusyError(error.message, { cause: error }) : error;
}
