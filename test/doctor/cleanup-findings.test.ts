import { describe, expect, it } from 'vitest';
import type { CleanupPeriod } from '../../src/claude-dir/settings.ts';
import { cleanupFindings } from '../../src/doctor/cleanup-findings.ts';
import { DAY_MS } from '../support/tree.ts';

const FILE = '/srv/claude/settings.json';
const KEPT = { maxAge: 30 * DAY_MS, 'sessions.maxAge': 10 * DAY_MS, shield: false };

const byDefault = (days: number): CleanupPeriod => ({ source: 'default', file: undefined, days, desktopDays: 'ever' });
const byFile = (days: number, more: Partial<CleanupPeriod> = {}): CleanupPeriod => {
  return { source: 'user', file: FILE, days, desktopDays: 'ever', ...more };
};

describe("What doctor says of Claude's own clean-up", () => {
  it('is that all is well where every period is longer than what is to be kept', () => {
    expect(cleanupFindings([byDefault(31), byFile(60)], KEPT)).toEqual([
      { check: 'clean-up period', level: 'ok', message: 'longer than what is to be kept here' },
    ]);
  });

  it('names the file, the period and what it comes before, and how to mend it', () => {
    expect(cleanupFindings([byFile(7)], KEPT)).toEqual([
      {
        check: 'clean-up period',
        level: 'problem',
        message: `Claude deletes after 7 days by ${FILE}, and rows of the resume map live for 10d, and transcripts are to live for 30d`,
        advice: `set cleanupPeriodDays to more, in ${FILE}, or run with --shield true`,
      },
    ]);
  });

  it('calls a period too short that is just as long as a transcript is to live', () => {
    const [finding] = cleanupFindings([byDefault(30)], KEPT);
    expect(finding?.message).toBe('Claude deletes after 30 days by default, and transcripts are to live for 30d');
  });

  it('is a problem for whatever is never to go, however long the period is', () => {
    const [finding] = cleanupFindings([byDefault(3_650)], { ...KEPT, maxAge: 'never' });
    expect(finding).toMatchObject({ level: 'problem', message: expect.stringContaining('live for ever') });
  });

  it('is worth knowing, and needs no advice, where the shield stands between', () => {
    const [finding] = cleanupFindings([byFile(7)], { ...KEPT, shield: true });
    expect(finding).toMatchObject({ level: 'notice' });
    expect(finding).not.toHaveProperty('advice');
  });

  it('leaves the managed settings to whoever manages them', () => {
    const [finding] = cleanupFindings([byFile(7, { source: 'managed' })], KEPT);
    expect(finding?.advice).toMatch(/^run with --shield true; whoever manages/);
  });

  it('tells of a file over which Claude deletes nothing until it is mended', () => {
    const paused = 'is no JSON';
    const [harmless] = cleanupFindings([byFile(60, { paused })], KEPT);
    expect(harmless).toMatchObject({ level: 'notice', message: expect.stringContaining(`${FILE} is no JSON: `) });
    const [short] = cleanupFindings([byFile(7, { paused })], KEPT);
    expect(short).toMatchObject({ level: 'problem', message: expect.stringContaining('for now it deletes nothing') });
  });

  it('has one finding for each file that sets a period too short', () => {
    const findings = cleanupFindings([byFile(7), byDefault(60), byFile(3)], KEPT);
    expect(findings.map(({ message }) => /after (\d+) days/.exec(message)?.[1])).toEqual(['7', '3']);
  });
});
