import { describe, expect, it } from 'vitest';
import { exitCodeOf } from '../../src/cli/run.ts';
import type { ErrorKind } from '../../src/exit-codes.ts';
import type { Outcome } from '../../src/jobs/job-names.ts';
import type { RunResult } from '../../src/runs/run-result.ts';

interface Ended {
  readonly outcome: Outcome;
  readonly failure?: ErrorKind;
  readonly faults?: number;
}

function resultOf({ outcome, failure, faults = 0 }: Ended): RunResult {
  const fault = { kind: 'io', message: 'x' } as const;
  return {
    job: 'prune-transcripts',
    outcome,
    dryRun: false,
    startedAtMs: 0,
    durationMs: 1,
    report: { job: 'prune-transcripts', faults: Array.from({ length: faults }, () => fault) },
    held: [],
    allowWith: undefined,
    failure: failure === undefined ? undefined : { kind: failure, message: 'x' },
  };
}

describe('The exit code of a run by hand', () => {
  it.each<{ what: string; ended: readonly Ended[]; code: number }>([
    { what: 'no job at all', ended: [], code: 0 },
    { what: 'jobs that went well', ended: [{ outcome: 'ok' }, { outcome: 'ok' }], code: 0 },
    { what: 'a job that was done in part', ended: [{ outcome: 'ok' }, { outcome: 'partial', faults: 1 }], code: 74 },
    { what: 'a job that was left out for a lock', ended: [{ outcome: 'skipped', failure: 'locked' }], code: 75 },
    { what: 'a job that a guard holds back', ended: [{ outcome: 'held' }, { outcome: 'ok' }], code: 77 },
    { what: 'a source that could not be read', ended: [{ outcome: 'failed', failure: 'unavailable' }], code: 69 },
    { what: 'a failure that nobody foresaw', ended: [{ outcome: 'failed' }], code: 70 },
  ])('is $code for $what', ({ ended, code }) => {
    expect(exitCodeOf(ended.map(resultOf), false)).toBe(code);
  });

  it('is that of the worst that happened, in whichever order: a failure before what is held back, that before what was left out, and that before a part', () => {
    const worst = [
      { outcome: 'failed', failure: 'unsafe-root' },
      { outcome: 'held' },
      { outcome: 'skipped', failure: 'locked' },
      { outcome: 'partial', faults: 1 },
      { outcome: 'ok' },
    ] as const;
    for (const [from, code] of [73, 77, 75, 74, 0].entries()) {
      const results = worst.slice(from).map(resultOf);
      expect(exitCodeOf(results, false)).toBe(code);
      expect(exitCodeOf(results.toReversed(), false)).toBe(code);
    }
  });

  it('is 0 for a run that was asked to stop and did so in order, and not for one that met with a fault', () => {
    expect(exitCodeOf([resultOf({ outcome: 'partial' })], true)).toBe(0);
    expect(exitCodeOf([resultOf({ outcome: 'partial', faults: 1 })], true)).toBe(74);
    expect(exitCodeOf([resultOf({ outcome: 'partial' })], false)).toBe(74);
  });
});
