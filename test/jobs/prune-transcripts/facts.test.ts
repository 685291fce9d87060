import { existsSync, readdirSync, statSync, truncateSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Unit } from '../../../src/claude-dir/unit.ts';
import type { TakeFacts } from '../../../src/jobs/prune-transcripts/facts.ts';
import { planWithFacts } from '../../../src/jobs/prune-transcripts/plan-with-facts.ts';
import { prunePolicy } from '../../../src/jobs/prune-transcripts/policy.ts';
import { SessionCopies } from '../../../src/jobs/prune-transcripts/session-copies.ts';
import { RunState } from '../../../src/jobs/run-state.ts';
import { readAllSources } from '../../../src/live-sources/live-source.ts';
import { contextOf } from '../../support/job-context.ts';
import { runProgram } from '../../support/process.ts';
import { SetClock } from '../../support/set-clock.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { tempPlace } from '../../support/temp-place.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf, writeAged } from '../../support/tree.ts';
import { makeUnit, NOW, rowsOf } from '../../support/units.ts';
import { prune } from './pruning.ts';

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
  const policy = prunePolicy({
    maxAge: 30 * DAY_MS,
    minAge: DAY_MS,
    maxTotalBytes,
    minFree: 'off',
    keepLast: 0,
    projects: [],
    classes: {},
  });
  const place = {
    kind: 'directory' as const,
    units: rowsOf(units),
    aged: rowsOf(units),
    protection: () => () => undefined,
    tellProtected: async () => undefined,
    freeableBytes: () => undefined,
    projectPaths: () => new Map(),
    asksForFacts: (row: number) => asksFor.includes(units[row] as Unit),
    facts: async (rows: readonly number[], _: unknown, take: TakeFacts) => {
      for (const row of rows) {
        const unit = units[row] as Unit;
        asked.push(unit.sessionId);
        const mark = tagged.includes(unit) ? ('tagged' as const) : undefined;
        take(row, { facts: { mark, lastEntryMs: undefined, sessionClass: undefined } });
      }
    },
  };
  const { sessions: live } = await readAllSources([]);
  const plan = await planWithFacts(place, {
    live,
    policy,
    copies: new SessionCopies(),
    clock: new SetClock(NOW),
    state: new RunState(contextOf()),
  });
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
    expect(await kept([...args, '--dry-run', '--keep-named'])).toEqual({ tagged: 1, named: 1 });
    expect(await kept(args)).toEqual({ tagged: 1 });
  });

  const dayOf = (ageDays: number) => new Date(Date.now() - ageDays * DAY_MS).toISOString();
  const turn = (ageDays: number, fields: object = {}) => entry({ type: 'user', ...fields, timestamp: dayOf(ageDays) });
  const stub = entry({ type: 'ai-title', aiTitle: 'A title' });

  /** Whether each session is still there after a prune, by its place in the list. */
  async function staying(sessions: readonly { content: string; ageDays: number }[], ...flags: readonly string[]) {
    const place = tempPlace();
    const made = sessions.map(({ content, ageDays }, index) =>
      makeSession(place.claudeDir, { id: sessionIdOf(index), ageMs: ageDays * DAY_MS, content }),
    );
    expect(await runProgram([...place.flags, '--run-now', '--job', 'prune-transcripts', ...flags])).toMatchObject({
      code: 0,
    });
    return made.map(({ files }) => files.every((file) => existsSync(join(place.claudeDir, file))));
  }

  it('goes by the younger one of what a file and what its entries say', async () => {
    const sessions = [
      { content: turn(1), ageDays: 60 },
      { content: turn(60), ageDays: 1 },
      { content: turn(60), ageDays: 60 },
    ];
    expect(await staying(sessions)).toEqual([true, true, false]);
  });

  it('counts conversations for keepLast, not what has a title alone', async () => {
    const conversations = [1, 2, 3].map(() => ({ content: turn(60), ageDays: 60 }));
    const stubs = [1, 2, 3, 4, 5].map(() => ({ content: stub, ageDays: 40 }));
    const expected = [true, true, true, false, false, false, false, false];
    expect(await staying([...conversations, ...stubs], '--keep-last', '3')).toEqual(expected);
    const young = stubs.map(({ content }) => ({ content, ageDays: 2 }));
    expect((await staying([...conversations, ...young], '--keep-last', '3')).slice(0, 3)).toEqual([true, true, true]);
  });

  it('ranks conversations for keepLast by what stands in them, though a tool has touched them all', async () => {
    const sessions = [50, 45, 40].map((days) => ({ content: turn(days), ageDays: 35 }));
    expect(await staying(sessions, '--keep-last', '1')).toEqual([false, false, true]);
  });

  it('takes what is no conversation after a week, or with the conversations where those go sooner', async () => {
    const sessions = [
      { content: stub, ageDays: 8 },
      { content: stub, ageDays: 6 },
      { content: stub + turn(8), ageDays: 8 },
    ];
    expect(await staying(sessions)).toEqual([false, true, true]);
    expect(await staying(sessions, '--max-age', '5d')).toEqual([false, false, false]);
    expect(await staying(sessions, '--max-age', 'never')).toEqual([true, true, true]);
    expect(await staying(sessions, '--classes', '{metadata: {maxAge: 30d}}')).toEqual([true, true, true]);
  });

  it('keeps what Desktop has made or written last, as Claude does, unless its class has an age', async () => {
    const sessions = [
      { content: turn(60, { entrypoint: 'claude-desktop' }), ageDays: 60 },
      { content: turn(61, { entrypoint: 'cli' }) + turn(60, { entrypoint: 'local-agent' }), ageDays: 60 },
      { content: turn(60, { entrypoint: 'cli' }), ageDays: 60 },
    ];
    expect(await staying(sessions)).toEqual([true, true, false]);
    expect(await staying(sessions, '--max-total-bytes', '1KB')).toEqual([true, true, false]);
    expect(await staying(sessions, '--classes', '{desktop: {maxAge: 59d}}')).toEqual([false, false, false]);
  });

  it('calls nothing of Desktop exposed, which Claude keeps too, and shields a class that is to stay for ever', async () => {
    const { claudeDir, flags } = tempPlace();
    makeSession(claudeDir, {
      id: sessionIdOf(0),
      ageMs: 60 * DAY_MS,
      content: turn(60, { entrypoint: 'claude-desktop' }),
    });
    makeSession(claudeDir, { id: sessionIdOf(1), ageMs: 29 * DAY_MS, content: turn(29, { entrypoint: 'cli' }) });
    const args = [...flags, '--run-now', '--job', 'prune-transcripts', '--json', '--classes', '{cli: {maxAge: never}}'];
    const { stdout } = await runProgram(args);
    expect(JSON.parse(stdout)).toMatchObject({ jobs: [{ shielded: 1 }] });
    const again = JSON.parse((await runProgram([...args, '--dry-run'])).stdout);
    expect(Object.values(again.jobs[0].exposed)).toMatchObject([{ sessions: 0, shielded: 1 }]);
  });

  it('goes by the age of a class, and by that of a project where it is the longer one', async () => {
    const sessions = [
      { content: turn(8, { entrypoint: 'sdk-ts' }), ageDays: 8 },
      { content: turn(8, { entrypoint: 'cli' }), ageDays: 8 },
    ];
    const classes = ['--classes', '{sdk: {maxAge: 7d}}'];
    expect(await staying(sessions, ...classes)).toEqual([false, true]);
    expect(await staying(sessions, ...classes, '--projects', '[{match: "*", maxAge: 20d}]')).toEqual([true, true]);
  });

  it('takes a session that has something huge beside its transcript', async () => {
    const path = makeClaudeDir(tempDir());
    makeSession(path, { id: sessionIdOf(1), ageMs: 40 * DAY_MS, companions: ['tool-results/huge.txt'] }, NOW);
    const huge = join(path, `projects/-srv-app/${sessionIdOf(1)}/tool-results/huge.txt`);
    truncateSync(huge, 2 ** 40);
    utimesSync(huge, (NOW - 40 * DAY_MS) / 1_000, (NOW - 40 * DAY_MS) / 1_000);
    expect(await prune(path)).toMatchObject({ removed: { sessions: 1 }, faults: [] });
  });

  it('goes by the age of background jobs and of programs only where no person has answered in them', async () => {
    const job = (...turns: readonly string[]) => ({
      content: turns.map((turnOrigin) => turn(8, { entrypoint: 'cli', turnOrigin, sessionKind: 'bg' })).join(''),
      ageDays: 8,
    });
    const program = (...turns: readonly string[]) => ({
      content: turns.map((turnOrigin) => turn(8, { entrypoint: 'sdk-ts', turnOrigin })).join(''),
      ageDays: 8,
    });
    const sessions = [
      job('human'),
      job('human', 'human'),
      program('sdk', 'sdk'),
      program('sdk', 'human'),
      program('scheduled'),
    ];
    expect(await staying(sessions, '--classes', '{background: {maxAge: 7d}}')).toEqual([
      false,
      true,
      true,
      true,
      false,
    ]);
    expect(await staying(sessions, '--classes', '{sdk: {maxAge: 7d}}')).toEqual([true, true, false, true, true]);
  });

  it('goes by the age of the archive for what the SDK has put there, until it is used again', async () => {
    const archive = async (...flags: readonly string[]) => {
      const { claudeDir, flags: place } = tempPlace();
      const made = [20, 20, 20].map((ageDays, index) => {
        const companions = ['archived.json'];
        return makeSession(claudeDir, {
          id: sessionIdOf(index),
          ageMs: ageDays * DAY_MS,
          content: turn(ageDays),
          companions,
        });
      });
      const records = [
        { archived: true, at: dayOf(19), by: 'sdk' },
        { archived: true, at: dayOf(21), by: 'sdk' },
        { archived: false, at: dayOf(19), by: 'sdk' },
      ];
      for (const [index, record] of records.entries()) {
        const path = join(claudeDir, 'projects/-srv-app', sessionIdOf(index), 'archived.json');
        writeAged(path, JSON.stringify(record), Date.now() - 20 * DAY_MS);
      }
      await runProgram([...place, '--run-now', '--job', 'prune-transcripts', ...flags]);
      return made.map(({ files }) => files.every((file) => existsSync(join(claudeDir, file))));
    };
    expect(await archive('--classes', '{archived: {maxAge: 14d}}')).toEqual([false, true, true]);
    expect(await archive('--max-age', '14d', '--classes', '{archived: {maxAge: never}}')).toEqual([true, false, false]);
    expect(await archive()).toEqual([true, true, true]);
  });

  it('keeps what is too large to be a transcript, says so, and goes on with the others', async () => {
    const { claudeDir, flags } = tempPlace();
    for (const number of [0, 1]) {
      makeSession(claudeDir, { id: sessionIdOf(number), ageMs: 60 * DAY_MS, content: turn(60) });
    }
    const sparse = join(claudeDir, `projects/-srv-app/${sessionIdOf(0)}.jsonl`);
    const { atimeMs, mtimeMs } = statSync(sparse);
    truncateSync(sparse, 2 ** 40);
    utimesSync(sparse, atimeMs / 1000, mtimeMs / 1000);
    const run = await runProgram([...flags, '--run-now', '--job', 'prune-transcripts']);
    expect(run).toMatchObject({ code: 74, stdout: expect.stringContaining('too large to be a transcript') });
    expect(run.stdout).toContain(sessionIdOf(0));
    expect(readdirSync(join(claudeDir, 'projects/-srv-app'))).toEqual([`${sessionIdOf(0)}.jsonl`]);
  });
});
