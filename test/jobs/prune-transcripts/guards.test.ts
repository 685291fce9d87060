import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { emptiedSource, massRemoval, type PruneMemory } from '../../../src/jobs/prune-transcripts/guards.ts';
import { runProgram } from '../../support/program.ts';
import { snapshot } from '../../support/snapshot.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../../support/tree.ts';

function memoryOf(known: { readonly sessions?: number; readonly ids?: Readonly<Record<string, number>> }): PruneMemory {
  return { knownSessions: () => known.sessions, knownLiveIds: (source) => known.ids?.[source] };
}

describe('a mass removal', () => {
  it.each([
    { what: 'of most of a tree that earlier runs knew', known: 100, sessions: 100, removals: 51, isRefused: true },
    { what: 'of all of it', known: 20, sessions: 20, removals: 20, isRefused: true },
    { what: 'of half of it', known: 100, sessions: 100, removals: 50, isRefused: false },
    { what: 'by a first run', known: undefined, sessions: 100, removals: 100, isRefused: false },
    { what: 'of a handful', known: 19, sessions: 19, removals: 19, isRefused: false },
    { what: 'of nothing', known: 100, sessions: 0, removals: 0, isRefused: false },
  ])('$what is refused: $isRefused', ({ known, sessions, removals, isRefused }) => {
    const memory = memoryOf(known === undefined ? {} : { sessions: known });
    expect(massRemoval('/c', { sessions, removals }, memory) !== undefined).toBe(isRefused);
  });
});

describe('a live source that names nobody', () => {
  it.each([
    { source: 'resume-map', known: 10, now: 0, isRefused: true },
    { source: 'keep-list', known: 10, now: 0, isRefused: true },
    { source: 'resume-map', known: 100, now: 10, isRefused: true },
    { source: 'resume-map', known: 100, now: 11, isRefused: false },
    { source: 'resume-map', known: 9, now: 0, isRefused: false },
    { source: 'resume-map', known: undefined, now: 0, isRefused: false },
    { source: 'running-processes', known: 100, now: 0, isRefused: false },
  ])('and named $known before as $source is refused: $isRefused', ({ source, known, now, isRefused }) => {
    const memory = memoryOf(known === undefined ? {} : { ids: { [source]: known } });
    expect(emptiedSource({ [source]: now }, memory) !== undefined).toBe(isRefused);
  });
});

describe('the guards at work', () => {
  interface Host {
    readonly claudeDir: string;
    readonly args: readonly string[];
  }

  function makeHost(): Host {
    const root = tempDir();
    const claudeDir = join(root, 'claude');
    for (let number = 0; number < 30; number += 1) {
      makeSession(claudeDir, { id: sessionIdOf(number), ageMs: 10 * DAY_MS });
    }
    return { claudeDir, args: ['--claude-dir', claudeDir, '--state-dir', join(root, 'state')] };
  }

  const transcripts = (host: Host) => readdirSync(join(host.claudeDir, 'projects/-srv-app')).length;

  it('refuse a retention that a mistake has shortened, show it in a dry run, and give way when told', async () => {
    const host = makeHost();
    expect((await runProgram([...host.args, '--run-now'])).code).toBe(0);
    const mistaken = [...host.args, '--max-age', '3d', '--run-now'];
    const refused = await runProgram(mistaken);
    expect(refused.code).toBe(65);
    expect(refused.stdout).toContain('30 of the 30 sessions');
    expect(refused.stdout).toContain('--allow-mass-removal');
    expect(transcripts(host)).toBe(30);

    const before = snapshot(host.claudeDir);
    const dry = await runProgram([...mistaken, '--dry-run']);
    expect(dry.code).toBe(74);
    expect(dry.stdout).toContain('30 sessions');
    expect(dry.stdout).toContain('--allow-mass-removal');
    expect(snapshot(host.claudeDir)).toEqual(before);

    expect((await runProgram([...mistaken, '--allow-mass-removal'])).code).toBe(0);
    expect(transcripts(host)).toBe(0);
  });

  it.each([
    { what: 'has lost its rows', by: 'drop', code: 65 },
    { what: 'has been swept of them', by: 'sweep', code: 0 },
  ])('let a prune after the resume map $what end with $code', async ({ by, code }) => {
    const host = makeHost();
    for (let number = 0; number < 10; number += 1) {
      await runProgram([...host.args, 'sessions', 'set', `forgejo:a:acme/app:${number}`, sessionIdOf(number)]);
    }
    expect((await runProgram([...host.args, '--run-now'])).code).toBe(0);
    const sweep = [...host.args, '--run-now', '--job', 'sweep-sessions', '--sessions-max-age', '1ms'];
    if (by === 'drop') {
      for (let number = 0; number < 10; number += 1) {
        await runProgram([...host.args, 'sessions', 'drop', `forgejo:a:acme/app:${number}`]);
      }
    }
    expect((await runProgram(sweep)).code).toBe(0);
    const prune = await runProgram([...host.args, '--run-now', '--job', 'prune-transcripts', '--max-age', '11d']);
    expect(prune.code).toBe(code);
    expect(prune.stdout.includes('resume-map named 10 sessions before')).toBe(by === 'drop');
  });
});
