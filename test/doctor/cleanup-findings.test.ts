import { describe, expect, it } from 'vitest';
import { type CleanupPeriod, ZERO_PERIOD } from '../../src/claude-dir/cleanup-period.ts';
import { type CleanupView, cleanupFindings } from '../../src/doctor/cleanup-findings.ts';
import type { Exposure } from '../../src/jobs/exposed.ts';
import { DAY_MS, sessionIdOf } from '../support/tree.ts';
import { NOW } from '../support/units.ts';

const FILE = '/srv/claude/settings.json';
const SETTINGS: CleanupView['settings'] = {
  maxAge: 30 * DAY_MS,
  projects: [],
  'sessions.maxAge': 10 * DAY_MS,
  shield: 'wanted',
};
const NONE: Exposure = { sessions: 0, wanted: 0, byReason: {}, unshieldable: 0, notYetShielded: 0, shielded: 0 };
const SOME: Exposure = {
  ...NONE,
  periodDays: 30,
  sessions: 5,
  wanted: 2,
  byReason: { pinned: 2, 'within-retention': 3 },
  oldest: { sessionId: sessionIdOf(1), writtenAtMs: NOW - 28 * DAY_MS },
  fromMs: NOW + 2 * DAY_MS,
};

const byDefault = (days: number): CleanupPeriod => ({ source: 'default', file: undefined, days, desktopDays: 'ever' });
const byFile = (days: number, more: Partial<CleanupPeriod> = {}): CleanupPeriod => {
  return { source: 'user', file: FILE, days, desktopDays: 'ever', ...more };
};

function findings(
  view: Partial<Omit<CleanupView, 'settings'>> & { readonly settings?: Partial<CleanupView['settings']> },
) {
  const found = cleanupFindings({
    periods: [byDefault(60)],
    exposure: NONE,
    lastPruneMs: NOW - DAY_MS / 2,
    nowMs: NOW,
    ...view,
    settings: { ...SETTINGS, ...view.settings },
  });
  return Object.fromEntries(found.map((finding) => [finding.check, finding]));
}

describe("What doctor says of the period of Claude's own clean-up", () => {
  const period = (view: Parameters<typeof findings>[0]) => findings(view)['clean-up period'];

  it('is that all is well where the shortest is a day longer than what is to be kept', () => {
    expect(period({ periods: [byFile(60), byDefault(31)] })).toEqual({
      check: 'clean-up period',
      level: 'ok',
      message: '31 days by default',
    });
  });

  it('names the file, the period and what it comes before, and what would help', () => {
    expect(period({ periods: [byFile(7)], settings: { shield: 'off' } })).toEqual({
      check: 'clean-up period',
      level: 'problem',
      message: `Claude deletes after 7 days by ${FILE}, and rows of the resume map live for 10d, and transcripts are to live for 30d`,
      advice:
        'run adopt, so that Claude leaves the deleting to this program; or shield what is wanted (--shield wanted)',
    });
  });

  it.each([
    ['as long as a transcript is to live', byDefault(30), {}],
    ['as long as those of a single project are', byDefault(60), { projects: [{ match: '*', maxAge: 60 * DAY_MS }] }],
  ])('calls a period too short that is just %s: Claude deletes in the same hour', (_, one, settings) => {
    expect(period({ periods: [one], settings })).toMatchObject({
      level: 'problem',
      advice: expect.stringMatching(/^run adopt.*--shield all.*or keep it for \d+d at the most/),
    });
  });

  it('is worth knowing alone where the shield keeps all that lives longer', () => {
    for (const settings of [
      { maxAge: 'never' },
      { maxAge: 20 * DAY_MS, 'sessions.maxAge': 'never' },
      { maxAge: 20 * DAY_MS, projects: [{ match: '*', maxAge: 'never' }] },
      { maxAge: 60 * DAY_MS, shield: 'all' },
    ] as const) {
      const finding = period({ periods: [byDefault(30)], settings });
      expect(finding).toMatchObject({ level: 'notice' });
      expect(finding).not.toHaveProperty('advice');
    }
  });

  it('is no matter where it is many years', () => {
    expect(period({ periods: [byFile(36_500)], settings: { maxAge: 'never' } })).toMatchObject({ level: 'ok' });
  });

  it('leaves the managed settings to whoever manages them, and a project’s to the project', () => {
    for (const [source, advice] of [
      ['managed', 'by whoever manages it'],
      ['server-managed', 'by whoever manages it'],
      ['project', 'runs in that project delete for all'],
    ] as const) {
      expect(period({ periods: [byFile(7, { source })] })?.advice).toContain(advice);
    }
  });
});

