import { mkdirSync, readdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { KeepList } from '../../src/live-sources/keep-list.ts';
import { runTogether } from '../support/forked.ts';
import { tempDir } from '../support/temp-dir.ts';
import { sessionIdOf } from '../support/tree.ts';

const ID = sessionIdOf(1);
const OTHER = sessionIdOf(2);
const UNREADABLE = expect.objectContaining({ name: 'OperatingError', kind: 'unavailable' });

function listedIds(stateDir: string): string[] {
  return new KeepList(stateDir).list().map(({ sessionId }) => sessionId);
}

describe('the keep list', () => {
  it('is empty, and no error, where nothing was ever pinned', async () => {
    const stateDir = join(tempDir(), 'state');
    expect(listedIds(stateDir)).toEqual([]);
    expect(await new KeepList(stateDir).asLiveSource().read()).toEqual({ ids: new Set(), malformed: 0 });
    expect(new KeepList(stateDir).unpin(ID)).toBe(false);
  });

  it('makes nothing when it is read', async () => {
    const stateDir = tempDir();
    await new KeepList(stateDir).asLiveSource().check();
    listedIds(stateDir);
    expect(readdirSync(stateDir)).toEqual([]);
  });

  it('holds what was pinned until it is unpinned, also for whoever opens it anew', () => {
    const stateDir = join(tempDir(), 'made/on/the/way');
    const keepList = new KeepList(stateDir);
    expect(keepList.pin(ID)).toBe(true);
    expect(keepList.pin(ID)).toBe(false);
    expect(keepList.pin(OTHER)).toBe(true);
    expect(listedIds(stateDir).toSorted()).toEqual([ID, OTHER]);
    expect(keepList.unpin(ID)).toBe(true);
    expect(keepList.unpin(ID)).toBe(false);
    expect(listedIds(stateDir)).toEqual([OTHER]);
  });

  it('is for this user alone', () => {
    const stateDir = tempDir();
    new KeepList(stateDir).pin(ID);
    expect(statSync(join(stateDir, 'pins')).mode & 0o777).toBe(0o700);
    expect(statSync(join(stateDir, 'pins', ID)).mode & 0o777).toBe(0o600);
  });

  it('lists the oldest pin first, with its time', () => {
    const stateDir = tempDir();
    const keepList = new KeepList(stateDir);
    for (const [index, id] of [ID, OTHER, sessionIdOf(3)].entries()) {
      keepList.pin(id);
      utimesSync(join(stateDir, 'pins', id), 0, 1_000 - index);
    }
    expect(keepList.list()).toEqual([
      { sessionId: sessionIdOf(3), pinnedAtMs: 998_000 },
      { sessionId: OTHER, pinnedAtMs: 999_000 },
      { sessionId: ID, pinnedAtMs: 1_000_000 },
    ]);
  });

  it('loses nothing when several processes pin and unpin at once', async () => {
    const stateDir = join(tempDir(), 'state');
    const idLists = [0, 1, 2].map((process) =>
      Array.from({ length: 60 }, (_, index) => sessionIdOf(process * 100 + index)),
    );
    const program = new URL('./pin-process.mjs', import.meta.url);
    await runTogether(
      program,
      idLists.map((ids) => [stateDir, ...ids]),
    );
    const left = idLists.flatMap((ids) => ids.filter((_, index) => index % 2 === 0));
    expect(listedIds(stateDir).toSorted()).toEqual(left.toSorted());
  });

  it('gives every descriptor back', () => {
    const stateDir = tempDir();
    const keepList = new KeepList(stateDir);
    const before = readdirSync('/proc/self/fd').length;
    for (let number = 0; number < 50; number += 1) {
      keepList.pin(sessionIdOf(number));
      keepList.pin(sessionIdOf(number));
    }
    expect(readdirSync('/proc/self/fd').length).toBe(before);
  });

  it.each<{ what: string; make: (path: string) => void }>([
    { what: 'is a file', make: (path) => writeFileSync(path, '') },
    { what: 'is a symlink to itself', make: (path) => symlinkSync(path, path) },
    {
      what: 'leads to where nothing is (a disk that is not mounted)',
      make: (path) => symlinkSync('/nonexistent', path),
    },
  ])('is an error and not empty where its directory $what', async ({ make }) => {
    const stateDir = tempDir();
    make(join(stateDir, 'pins'));
    const keepList = new KeepList(stateDir);
    const source = keepList.asLiveSource();
    expect(() => keepList.list()).toThrow(UNREADABLE);
    await expect(source.read()).rejects.toThrow(UNREADABLE);
    await expect(source.check()).rejects.toThrow(UNREADABLE);
    await expect(source.withLive([ID], async () => 'acted')).rejects.toThrow(UNREADABLE);
  });

  it('is an error and not empty where the state directory is a file', () => {
    const stateDir = join(tempDir(), 'state');
    writeFileSync(stateDir, '');
    expect(() => new KeepList(stateDir).list()).toThrow(UNREADABLE);
    expect(() => new KeepList(stateDir).pin(ID)).toThrow(expect.objectContaining({ kind: 'io' }));
  });

  it('says so where it cannot unpin', () => {
    const stateDir = tempDir();
    mkdirSync(join(stateDir, 'pins', ID), { recursive: true });
    expect(() => new KeepList(stateDir).unpin(ID)).toThrow(expect.objectContaining({ kind: 'io' }));
  });
});

describe('the keep list as a live source', () => {
  it('protects as pinned, and counts what is no session, whom it means protected too', async () => {
    const stateDir = tempDir();
    const keepList = new KeepList(stateDir);
    keepList.pin(ID);
    writeFileSync(join(stateDir, 'pins/README'), '');
    writeFileSync(join(stateDir, 'pins', sessionIdOf(0xabc).toUpperCase()), '');
    writeFileSync(join(stateDir, 'pins', `${sessionIdOf(0xdef)}.jsonl`), '');
    const source = keepList.asLiveSource();
    expect(source.protection).toBe('pinned');
    expect(await source.read()).toEqual({ ids: new Set([ID, sessionIdOf(0xabc), sessionIdOf(0xdef)]), malformed: 2 });
  });

  it('sees at the act what was pinned since the reading', async () => {
    const stateDir = tempDir();
    const source = new KeepList(stateDir).asLiveSource();
    expect((await source.read()).ids).toEqual(new Set());
    new KeepList(stateDir).pin(ID);
    expect(await source.withLive([ID, OTHER], async (live) => [...live])).toEqual([ID]);
  });
});
