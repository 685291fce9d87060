import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SHUTDOWN_BUDGET } from '../../src/process/shutdown-budget.ts';

describe('The time to leave', () => {
  it('is divided so that each is through before the next one loses patience', () => {
    const { databaseWaitMs, runGraceMs, noticeGraceMs, daemonWaitMs, leaveAfterMs, promisedMs } = SHUTDOWN_BUDGET;
    const inOrder = [0, databaseWaitMs, runGraceMs, runGraceMs + noticeGraceMs, daemonWaitMs, leaveAfterMs, promisedMs];
    expect(inOrder).toEqual([...new Set(inOrder)].toSorted((left, right) => left - right));
    expect(Object.keys(SHUTDOWN_BUDGET)).toHaveLength(inOrder.length - 1);
  });

  it('is what the docs promise', () => {
    const text = readFileSync(new URL('../../docs/operating.md', import.meta.url), 'utf8');
    expect(SHUTDOWN_BUDGET.promisedMs).toBe(5_000);
    expect(text).toMatch(/SIGTERM[^.]*\bin under five seconds\b/);
  });
});
