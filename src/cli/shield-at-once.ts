/** Keeps sessions that a command was given from Claude's own clean-up, at once. */

import type { DirLock } from '../claude-dir/dir-lock.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import { shieldAtOnce } from '../runs/shield-at-once.ts';
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
  const why = await shieldAtOnce(config, sessionIds, { held, signal: io.shutdown });
  if (why !== undefined) io.stderr.write(`claude-session-sweeper: ${why}\n`);
}
