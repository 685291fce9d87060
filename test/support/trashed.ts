/** Puts sessions in the trash as a prune would, at any time. */

import type { SessionId } from '../../src/sessions/session-id.ts';
import type { ByteName } from '../../src/transcripts/byte-name.ts';
import { ClaudeDir } from '../../src/transcripts/claude-dir.ts';
import { Trash } from '../../src/transcripts/trash/trash.ts';
import { scanned } from './scanned.ts';

/** @returns the run that they lie in */
export function trashSessions(path: string, ids: readonly SessionId[], atMs: number): ByteName {
  const claudeDir = ClaudeDir.open(path);
  const trash = Trash.openOrMake(claudeDir);
  try {
    const units = scanned(claudeDir).units.filter(({ sessionId }) => ids.includes(sessionId));
    if (units.length !== ids.length) throw new Error(`found ${units.length} of ${ids.length} sessions`);
    const run = trash.beginRun(atMs);
    run.intend(
      units.map((unit) => ({ unit, reason: 'expired' })),
      atMs,
    );
    for (const unit of units) {
      const { kind } = run.take(unit, atMs);
      if (kind !== 'trashed') throw new Error(`${unit.sessionId}: ${kind}`);
    }
    run.close();
    return run.name;
  } finally {
    trash.close();
    claudeDir.close();
  }
}
