/** Units as a scan would find them: old, whole and undoubted unless a test says otherwise. */

import { byteNameFromSystem, ownName } from '../../src/transcripts/byte-name.ts';
import { PROJECTS } from '../../src/transcripts/layout.ts';
import type { Unit } from '../../src/transcripts/unit.ts';
import { DAY_MS, sessionIdOf } from './tree.ts';

/** The present of every test that needs one. */
export const NOW = Date.UTC(2026, 10, 21, 4, 17);

export function makeUnit(overrides: Partial<Unit> = {}): Unit {
  const sessionId = overrides.sessionId ?? sessionIdOf(1);
  const project = ownName('-srv-app');
  return {
    sessionId,
    project,
    hasTranscript: true,
    doubt: undefined,
    parts: [{ directory: [PROJECTS, project], name: byteNameFromSystem(`${sessionId}.jsonl`), kind: 'file' }],
    files: 1,
    bytes: 100,
    newestMtimeMs: NOW - 400 * DAY_MS,
    digest: 0,
    ...overrides,
  };
}
