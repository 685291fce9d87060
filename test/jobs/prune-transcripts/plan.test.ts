import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SessionId } from '../../../src/claude-dir/session-id.ts';
import { DOUBTS, type Unit } from '../../../src/claude-dir/unit.ts';
import { EARLIEST_SENSIBLE_TIME_MS } from '../../../src/clock.ts';
import { fixedName } from '../../../src/files/byte-name.ts';
import type { Mark, ProjectPolicy, PrunePolicy } from '../../../src/jobs/prune-transcripts/age-rules.ts';
import { type KeepReason, planPrune, type RemoveReason } from '../../../src/jobs/prune-transcripts/plan.ts';
import { DAY_MS, sessionIdOf } from '../../support/tree.ts';
import { makeUnit, NOW, rowsOf } from '../../support/units.ts';

const HOUR_MS = 3_600_000;
const MIN_AGE_MS = DAY_MS;
const MAX_AGE_MS = 30 * DAY_MS;
const DEFAULT_PROJECT: ProjectPolicy = {
  maxAgeMs: MAX_AGE_MS,
  keepLast: 0,
  isOwnMaxAge: false,
  isSparedBySizeCap: false,
};

function policyOf(
  { project = {}, ...overrides }: Partial<Omit<PrunePolicy, 'forProject'>> & { project?: Partial<ProjectPolicy> } = {},
  projects: Readonly<Record<string, Partial<ProjectPolicy>>> = {},
): PrunePolicy {
  return {
    minAgeMs: MIN_AGE_MS,
    maxTotalBytes: 'off',
    minFreeBytes: 'off',
    earliestMtimeMs: EARLIEST_SENSIBLE_TIME_MS,
    classMaxAgeMs: {},
    forProject: (name) => ({ ...DEFAULT_PROJECT, ...project, ...(name === undefined ? {} : projects[name]) }),
    ...overrides,
  };
}

interface LiveIds {
  readonly live: ReadonlySet<SessionId>;
  readonly running: ReadonlySet<SessionId>;
  readonly pinned: ReadonlySet<SessionId>;
  readonly marks: ReadonlyMap<SessionId, Mark>;
}

interface Decision {
  readonly unit: Unit;
  readonly remove: boolean;
  readonly reason: KeepReason | RemoveReason;
}

function decide(units: readonly Unit[], live: LiveIds, policy: PrunePolicy, nowMs: number): Decision[] {
  const idOf = (row: number) => units[row]?.sessionId ?? sessionIdOf(0);
  const plan = planPrune(
    rowsOf(units),
    {
      protection: (row) =>
        (['live', 'running', 'pinned'] as const).find((protection) => live[protection].has(idOf(row))),
      facts: (row) => ({ mark: live.marks.get(idOf(row)), lastEntryMs: undefined, sessionClass: undefined }),
    },
    policy,
    nowMs,
  );
  expect(plan).toHaveLength(units.length);
  return units.map((unit, row) => ({ unit, remove: plan.isRemoval(row), reason: plan.reason(row) }));
}

function liveOf(
  ids: Partial<Record<'live' | 'running' | 'pinned', readonly SessionId[]>> = {},
  marks: LiveIds['marks'] = new Map(),
): LiveIds {
  return { live: new Set(ids.live), running: new Set(ids.running), pinned: new Set(ids.pinned), marks };
}

function aged(ageMs: number): Partial<Unit> {
  return { newestMtimeMs: NOW - ageMs };
}

/** Units 1, 2, 3… of one project, one day apart, the first the oldest. */
function unitsOf(...overrides: readonly Partial<Unit>[]): Unit[] {
  return overrides.map((override, index) => {
    return makeUnit({ sessionId: sessionIdOf(index + 1), ...aged((100 - index) * DAY_MS), ...override });
  });
}

function reasons(units: readonly Unit[], policy: PrunePolicy, live: LiveIds = liveOf()): string[] {
  return decide(units, live, policy, NOW).map(({ remove, reason }) => `${remove ? 'remove' : 'keep'} ${reason}`);
}

const ID = sessionIdOf(1);
const ANCIENT = aged(400 * DAY_MS);

interface Case {
  readonly what: string;
  readonly unit: Partial<Unit>;
  readonly live?: Partial<Record<keyof LiveIds, readonly SessionId[]>>;
  readonly policy?: PrunePolicy;
  readonly outcome: string;
}

