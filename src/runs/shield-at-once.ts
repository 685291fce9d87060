/** Keeps what somebody has just named from Claude's own clean-up, where that can be done now. */

import type { DirLock } from '../claude-dir/dir-lock.ts';
import { lockClaudeDirs } from '../claude-dir/open-and-lock.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import type { Config } from '../config/config.ts';
import { errorMessage } from '../errors.ts';
import { shieldNow } from './shield-now.ts';

/**
 * @param held the lock of the Claude directories, where it is held already
 * @returns why it was not done, one sentence: then the next prune does it
 */
export async function shieldAtOnce(
  config: Config,
  sessionIds: readonly SessionId[],
  { held, signal }: { readonly held?: DirLock | undefined; readonly signal: AbortSignal },
): Promise<string | undefined> {
  if (config.shield === 'off' || sessionIds.length === 0) return undefined;
  try {
    const lock = held ?? lockClaudeDirs(config);
    try {
      await shieldNow(config, sessionIds, { lock, signal });
      return undefined;
    } finally {
      if (held === undefined) lock.release();
    }
  } catch (error) {
    return `not kept from Claude's own clean-up yet, the next prune does that: ${errorMessage(error)}`;
  }
}
