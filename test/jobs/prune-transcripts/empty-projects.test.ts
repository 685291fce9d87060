import { existsSync, mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { snapshot } from '../../support/disk.ts';
import { openClaudeDir, openTrash } from '../../support/opened.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { DAY_MS, makeClaudeDir, makeSession, writeAged } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';
import { A, B, prune } from './pruning.ts';

/** Gives the directory of a project the age of its last change. */
function age(path: string, project: string, ageMs: number): void {
  const changedAt = (NOW - ageMs) / 1_000;
  utimesSync(join(path, 'projects', project), changedAt, changedAt);
}

/** Two projects: of one, all sessions have expired; of the other, one has and one has not. */
function host(add: (path: string) => void = () => undefined): string {
  const path = makeClaudeDir(tempDir());
  makeSession(path, { id: A, project: '-gone', ageMs: 40 * DAY_MS, companions: ['tool-results/1.txt'] }, NOW);
  makeSession(path, { id: B, project: '-used', ageMs: 2 * DAY_MS }, NOW);
  add(path);
  for (const project of readdirSync(join(path, 'projects'))) age(path, project, 20 * DAY_MS);
  return path;
}

const isThere = (path: string, project: string) => existsSync(join(path, 'projects', project));

describe('A project directory in which a prune leaves nothing', () => {
  it('goes, and is made again where a session of it is restored', async () => {
    const path = host();
    const before = snapshot(join(path, 'projects'));
    expect(await prune(path)).toMatchObject({ removed: { sessions: 1 }, emptyProjects: 1, faults: [] });
    expect(readdirSync(join(path, 'projects'))).toEqual(['-used']);
    openTrash(openClaudeDir(path)).restore(A, NOW);
    expect(snapshot(join(path, 'projects'))).toEqual(before);
  });

  it('is counted by a dry run, which removes none', async () => {
    const path = host();
    expect(await prune(path, { context: { dryRun: true } })).toMatchObject({ emptyProjects: 1 });
    expect(isThere(path, '-gone')).toBe(true);
  });

  it.each([
    { what: 'the user’s memory', file: 'memory/MEMORY.md' },
    { what: 'what is nobody’s', file: 'notes.txt' },
    { what: 'a session that stays', file: `${B}.jsonl` },
  ])('stays where it holds $what', async ({ file }) => {
    const path = host((at) => writeAged(join(at, 'projects/-gone', file), 'kept', NOW - 2 * DAY_MS));
    const report = await prune(path);
    expect(report.removed?.sessions).toBe(1);
    expect(report.emptyProjects).toBeUndefined();
    expect(existsSync(join(path, 'projects/-gone', file))).toBe(true);
  });

  it('stays where it holds an empty directory: nothing in it is looked for', async () => {
    const path = host((at) => mkdirSync(join(at, 'projects/-gone/memory')));
    expect((await prune(path)).emptyProjects).toBeUndefined();
    expect(isThere(path, '-gone/memory')).toBe(true);
  });

  it('stays where something has come into it since the scan', async () => {
    const path = host();
    const recordRemovals = () => writeFileSync(join(path, 'projects/-gone/new.jsonl'), 'just begun');
    const report = await prune(path, { recorder: { recordRemovals } });
    expect(report.removed?.sessions).toBe(1);
    expect(report.emptyProjects).toBeUndefined();
    expect(readdirSync(join(path, 'projects/-gone'))).toEqual(['new.jsonl']);
  });

  it('goes where what a session had left behind in it, in entering a worktree, was all', async () => {
    const path = host((at) => writeAged(join(at, `projects/-left/${A}/tool-results/2.txt`), 'x', NOW - 40 * DAY_MS));
    expect(await prune(path)).toMatchObject({ removed: { sessions: 1, files: 3 }, emptyProjects: 2 });
    expect(readdirSync(join(path, 'projects'))).toEqual(['-used']);
  });
});

describe('A project directory that is empty already', () => {
  it.each([
    { what: 'goes once nothing has come into it for as long as minAge', ageMs: 2 * DAY_MS, goes: true },
    { what: 'stays until then', ageMs: DAY_MS / 2, goes: false },
    { what: 'stays where its time is of the future', ageMs: -DAY_MS, goes: false },
  ])('$what', async ({ ageMs, goes }) => {
    const path = host((at) => mkdirSync(join(at, 'projects/-empty')));
    age(path, '-empty', ageMs);
    await prune(path, { context: { dryRun: true } });
    expect(isThere(path, '-empty')).toBe(true);
    expect((await prune(path)).emptyProjects).toBe(goes ? 2 : 1);
    expect(isThere(path, '-empty')).toBe(!goes);
  });

  it('stays where it was used since the scan and is empty again', async () => {
    const path = host((at) => mkdirSync(join(at, 'projects/-empty')));
    const recordRemovals = () => age(path, '-empty', 0);
    expect(await prune(path, { recorder: { recordRemovals } })).toMatchObject({ emptyProjects: 1 });
    expect(isThere(path, '-empty')).toBe(true);
  });

  it('stays, and so does where it leads, where it is a symlink', async () => {
    const outside = tempDir();
    const path = host((at) => symlinkSync(outside, join(at, 'projects/-linked')));
    expect(await prune(path)).toMatchObject({ emptyProjects: 1 });
    expect(isThere(path, '-linked')).toBe(true);
    expect(existsSync(outside)).toBe(true);
  });
});