const CASES: readonly Case[] = [
  { what: 'a session that a map names', unit: ANCIENT, live: { live: [ID] }, outcome: 'keep live' },
  { what: 'a session at work', unit: ANCIENT, live: { running: [ID] }, outcome: 'keep running' },
  { what: 'a pinned session', unit: ANCIENT, live: { pinned: [ID] }, outcome: 'keep pinned' },
  {
    what: 'another session than the live one',
    unit: ANCIENT,
    live: { live: [sessionIdOf(2)] },
    outcome: 'remove expired',
  },
  {
    what: 'a session that is all of them, called live',
    unit: { ...ANCIENT, doubt: 'hard-linked' },
    live: { live: [ID], running: [ID], pinned: [ID] },
    outcome: 'keep live',
  },
  {
    what: 'a running and pinned one, called running',
    unit: ANCIENT,
    live: { running: [ID], pinned: [ID] },
    outcome: 'keep running',
  },
  ...DOUBTS.map(
    (doubt): Case => ({ what: `a unit in doubt (${doubt})`, unit: { ...ANCIENT, doubt }, outcome: `keep ${doubt}` }),
  ),
  { what: 'a time one millisecond ahead', unit: aged(-1), outcome: 'keep future-mtime' },
  { what: 'a time 40 days ahead', unit: aged(-40 * DAY_MS), outcome: 'keep future-mtime' },
  { what: 'this very moment', unit: aged(0), outcome: 'keep too-young' },
  { what: 'the epoch', unit: { newestMtimeMs: 0 }, outcome: 'keep senseless-mtime' },
  {
    what: 'the last senseless millisecond',
    unit: { newestMtimeMs: EARLIEST_SENSIBLE_TIME_MS - 1 },
    outcome: 'keep senseless-mtime',
  },
  { what: 'the first sensible one', unit: { newestMtimeMs: EARLIEST_SENSIBLE_TIME_MS }, outcome: 'remove expired' },
  { what: 'a time that is no number', unit: { newestMtimeMs: Number.NaN }, outcome: 'keep senseless-mtime' },
  { what: 'a minus infinite time', unit: { newestMtimeMs: Number.NEGATIVE_INFINITY }, outcome: 'keep senseless-mtime' },
  {
    what: 'a millisecond below the age floor, though its retention is over',
    unit: aged(MIN_AGE_MS - 1),
    policy: policyOf({ project: { maxAgeMs: HOUR_MS } }),
    outcome: 'keep too-young',
  },
  {
    what: 'exactly the age floor',
    unit: aged(MIN_AGE_MS),
    policy: policyOf({ project: { maxAgeMs: HOUR_MS } }),
    outcome: 'remove expired',
  },
  { what: 'exactly the maximum age', unit: aged(MAX_AGE_MS), outcome: 'keep within-retention' },
  { what: 'a millisecond over the maximum age', unit: aged(MAX_AGE_MS + 1), outcome: 'remove expired' },
  {
    what: 'any age where the retention is for ever',
    unit: ANCIENT,
    policy: policyOf({ project: { maxAgeMs: 'never' } }),
    outcome: 'keep within-retention',
  },
  { what: 'left-over companions', unit: { ...ANCIENT, hasTranscript: false }, outcome: 'remove orphan' },
  {
    what: 'left-over companions whose project is unknown',
    unit: { ...ANCIENT, hasTranscript: false, project: undefined },
    outcome: 'remove orphan',
  },
  {
    what: 'left-over companions within their retention',
    unit: { hasTranscript: false, ...aged(MAX_AGE_MS) },
    outcome: 'keep within-retention',
  },
  { what: 'young left-over companions', unit: { hasTranscript: false, ...aged(HOUR_MS) }, outcome: 'keep too-young' },
  {
    what: 'left-over companions of a live session',
    unit: { ...ANCIENT, hasTranscript: false },
    live: { live: [ID] },
    outcome: 'keep live',
  },
  {
    what: 'the newest session of its project',
    unit: ANCIENT,
    policy: policyOf({ project: { keepLast: 1 } }),
    outcome: 'keep keep-last',
  },
  {
    what: 'left-over companions, which no keepLast keeps',
    unit: { ...ANCIENT, hasTranscript: false },
    policy: policyOf({ project: { keepLast: 1 } }),
    outcome: 'remove orphan',
  },
];

describe('the plan of one unit', () => {
  it.each(CASES)('$what: $outcome', ({ unit, live, policy, outcome }) => {
    expect(reasons([makeUnit(unit)], policy ?? policyOf(), liveOf(live))).toEqual([outcome]);
  });
});

