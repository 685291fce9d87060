/** Which sessions have a transcript on this host: a row of any other may lead nowhere. */

import type { ClaudeDir } from '../../claude-dir/claude-dir.ts';
import type { SessionId } from '../../claude-dir/session-id.ts';
import { presentSessions } from '../../trash/present.ts';
import type { PresentSessions } from './plan.ts';

/** @returns the sessions of all Claude directories together; undefined where any could not be read in full: then no row is gone */
export function observePresent(claudeDirs: readonly ClaudeDir[]): PresentSessions {
  const present = new Set<SessionId>();
  for (const claudeDir of claudeDirs) {
    const ofOne = presentSessions(claudeDir);
    if (ofOne === undefined) return undefined;
    for (const id of ofOne) present.add(id);
  }
  return present;
}
