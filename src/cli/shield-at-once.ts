/** Keeps sessions that a command was given from Claude's own clean-up, at once. */

import type { DirLock } from '../claude-dir/dir-lock.ts';
import { lockClaudeDirs } from '../claude-dir/open-and-lock.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import { errorMessage } from '../errors.ts';
import { shieldNow } from '../runs/shield-now.ts';
import type { CommandContext } from './command.ts';

/**
 * Where that cannot be done now, it is said, and the next prune does it.
 * @param held the lock of the Claude directories, where it is held already
 */
export async function shieldNamed(
  { io, resolved: { config } }: CommandContext,
  sessionIds: readonly SessionId[],
  held?: DirLock,
): Promise<void> {
  if (config.shield === 'off' || sessionIds.length === 0) return;
  try {
    const lock = held ?? lockClaudeDirs(config);
    try {
      await shieldNow(config, sessionIds, { lock, signal: io.shutdown });
    } finally {
      if (held === undefined) lock.release();
    }
  } catch (error) {
    const why = `not kept from Claude's own clean-up yet, the next prune does that: ${errorMessage(error)}`;
    io.stderr.write(`claude-session-sweeper: ${why}\n`);
  }
}
