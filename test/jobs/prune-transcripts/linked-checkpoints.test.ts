import { linkSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SessionId } from '../../../src/claude-dir/session-id.ts';
import { partPath } from '../../../src/claude-dir/unit.ts';
import { outsideSweeper, snapshot, trashedIn } from '../../support/disk.ts';
import { openClaudeDir, openTrash } from '../../support/opened.ts';
import { scanned } from '../../support/scanned.ts';
import { scriptedSource } from '../../support/scripted-source.ts';
import { takeUnit } from '../../support/taken.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { trashSessions } from '../../support/trashed.ts';
import { DAY_MS, makeClaudeDir, makeSession } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';
import { A, B, C, prune } from './pruning.ts';

const CHECKPOINT = 'aaaa1111@v1';
const checkpointOf = (id: SessionId) => `file-history/${id}/${CHECKPOINT}`;

/** Three old sessions; the second went on from the first under a new id, so that they have a checkpoint in common. */
function host(): string {
  const path = makeClaudeDir(tempDir());
  for (const id of [A, B, C]) {
    makeSession(path, { id, ageMs: 60 * DAY_MS, ...(id === A ? { elsewhere: [checkpointOf(A)] } : {}) }, NOW);
  }
  link(path, checkpointOf(A), checkpointOf(B));
  return path;
}

function link(path: string, from: string, to: string): void {
  mkdirSync(dirname(join(path, to)), { recursive: true });
  linkSync(join(path, from), join(path, to));
}

const namesOf = (path: string, file: string) => lstatSync(join(path, file)).nlink;
const ownFiles = (path: string) => outsideSweeper(snapshot(path));
const doubtOf = (path: string, id: SessionId) =>
  scanned(openClaudeDir(path)).units.find(({ sessionId }) => sessionId === id)?.doubt;

function restore(path: string, id: SessionId): void {
  openTrash(openClaudeDir(path)).restore(id, NOW);
}

describe('Sessions with a checkpoint in common', () => {
  it('all go at once, and each comes back with its checkpoint', async () => {
    const path = host();
    const before = ownFiles(path);
    expect(await prune(path)).toMatchObject({ removed: { sessions: 3, files: 5 }, kept: {}, faults: [] });
    expect(ownFiles(path).size).toBe(0);
    restore(path, B);
    expect(ownFiles(path).get(checkpointOf(B))).toEqual(before.get(checkpointOf(B)));
    expect(ownFiles(path).has(checkpointOf(A))).toBe(false);
    restore(path, A);
    restore(path, C);
    expect(ownFiles(path)).toEqual(before);
    expect(namesOf(path, checkpointOf(A))).toBe(2);
  });

  it('go one after the other where one is live for longer: its name in the trash is the directory’s own', async () => {
    const path = host();
    const live = scriptedSource({ planned: [B] });
    expect(await prune(path, { sources: [live] })).toMatchObject({ removed: { sessions: 2 }, kept: { live: 1 } });
    expect(doubtOf(path, B)).toBeUndefined();
    expect(await prune(path)).toMatchObject({ removed: { sessions: 1 }, kept: {} });
    expect([...trashedIn(snapshot(path)).keys()].toSorted()).toContain(checkpointOf(B));
  });

  it('are named alike by a dry run', async () => {
    const path = host();
    const before = snapshot(path);
    expect(await prune(path, { context: { dryRun: true } })).toMatchObject({ removed: { sessions: 3 }, kept: {} });
    expect(snapshot(path)).toEqual(before);
  });

  it('are taken for what they are after the purge of one of them', async () => {
    const path = host();
    const run = trashSessions(path, [A], NOW - DAY_MS);
    rmSync(join(path, 'session-sweeper/trash', run), { recursive: true });
    expect(namesOf(path, checkpointOf(B))).toBe(1);
    expect(doubtOf(path, B)).toBeUndefined();
  });

  it('are put back whole, the link with them, after a kill in the midst of one of them', async () => {
    const path = host();
    const before = ownFiles(path);
    const claudeDir = openClaudeDir(path);
    const trash = openTrash(claudeDir);
    const { units } = scanned(claudeDir);
    const run = trash.beginFolder(NOW);
    run.intend(
      units.map((unit) => ({ unit, reason: 'expired' })),
      NOW,
    );
    run.close();
    const [moved] = units.flatMap(({ sessionId, parts }) => (sessionId === A ? parts : [])).map(partPath);
    const target = join(path, 'session-sweeper/trash', run.name, moved ?? '');
    mkdirSync(dirname(target), { recursive: true });
    linkSync(join(path, moved ?? ''), target);
    rmSync(join(path, moved ?? ''));
    expect(trash.reconcile(NOW)).toMatchObject({ undone: 3, unreadableFolders: [] });
    expect(ownFiles(path)).toEqual(before);
    expect(namesOf(path, checkpointOf(A))).toBe(2);
  });
});

describe('A checkpoint with a name outside of the Claude directory', () => {
  it.each([
    { what: 'a backup', at: () => join(tempDir(), 'backup') },
    { what: 'a place that is no session’s', at: (path: string) => join(path, 'backup') },
    {
      what: 'what lies in the sweeper’s directory and is no trash',
      at: (path: string) => join(path, 'session-sweeper/a'),
    },
  ])('keeps every session that has it, and no other: $what', async ({ at }) => {
    const path = host();
    mkdirSync(join(path, 'session-sweeper'), { recursive: true });
    linkSync(join(path, checkpointOf(A)), at(path));
    expect(await prune(path)).toMatchObject({ removed: { sessions: 1 }, kept: { 'hard-linked': 2 } });
    expect(ownFiles(path).has(checkpointOf(A))).toBe(true);
    expect(ownFiles(path).has(checkpointOf(B))).toBe(true);
  });

  it('keeps the session still when the other one with it lies in the trash', async () => {
    const path = host();
    trashSessions(path, [A], NOW - DAY_MS);
    linkSync(join(path, checkpointOf(B)), join(tempDir(), 'backup'));
    expect(await prune(path)).toMatchObject({ removed: { sessions: 1 }, kept: { 'hard-linked': 1 } });
  });

  it('keeps a session that has got it since the scan', () => {
    const path = host();
    const claudeDir = openClaudeDir(path);
    const { units } = scanned(claudeDir);
    const trash = openTrash(claudeDir);
    const run = trash.beginFolder(NOW);
    const [first, second] = units.filter(({ sessionId }) => sessionId !== C);
    if (first === undefined || second === undefined) throw new Error('no units');
    run.intend(
      [first, second].map((unit) => ({ unit, reason: 'expired' })),
      NOW,
    );
    expect(takeUnit(run, first, NOW)).toEqual({ kind: 'trashed' });
    linkSync(join(path, checkpointOf(second.sessionId)), join(tempDir(), 'backup'));
    expect(takeUnit(run, second, NOW)).toEqual({ kind: 'changed' });
    run.close();
  });
});