describe('a reason that is none of the plan’s', () => {
  it('ends the run: it is not told as another one', () => {
    const unit = makeUnit({ doubt: 'cursed' as 'unreadable' });
    expect(() => reasons([unit], policyOf())).toThrow('cursed is no reason of a plan');
  });
});

describe('keepLast', () => {
  it('keeps the newest of each project, and no more', () => {
    const other = fixedName('-srv-other');
    const units = unitsOf({}, {}, {}, { project: other }, { project: other });
    expect(reasons(units, policyOf({ project: { keepLast: 2 } }))).toEqual([
      'remove expired',
      'keep keep-last',
      'keep keep-last',
      'keep keep-last',
      'keep keep-last',
    ]);
  });

  it('keeps the same one of two equally old, whichever comes first', () => {
    const units = unitsOf(ANCIENT, ANCIENT);
    const policy = policyOf({ project: { keepLast: 1 } });
    expect(reasons(units, policy)).toEqual(['remove expired', 'keep keep-last']);
    expect(reasons(units.toReversed(), policy)).toEqual(['keep keep-last', 'remove expired']);
  });

  it('counts the live ones among the newest', () => {
    const live = liveOf({ live: [sessionIdOf(3)] });
    expect(reasons(unitsOf({}, {}, {}), policyOf({ project: { keepLast: 2 } }), live)).toEqual([
      'remove expired',
      'keep keep-last',
      'keep live',
    ]);
  });

  it('finds what counts behind a thousand stubs in a few plans, each of which looks into more than the last', () => {
    const units = unitsOf(...Array.from({ length: 1_010 }, () => ({})));
    const rows = rowsOf(units);
    const known = new Set<number>();
    let plans = 0;
    for (let before = -1; known.size > before; plans += 1) {
      before = known.size;
      const facts = (row: number) => {
        const sessionClass = row < 10 ? ('cli' as const) : ('metadata' as const);
        return known.has(row) ? { mark: undefined, lastEntryMs: undefined, sessionClass } : undefined;
      };
      const plan = planPrune(rows, { protection: () => undefined, facts }, policyOf({ project: { keepLast: 3 } }), NOW);
      for (let row = 0; row < units.length; row += 1) if (plan.asksForFacts(row)) known.add(row);
    }
    expect(plans).toBeLessThan(15);
  });

  it('is that of the project, where it has its own', () => {
    const policy = policyOf({}, { '-srv-app': { keepLast: 1 } });
    const units = unitsOf({}, { project: fixedName('-srv-other') });
    expect(reasons(units, policy)).toEqual(['keep keep-last', 'remove expired']);
  });
});

