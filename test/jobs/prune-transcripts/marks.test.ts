import { describe, expect, it } from 'vitest';
import type { Unit } from '../../../src/claude-dir/unit.ts';
import { planWithMarks } from '../../../src/jobs/prune-transcripts/plan-with-marks.ts';
import { prunePolicy } from '../../../src/jobs/prune-transcripts/policy.ts';
import { RunState } from '../../../src/jobs/run-state.ts';
import { readAllSources } from '../../../src/live-sources/live-source.ts';
import { contextOf } from '../../support/job-context.ts';
import { runProgram } from '../../support/process.ts';
import { SetClock } from '../../support/set-clock.ts';
import { tempPlace } from '../../support/temp-place.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../../support/tree.ts';
import { makeUnit, NOW, rowsOf } from '../../support/units.ts';

interface Place {
  readonly maxTotalBytes?: number | 'off';
  /** Of which it has to be known what they say of themselves, though they stay. */
  readonly asksFor?: readonly Unit[];
}

async function planned(
  units: readonly Unit[],
  tagged: readonly Unit[],
  { maxTotalBytes = 'off', asksFor = [] }: Place = {},
) {
  const asked: string[] = [];
  const policy = prunePolicy({ maxAge: 30 * DAY_MS, minAge: DAY_MS, maxTotalBytes, keepLast: 0, projects: [] });
  const place = {
    aged: rowsOf(units),
    protection: () => () => undefined,
    asksForMark: (row: number) => asksFor.includes(units[row] as Unit),
    mark: (row: number) => {
      const unit = units[row] as Unit;
      asked.push(unit.sessionId);
      return { mark: tagged.includes(unit) ? ('tagged' as const) : undefined };
    },
  };
  const { sessions: live } = await readAllSources([]);
  const plan = await planWithMarks(place, { live, policy, clock: new SetClock(NOW), state: new RunState(contextOf()) });
  return { asked, reasons: units.map((_, row) => `${plan.isRemoval(row) ? 'remove' : 'keep'} ${plan.reason(row)}`) };
}

const aged = (number: number, days: number, bytes = 100) =>
  makeUnit({ sessionId: sessionIdOf(number), newestMtimeMs: NOW - days * DAY_MS, bytes });

describe('a plan that asks the transcripts', () => {
  it('looks into what is to go alone, and once', async () => {
    const units = [aged(1, 40), aged(2, 2), aged(3, 50)];
    const { asked, reasons } = await planned(units, [units[2] as Unit]);
    expect(reasons).toEqual(['remove expired', 'keep within-retention', 'keep tagged']);
    expect(asked).toEqual([sessionIdOf(1), sessionIdOf(3)]);
  });

  it('looks into one that stays, too, where its mark has to be known, and not into one that stays for another reason', async () => {
    const units = [aged(1, 28), aged(2, 28), aged(3, 2)];
    const { asked, reasons } = await planned(units, [units[0] as Unit], { asksFor: units.slice(0, 2) });
    expect(reasons).toEqual(['keep tagged', 'keep within-retention', 'keep within-retention']);
    expect(asked).toEqual([sessionIdOf(1), sessionIdOf(2)]);
  });

  it('takes others for the size cap where a tag keeps what would have gone, and asks them too', async () => {
    const units = [aged(1, 20), aged(2, 15), aged(3, 10)];
    const { asked, reasons } = await planned(units, [units[0] as Unit], { maxTotalBytes: 250 });
    expect(reasons).toEqual(['keep tagged', 'remove over-size', 'keep within-retention']);
    expect(asked).toEqual([sessionIdOf(1), sessionIdOf(2)]);
  });
});

describe('a prune', () => {
  const entry = (fields: object) => `${JSON.stringify({ ...fields, sessionId: 'x' })}\n`;
  const CONTENTS = {
    tagged: entry({ type: 'tag', tag: 'keep' }),
    named: entry({ type: 'custom-title', customTitle: 'My work' }),
    cleared: entry({ type: 'tag', tag: 'keep' }) + entry({ type: 'tag', tag: '' }),
    plain: entry({ type: 'user' }),
  };

  function host() {
    const { claudeDir, flags } = tempPlace();
    for (const [index, content] of Object.values(CONTENTS).entries()) {
      makeSession(claudeDir, { id: sessionIdOf(index), ageMs: 40 * DAY_MS, content });
    }
    return { args: [...flags, '--run-now', '--json'] };
  }

  async function kept(args: readonly string[]): Promise<unknown> {
    const { stdout } = await runProgram([...args, '--job', 'prune-transcripts']);
    return (JSON.parse(stdout) as { jobs: { kept: unknown }[] }).jobs[0]?.kept;
  }

  it('keeps what is tagged, and with keepNamed what has a title; in a dry run too', async () => {
    const { args } = host();
    expect(await kept([...args, '--dry-run'])).toEqual({ tagged: 1 });
    expect(await kept([...args, '--dry-run', '--keep-named', 'true'])).toEqual({ tagged: 1, named: 1 });
    expect(await kept(args)).toEqual({ tagged: 1 });
  });
});
