import { describe, expect, it } from 'vitest';
import { cleanupLimits } from '../../../src/claude-dir/shield-margins.ts';
import type { Unit } from '../../../src/claude-dir/unit.ts';
import { fixedName } from '../../../src/files/byte-name.ts';
import { exposureOf } from '../../../src/jobs/prune-transcripts/count-exposed.ts';
import { KeptSessions } from '../../../src/jobs/prune-transcripts/kept.ts';
import { planPrune } from '../../../src/jobs/prune-transcripts/plan.ts';
import { prunePolicy, type RetentionSettings } from '../../../src/jobs/prune-transcripts/policy.ts';
import { DAY_MS, sessionIdOf } from '../../support/tree.ts';
import { makeUnit, NOW, rowsOf } from '../../support/units.ts';

interface Given extends Partial<RetentionSettings> {
  /** Ages in days, or whole units. */
  readonly sessions: readonly (number | Partial<Unit>)[];
  readonly periodDays?: number;
  /** By their place in the list. */
  readonly pinned?: readonly number[];
  readonly scope?: 'off' | 'wanted' | 'all';
  /** Days, by their place in the list, where it is not that of the whole session. */
  readonly transcriptAges?: Readonly<Record<number, number>>;
  readonly nextCleanupMs?: number;
}

function exposed({ sessions, periodDays = 30, pinned = [], scope = 'off', transcriptAges = {}, ...given }: Given) {
  const units = rowsOf(
    sessions.map((session, index) => {
      const shape = typeof session === 'number' ? { newestMtimeMs: NOW - session * DAY_MS } : session;
      return makeUnit({ sessionId: sessionIdOf(index), ...shape });
    }),
  );
  const policy = prunePolicy({
    ...{
      maxAge: 30 * DAY_MS,
      minAge: DAY_MS,
      maxTotalBytes: 'off',
      minFree: 'off',
      keepLast: 0,
      projects: [],
      classes: {},
    },
    ...given,
  });
  const protection = (row: number) => (pinned.includes(row) ? 'pinned' : undefined);
  const plan = planPrune(units, { protection, facts: () => undefined }, policy, NOW);
  const kept = new KeptSessions(units, plan, policy);
  return exposureOf({
    ...{ units, kept, limits: cleanupLimits(periodDays * DAY_MS), nowMs: NOW },
    nextCleanupMs: given.nextCleanupMs ?? 0,
    isCovered: (row) => scope === 'all' || (scope === 'wanted' && kept.isWanted(row)),
    transcriptMtimeMs: (row) => {
      const age = transcriptAges[row];
      return age === undefined ? undefined : NOW - age * DAY_MS;
    },
  });
}