describe('the size cap', () => {
  const within = (bytes: number): Partial<Unit> => ({ bytes, ...aged(10 * DAY_MS) });
  const oldestFirst = (...bytes: readonly number[]) =>
    unitsOf(...bytes.map((size, index) => ({ bytes: size, ...aged((20 - index) * DAY_MS) })));

  it.each([
    { what: 'does nothing exactly at the cap', bytes: [50, 50], cap: 100, left: 2 },
    { what: 'removes from one byte over it', bytes: [50, 51], cap: 100, left: 1 },
    { what: 'stops at exactly 80 %', bytes: [21, 40, 40], cap: 100, left: 2 },
    { what: 'goes on while a byte more than 80 % is left', bytes: [20, 40, 41], cap: 100, left: 1 },
    { what: 'removes all where the youngest alone is too big', bytes: [10, 10, 500], cap: 100, left: 0 },
    { what: 'does nothing where it is off', bytes: [1e15, 1e15], cap: 'off' as const, left: 2 },
  ])('$what', ({ bytes, cap, left }) => {
    const outcomes = reasons(oldestFirst(...bytes), policyOf({ maxTotalBytes: cap }));
    expect(outcomes).toEqual([
      ...Array<string>(bytes.length - left).fill('remove over-size'),
      ...Array<string>(left).fill('keep within-retention'),
    ]);
  });

  it.each([
    { what: 'nothing where enough is free', freeable: 100, left: 3 },
    { what: 'as many as are missing', freeable: 45, left: 1 },
    { what: 'none where that cannot be told', freeable: undefined, left: 3 },
  ])('takes $what to have so much free', ({ freeable, left }) => {
    const policy: PrunePolicy = { ...policyOf({}), minFreeBytes: 100 };
    const plan = planPrune(
      rowsOf(oldestFirst(30, 30, 30)),
      { protection: () => undefined, facts: () => undefined },
      policy,
      NOW,
      freeable,
    );
    expect([0, 1, 2].filter((row) => !plan.isRemoval(row))).toHaveLength(left);
    expect(plan.isRemoval(2)).toBe(false);
  });

  it('counts blocks, so that a file of mostly nothing goes by what it takes', () => {
    const sparse = unitsOf({ ...within(2 ** 42), diskBytes: 4_096 }, within(1_000));
    expect(reasons(sparse, policyOf({ maxTotalBytes: 10_000 }))).toEqual([
      'keep within-retention',
      'keep within-retention',
    ]);
  });

  it('counts what expires towards the target', () => {
    const units = unitsOf({ ...ANCIENT, bytes: 60 }, within(30), within(30));
    expect(reasons(units, policyOf({ maxTotalBytes: 100 }))).toEqual([
      'remove expired',
      'keep within-retention',
      'keep within-retention',
    ]);
  });

  it('takes left-over companions as it takes sessions', () => {
    const units = [makeUnit({ ...within(200), hasTranscript: false })];
    expect(reasons(units, policyOf({ maxTotalBytes: 100 }))).toEqual(['remove over-size']);
  });

  it('reaches what is kept for ever by default, and spares a project that was told to', () => {
    const forEver = policyOf({ maxTotalBytes: 100, project: { maxAgeMs: 'never' } });
    expect(reasons([makeUnit({ bytes: 200 })], forEver)).toEqual(['remove over-size']);
    const told = policyOf({ maxTotalBytes: 100, project: { maxAgeMs: 'never', isSparedBySizeCap: true } });
    expect(reasons([makeUnit({ bytes: 200 })], told)).toEqual(['keep within-retention']);
  });

  it('never reaches what is live, young, doubtful or among the last', () => {
    const units = unitsOf(
      within(1_000),
      { bytes: 1_000, ...aged(HOUR_MS) },
      { ...within(1_000), doubt: 'unreadable' },
      { ...within(1_000), project: fixedName('-srv-kept') },
    );
    const policy = policyOf({ maxTotalBytes: 1 }, { '-srv-kept': { keepLast: 1 } });
    expect(reasons(units, policy, liveOf({ pinned: [ID] }))).toEqual([
      'keep pinned',
      'keep too-young',
      'keep unreadable',
      'keep keep-last',
    ]);
  });
});

/** Any plan whatever: units of a few projects, around every boundary of the policy. */
const PROJECTS = ['-a', '-b', '-c'].map(fixedName);

const anyAgeMs = fc.oneof(
  fc.integer({ min: -2 * DAY_MS, max: 120 * DAY_MS }),
  fc.constantFrom(-1, 0, MIN_AGE_MS - 1, MIN_AGE_MS, MAX_AGE_MS, MAX_AGE_MS + 1, NOW, NOW - EARLIEST_SENSIBLE_TIME_MS),
);

const anyUnits = fc
  .array(
    fc.record({
      ageMs: anyAgeMs,
      project: fc.constantFrom(...PROJECTS, undefined),
      hasTranscript: fc.boolean(),
      doubt: fc.oneof(
        { weight: 6, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: fc.constantFrom(...DOUBTS) },
      ),
      bytes: fc.nat(1_000),
    }),
    { maxLength: 30 },
  )
  .map((shapes) =>
    shapes.map(({ ageMs, ...shape }, index) => makeUnit({ ...shape, ...aged(ageMs), sessionId: sessionIdOf(index) })),
  );

const someIds = fc.subarray(
  Array.from({ length: 30 }, (_, index) => sessionIdOf(index)),
  { maxLength: 6 },
);
const anyLive = fc.record({ live: someIds, running: someIds, pinned: someIds });

const anyMaxAgeMs = fc.oneof(fc.integer({ min: HOUR_MS, max: 130 * DAY_MS }), fc.constant('never' as const));
const anyProjectPolicy: fc.Arbitrary<ProjectPolicy> = fc.record({
  maxAgeMs: anyMaxAgeMs,
  keepLast: fc.nat(4),
  isOwnMaxAge: fc.boolean(),
  isSparedBySizeCap: fc.boolean(),
});
const anyCap = fc.oneof(fc.nat(12_000), fc.constant('off' as const));
const anyMinAgeMs = fc.integer({ min: HOUR_MS, max: 50 * DAY_MS });