describe('What doctor says of sessions that are exposed', () => {
  const exposed = (view: Parameters<typeof findings>[0]) => findings(view)['exposed sessions'];

  it('is that there are none, and how many only the shield keeps', () => {
    expect(exposed({})).toMatchObject({ level: 'ok', message: expect.not.stringContaining('shield') });
    expect(exposed({ exposure: { ...NONE, shielded: 7 } })).toMatchObject({
      level: 'ok',
      message: expect.stringContaining('the shield keeps 7'),
    });
  });

  it('tells how many and why they are kept, the oldest, when the first goes, and what would help', () => {
    expect(exposed({ periods: [byDefault(30)], exposure: SOME })).toEqual({
      check: 'exposed sessions',
      level: 'problem',
      message:
        "Claude's own clean-up deletes 5 that are kept here (2 pinned, 3 within-retention), for good: " +
        `the oldest is ${sessionIdOf(1)}, last written 2026-10-24; the first goes when Claude starts after 2026-11-23T04:17Z`,
      advice:
        'run adopt, so that Claude leaves the deleting to this program; ' +
        'or shield all that stays (--shield all), or keep it for 29d at the most (--max-age)',
    });
  });

  it('tells what the shield is too late for, and what it cannot reach', () => {
    const exposure = { ...SOME, sessions: 2, notYetShielded: 1, unshieldable: 1 };
    const { advice } = exposed({ exposure }) ?? {};
    expect(advice).toContain('--run-now');
    expect(advice).toContain('1 cannot be shielded');
    expect(advice).not.toContain('--shield all');
  });

  it('offers the shield over what is wanted where it is off', () => {
    expect(exposed({ exposure: SOME, settings: { shield: 'off' } })?.advice).toContain('--shield wanted');
  });

  it('is not told twice: the period is worth knowing then, and no problem of its own', () => {
    expect(findings({ periods: [byDefault(30)], exposure: SOME })['clean-up period']).toMatchObject({
      level: 'notice',
    });
  });

  it('is a problem where it cannot be told', () => {
    expect(exposed({ exposure: { unknown: 'the map cannot be read' } })).toMatchObject({
      level: 'problem',
      message: expect.stringContaining('the map cannot be read'),
    });
  });
});

describe('What doctor says of the shield', () => {
  const exposure = { ...NONE, shielded: 3, shieldedUntilMs: NOW + 5 * DAY_MS };

  it('is nothing while prunes come', () => {
    expect(findings({ exposure })).not.toHaveProperty('shield');
    expect(findings({ exposure: NONE, lastPruneMs: undefined })).not.toHaveProperty('shield');
  });

  it.each([
    ['has run yet', undefined],
    ['has run since 2026-11-18', NOW - 3 * DAY_MS],
  ])('is a problem where no prune %s: it holds no longer than the next one', (when, lastPruneMs) => {
    expect(findings({ exposure, lastPruneMs }).shield).toMatchObject({
      level: 'problem',
      message: expect.stringContaining(when),
      advice: expect.stringContaining('adopt'),
    });
  });
});

describe("What doctor says of settings that stop Claude's own clean-up", () => {
  it('is that they do so until somebody mends them, and what goes then', () => {
    expect(findings({ periods: [byFile(60, { paused: 'holds no JSON' })] })['clean-up settings']).toEqual({
      check: 'clean-up settings',
      level: 'notice',
      message: `${FILE} holds no JSON; known releases of Claude delete nothing by it until somebody mends it, and then what is older than 60 days`,
      advice: 'mend the file, or run adopt',
    });
  });

  it('is that a 0 is a problem: older releases delete everything on it', () => {
    expect(findings({ periods: [byFile(30, { paused: ZERO_PERIOD })] })['clean-up settings']).toMatchObject({
      level: 'problem',
      advice: expect.stringContaining('adopt'),
    });
  });
});
