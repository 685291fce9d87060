import { readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runProgram } from '../../support/process.ts';
import { tempPlace } from '../../support/temp-place.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../../support/tree.ts';

const transcriptOf = (claudeDir: string, number: number) =>
  join(claudeDir, `projects/-srv-app/${sessionIdOf(number)}.jsonl`);
const ageDays = (path: string) => (Date.now() - statSync(path).mtimeMs) / DAY_MS;

/** Sessions 1, 2, 3 of 28, 27 and 10 days, all live; 4 of 28 days, which is not; settings of the given period. */
async function host(cleanupPeriodDays?: number) {
  const { claudeDir, flags: args } = tempPlace();
  for (const [number, days] of [
    [1, 28],
    [2, 27],
    [3, 10],
    [4, 28],
  ] as const) {
    const id = sessionIdOf(number);
    makeSession(claudeDir, { id, ageMs: days * DAY_MS, companions: ['tool-results/1.txt'] });
    const old = new Date(Date.now() - days * DAY_MS);
    utimesSync(join(claudeDir, `projects/-srv-app/${id}/tool-results`), old, old);
  }
  if (cleanupPeriodDays !== undefined) {
    writeFileSync(join(claudeDir, 'settings.json'), JSON.stringify({ cleanupPeriodDays }));
  }
  for (const number of [1, 2, 3]) {
    await runProgram([...args, 'sessions', 'set', `forgejo:a:acme/app:${number}`, sessionIdOf(number)]);
  }
  const prune = async (...flags: string[]) => {
    const { stdout } = await runProgram([...args, '--run-now', '--json', '--job', 'prune-transcripts', ...flags]);
    return (JSON.parse(stdout) as { jobs: { shielded?: number; removed: { sessions: number } }[] }).jobs[0];
  };
  return { claudeDir, args, prune };
}

describe('the shield', () => {
  it("makes live sessions that come near Claude's limit younger, no younger than they must be, and nothing else", async () => {
    const { claudeDir, prune } = await host();
    expect(await prune('--shield', 'true')).toMatchObject({ shielded: 2, removed: { sessions: 0 } });
    expect(ageDays(transcriptOf(claudeDir, 1))).toBeCloseTo(24, 1);
    expect(ageDays(transcriptOf(claudeDir, 3))).toBeCloseTo(10, 1);
    expect(ageDays(transcriptOf(claudeDir, 4))).toBeCloseTo(28, 1);
    const companions = join(claudeDir, `projects/-srv-app/${sessionIdOf(1)}/tool-results`);
    for (const path of [companions, join(companions, '1.txt')]) expect(ageDays(path)).toBeCloseTo(24, 1);
  });

  it('keeps their order, so that the newest stays the newest', async () => {
    const { claudeDir, prune } = await host();
    await prune('--shield', 'true');
    const [first, second, third] = [1, 2, 3].map((number) => statSync(transcriptOf(claudeDir, number)).mtimeMs);
    expect(first).toBeLessThan(second ?? 0);
    expect(second).toBeLessThan(third ?? 0);
  });

  it('lets none overtake a session that was used later and is nowhere near the limit, at the next run neither', async () => {
    const { claudeDir, prune } = await host();
    makeSession(claudeDir, { id: sessionIdOf(5), ageMs: 23 * DAY_MS });
    for (const _ of ['first', 'next']) {
      await prune('--shield', 'true');
      const [first, second, fifth] = [1, 2, 5].map((number) => statSync(transcriptOf(claudeDir, number)).mtimeMs);
      expect(first).toBeLessThan(second ?? 0);
      expect(second).toBeLessThan(fifth ?? 0);
    }
  });

  it('does not change how old they are to us: once they are live no more, they go when their time has come', async () => {
    const { claudeDir, args, prune } = await host();
    await prune('--shield', 'true');
    await runProgram([...args, 'sessions', 'drop', 'forgejo:a:acme/app:1']);
    expect(await prune('--max-age', '27d')).toMatchObject({ removed: { sessions: 2 } });
    expect(
      readdirSync(join(claudeDir, 'projects/-srv-app'))
        .filter((name) => name.endsWith('.jsonl'))
        .toSorted(),
    ).toEqual([2, 3].map((number) => `${sessionIdOf(number)}.jsonl`));
  });

  it('counts a use afterwards as one', async () => {
    const { claudeDir, args, prune } = await host();
    await prune('--shield', 'true');
    await runProgram([...args, 'sessions', 'drop', 'forgejo:a:acme/app:1']);
    const used = new Date(Date.now() - 5 * DAY_MS);
    utimesSync(transcriptOf(claudeDir, 1), used, used);
    expect(await prune('--max-age', '27d')).toMatchObject({ removed: { sessions: 1 } });
  });

  it('is held where Claude has paused its clean-up, too: it goes on once somebody mends the settings', async () => {
    const { claudeDir, prune } = await host(0);
    expect(await prune('--shield', 'true')).toMatchObject({ shielded: 2 });
    expect(ageDays(transcriptOf(claudeDir, 1))).toBeCloseTo(24, 1);
  });

  it('is off unless it is asked for, and does nothing in a dry run', async () => {
    const { claudeDir, prune } = await host();
    await prune();
    await prune('--shield', 'true', '--dry-run');
    expect(ageDays(transcriptOf(claudeDir, 1))).toBeCloseTo(28, 1);
  });
});