describe("What Claude's own clean-up would take too early", () => {
  it('is nothing where it comes a day after ours, and what ours is to take counts for neither', () => {
    expect(exposed({ sessions: [1, 28, 40], maxAge: 29 * DAY_MS })).toMatchObject({ sessions: 0, wanted: 0 });
    expect(exposed({ sessions: [1, 28, 40], maxAge: 29 * DAY_MS })).not.toHaveProperty('oldest');
  });

  it('is all that stays where both come in the same hour, or ours later', () => {
    for (const maxAge of [29.5, 30, 60]) {
      expect(exposed({ sessions: [1, 28], maxAge: maxAge * DAY_MS })).toMatchObject({
        sessions: 2,
        wanted: 0,
        byReason: { 'within-retention': 2 },
      });
    }
  });

  it('tells the oldest, and when the first goes: when its time is over, and Claude may clean up again', () => {
    expect(exposed({ sessions: [1, 28], maxAge: 'never' })).toMatchObject({
      oldest: { sessionId: sessionIdOf(1), writtenAtMs: NOW - 28 * DAY_MS },
      fromMs: NOW + 2 * DAY_MS,
    });
    expect(exposed({ sessions: [50], maxAge: 'never' })).toMatchObject({ fromMs: NOW });
    const nextCleanupMs = NOW + 3_600_000;
    expect(exposed({ sessions: [50], maxAge: 'never', nextCleanupMs })).toMatchObject({ fromMs: nextCleanupMs });
  });

  it('is what is pinned, of a project told never, or among the last of its project, however long others live', () => {
    const given = { maxAge: 20 * DAY_MS };
    expect(exposed({ ...given, sessions: [1, 100], pinned: [1] })).toMatchObject({
      wanted: 1,
      byReason: { pinned: 1 },
    });
    expect(exposed({ ...given, sessions: [100], keepLast: 1 })).toMatchObject({
      wanted: 0,
      byReason: { 'keep-last': 1 },
    });
    const projects = [{ match: '-srv-app', maxAge: 'never' as const }];
    expect(exposed({ ...given, sessions: [100, { project: fixedName('-tmp') }], projects })).toMatchObject({
      sessions: 1,
      wanted: 1,
      byReason: { 'within-retention': 1 },
    });
  });

  it('goes by the transcript of what is wanted: other files of a session do not save it', () => {
    const given = { sessions: [1], maxAge: 20 * DAY_MS, pinned: [0], transcriptAges: { 0: 45 } };
    expect(exposed(given)).toMatchObject({ oldest: { writtenAtMs: NOW - 45 * DAY_MS }, fromMs: NOW });
  });

  it('is nothing that is no conversation any more, or is only kept since it is not understood', () => {
    const given = { maxAge: 20 * DAY_MS };
    expect(exposed({ ...given, sessions: [{ hasTranscript: false }] })).toMatchObject({ sessions: 0 });
    expect(exposed({ ...given, sessions: [{ doubt: 'hard-linked' }] })).toMatchObject({ sessions: 0 });
    expect(
      exposed({ maxAge: 60 * DAY_MS, sessions: [{ doubt: 'hard-linked', newestMtimeMs: NOW - 5 * DAY_MS }] }),
    ).toMatchObject({
      sessions: 1,
      byReason: { 'hard-linked': 1 },
    });
  });

  it('is nothing by a period of years', () => {
    const exposure = exposed({ sessions: [1, 5_000], maxAge: 'never', periodDays: 36_500 });
    expect(exposure).toMatchObject({ sessions: 0, shielded: 0 });
    expect(exposure).not.toHaveProperty('periodDays');
  });

  it('is not what the shield is held over, which counts by itself', () => {
    const exposure = exposed({ sessions: [24, 10, 10], maxAge: 60 * DAY_MS, pinned: [0], scope: 'wanted' });
    expect(exposure).toMatchObject({ sessions: 2, wanted: 0, shielded: 1, shieldedUntilMs: NOW + 6 * DAY_MS });
    expect(exposed({ sessions: [24, 10, 10], maxAge: 60 * DAY_MS, scope: 'all' })).toMatchObject({
      sessions: 0,
      shielded: 3,
    });
  });

  it('is what the shield cannot be held over, and what Claude may come to before the next prune', () => {
    const exposure = exposed({
      sessions: [{ doubt: 'hard-linked', newestMtimeMs: NOW - 5 * DAY_MS }, 29.5, 100, 24],
      pinned: [0, 1, 2, 3],
      scope: 'wanted',
    });
    expect(exposure).toMatchObject({ sessions: 3, wanted: 3, unshieldable: 1, notYetShielded: 2, shielded: 1 });
  });

  it('is all of it where the period is too short to be held off once a day', () => {
    expect(exposed({ sessions: [0], pinned: [0], scope: 'wanted', periodDays: 1 })).toMatchObject({
      sessions: 1,
      notYetShielded: 1,
    });
  });
});

describe('The limits of the shield', () => {
  it.each([
    [30, 24, 27],
    [90, 72, 81],
    [7, 4, 5],
    [3, 0, 1],
    [1, 0, 0],
  ])('leave room for missed days: with a period of %d days, %d and %d', (periodDays, youngest, oldest) => {
    expect(cleanupLimits(periodDays * DAY_MS)).toEqual({
      periodMs: periodDays * DAY_MS,
      youngestMs: youngest * DAY_MS,
      oldestMs: oldest * DAY_MS,
    });
  });
});