const anyPolicy: fc.Arbitrary<PrunePolicy> = fc
  .record({
    minAgeMs: anyMinAgeMs,
    maxTotalBytes: anyCap,
    base: anyProjectPolicy,
    ofProjects: fc.dictionary(fc.constantFrom(...PROJECTS), anyProjectPolicy),
  })
  .map(({ minAgeMs, maxTotalBytes, base, ofProjects }) =>
    policyOf({ minAgeMs, maxTotalBytes, project: base }, ofProjects),
  );

/** One retention for all projects, as it is without overrides. */
const anyUniform = fc.record({
  minAgeMs: anyMinAgeMs,
  maxTotalBytes: anyCap,
  maxAgeMs: anyMaxAgeMs,
  keepLast: fc.nat(4),
});
type Uniform = typeof anyUniform extends fc.Arbitrary<infer T> ? T : never;

function uniformPolicy({ minAgeMs, maxTotalBytes, maxAgeMs, keepLast }: Uniform): PrunePolicy {
  return policyOf({ minAgeMs, maxTotalBytes, project: { maxAgeMs, keepLast } });
}

function removed(decisions: readonly Decision[]): Set<string> {
  return new Set(decisions.filter(({ remove }) => remove).map(({ unit }) => unit.sessionId));
}

function finite(limit: number | 'never' | 'off'): number {
  return typeof limit === 'number' ? limit : Number.POSITIVE_INFINITY;
}

const RUNS = { numRuns: 400 };

/** Whatever the laxer policy removes, the stricter one removes too; fails as well where nothing was ever removed. */
function expectStricterRemovesMore(anyPair: fc.Arbitrary<readonly [laxer: Uniform, stricter: Uniform]>): void {
  let removals = 0;
  fc.assert(
    fc.property(anyUnits, anyLive, anyPair, (units, live, [laxer, stricter]) => {
      const byLaxer = removed(decide(units, liveOf(live), uniformPolicy(laxer), NOW));
      const byStricter = removed(decide(units, liveOf(live), uniformPolicy(stricter), NOW));
      removals += byLaxer.size;
      for (const id of byLaxer) expect(byStricter).toContain(id);
    }),
    RUNS,
  );
  expect(removals).toBeGreaterThan(0);
}

