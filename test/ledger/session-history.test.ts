import { describe, expect, it } from 'vitest';
import { removalRecord } from '../../src/jobs/prune-transcripts/removal-record.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { tempDir } from '../support/temp-dir.ts';
import { sessionIdOf } from '../support/tree.ts';
import { makeUnit, NOW } from '../support/units.ts';

describe('what a run has taken', () => {
  it('is told of it where its stamps lie a tick of the uptime behind its end, and of no other', () => {
    const ledger = Ledger.open(tempDir());
    const run = { startedAtMs: NOW, finishedAtMs: NOW + 400 };
    const removals = [
      ['late', NOW + 409.6],
      ['next', NOW + 600],
      ['last', NOW - 2],
    ] as const;
    const recorded = removals.map(([trashRun, atMs], number) => {
      const removal = { ...makeUnit({ sessionId: sessionIdOf(number + 1) }), reason: 'expired' };
      return removalRecord(removal, '/srv/.claude', trashRun, atMs);
    });
    ledger.recordRemovals(recorded);
    expect(ledger.sessionHistory.runsDuring(run)).toEqual([{ run: 'late', sessions: 1 }]);
    ledger.close();
  });
});
