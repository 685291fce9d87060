/** Puts sessions in the trash as a prune would, at any time. */

import { ClaudeDir } from '../../src/claude-dir/claude-dir.ts';
import type { SessionId } from '../../src/claude-dir/session-id.ts';
import type { ByteName } from '../../src/files/byte-name.ts';
import { Trash } from '../../src/trash/trash.ts';
import { scanned } from './scanned.ts';
import { takeUnit } from './taken.ts';

/** @returns the run that they lie in */
export function trashSessions(path: string, ids: readonly SessionId[], atMs: number): ByteName {
  const claudeDir = ClaudeDir.open(path);
  const trash = Trash.openOrMake(claudeDir);
  try {
    const units = scanned(claudeDir).units.filter(({ sessionId }) => ids.includes(sessionId));
    if (units.length !== ids.length) throw new Error(`found ${units.length} of ${ids.length} sessions`);
    const run = trash.beginFolder(atMs);
    run.intend(
      units.map((unit) => ({ unit, reason: 'expired' })),
      atMs,
    );
    for (const unit of units) {
      const { kind } = takeUnit(run, unit, atMs);
      if (kind !== 'trashed') throw new Error(`${unit.sessionId}: ${kind}`);
    }
    run.close();
    return run.name;
  } finally {
    trash.close();
    claudeDir.close();
  }
}