describe('every plan', () => {
  it('decides on each unit once, in the order that they came in', () => {
    fc.assert(
      fc.property(anyUnits, anyLive, anyPolicy, (units, live, policy) => {
        expect(decide(units, liveOf(live), policy, NOW).map(({ unit }) => unit)).toEqual(units);
      }),
      RUNS,
    );
  });

  it('removes nothing that is live, running, pinned, doubtful, senseless or younger than the floor', () => {
    fc.assert(
      fc.property(anyUnits, anyLive, anyPolicy, (units, live, policy) => {
        const protectedIds = new Set([...live.live, ...live.running, ...live.pinned]);
        for (const { unit, remove } of decide(units, liveOf(live), policy, NOW)) {
          if (!remove) continue;
          expect(protectedIds).not.toContain(unit.sessionId);
          expect(unit.doubt).toBeUndefined();
          expect(NOW - unit.newestMtimeMs).toBeGreaterThanOrEqual(policy.minAgeMs);
          expect(unit.newestMtimeMs).toBeGreaterThanOrEqual(EARLIEST_SENSIBLE_TIME_MS);
        }
      }),
      RUNS,
    );
  });

  it('gives each removal a reason that is true', () => {
    fc.assert(
      fc.property(anyUnits, anyPolicy, (units, policy) => {
        for (const { unit, remove, reason } of decide(units, liveOf(), policy, NOW)) {
          if (!remove) continue;
          const { maxAgeMs, isSparedBySizeCap } = policy.forProject(unit.project);
          const isExpired = NOW - unit.newestMtimeMs > finite(maxAgeMs);
          expect(reason).toBe(isExpired ? (unit.hasTranscript ? 'expired' : 'orphan') : 'over-size');
          if (reason === 'over-size') expect(isSparedBySizeCap).toBe(false);
        }
      }),
      RUNS,
    );
  });

  it('does not depend on the order of its input', () => {
    const anyShuffled = anyUnits.chain((units) =>
      fc.tuple(fc.constant(units), fc.shuffledSubarray(units, { minLength: units.length })),
    );
    fc.assert(
      fc.property(anyShuffled, anyLive, anyPolicy, ([units, shuffled], live, policy) => {
        const reasonById = (input: readonly Unit[]) =>
          new Map(decide(input, liveOf(live), policy, NOW).map(({ unit, reason }) => [unit.sessionId, reason]));
        expect(reasonById(shuffled)).toEqual(reasonById(units));
      }),
      RUNS,
    );
  });

  it('leaves its input as it was', () => {
    fc.assert(
      fc.property(anyUnits, anyPolicy, (units, policy) => {
        const before = structuredClone(units);
        decide(Object.freeze(units), liveOf(), policy, NOW);
        expect(units).toEqual(before);
      }),
    );
  });

  it('removes more by a shorter maxAge', () => {
    expectStricterRemovesMore(
      fc.tuple(anyUniform, anyMaxAgeMs).map(([policy, other]) => {
        const [shorter, longer] =
          finite(other) < finite(policy.maxAgeMs) ? [other, policy.maxAgeMs] : [policy.maxAgeMs, other];
        return [
          { ...policy, maxAgeMs: longer },
          { ...policy, maxAgeMs: shorter },
        ] as const;
      }),
    );
  });

  it('removes more by a smaller size cap', () => {
    expectStricterRemovesMore(
      fc.tuple(anyUniform, anyCap).map(([policy, other]) => {
        const [smaller, bigger] =
          finite(other) < finite(policy.maxTotalBytes) ? [other, policy.maxTotalBytes] : [policy.maxTotalBytes, other];
        return [
          { ...policy, maxTotalBytes: bigger },
          { ...policy, maxTotalBytes: smaller },
        ] as const;
      }),
    );
  });

  it('removes more by a smaller age floor', () => {
    expectStricterRemovesMore(
      fc.tuple(anyUniform, anyMinAgeMs).map(([policy, other]) => {
        return [
          { ...policy, minAgeMs: Math.max(other, policy.minAgeMs) },
          { ...policy, minAgeMs: Math.min(other, policy.minAgeMs) },
        ] as const;
      }),
    );
  });

  it('removes more by a smaller keepLast, where there is no size cap', () => {
    expectStricterRemovesMore(
      fc.tuple(anyUniform, fc.nat(6)).map(([policy, more]) => {
        const uncapped = { ...policy, maxTotalBytes: 'off' as const };
        return [{ ...uncapped, keepLast: policy.keepLast + more }, uncapped] as const;
      }),
    );
  });

  it('removes less the more is live, where there is no size cap', () => {
    fc.assert(
      fc.property(anyUnits, anyLive, anyLive, anyPolicy, (units, live, more, policy) => {
        const uncapped: PrunePolicy = { ...policy, maxTotalBytes: 'off' };
        const both = liveOf({
          live: [...live.live, ...more.live],
          running: [...live.running, ...more.running],
          pinned: [...live.pinned, ...more.pinned],
        });
        const withFewer = removed(decide(units, liveOf(live), uncapped, NOW));
        for (const id of removed(decide(units, both, uncapped, NOW))) expect(withFewer).toContain(id);
      }),
      RUNS,
    );
  });

  it('leaves at most 80 % of a size cap that was passed, or only what no cap may take', () => {
    let overCap = 0;
    fc.assert(
      fc.property(anyUnits, anyLive, anyPolicy, fc.nat(12_000), (units, live, policy, cap) => {
        const decisions = decide(units, liveOf(live), { ...policy, maxTotalBytes: cap }, NOW);
        const bytes = (of: readonly Decision[]) => of.reduce((sum, { unit }) => sum + unit.bytes, 0);
        if (bytes(decisions) <= cap) return;
        overCap += 1;
        const kept = decisions.filter(({ remove }) => !remove);
        const takeable = kept.filter(({ unit, reason }) => {
          return reason === 'within-retention' && !policy.forProject(unit.project).isSparedBySizeCap;
        });
        if (bytes(kept) > cap * 0.8) expect(takeable).toEqual([]);
      }),
      RUNS,
    );
    expect(overCap).toBeGreaterThan(0);
  });

  it('takes nothing for its size while something older may still go', () => {
    fc.assert(
      fc.property(anyUnits, anyLive, anyPolicy, (units, live, policy) => {
        const decisions = decide(units, liveOf(live), policy, NOW);
        const taken = decisions.filter(({ reason }) => reason === 'over-size').map(({ unit }) => unit.newestMtimeMs);
        const left = decisions.filter(({ unit, reason }) => {
          return reason === 'within-retention' && !policy.forProject(unit.project).isSparedBySizeCap;
        });
        for (const { unit } of left) expect(unit.newestMtimeMs).toBeGreaterThanOrEqual(Math.max(...taken));
      }),
      RUNS,
    );
  });
});
