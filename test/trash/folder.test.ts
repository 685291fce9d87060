import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Trash } from '../../src/trash/trash.ts';
import { openClaudeDir } from '../support/opened.ts';
import { tempDir } from '../support/temp-dir.ts';
import { makeClaudeDir } from '../support/tree.ts';
import { NOW } from '../support/units.ts';
import { TrashPlace } from './trash-place.ts';

describe('A folder of the trash', () => {
  it('never gets a name that was taken before', () => {
    const place = new TrashPlace();
    const names = [NOW, NOW, NOW + 1].map((startedAtMs) => {
      const run = place.trash.beginFolder(startedAtMs);
      run.close();
      return run.name;
    });
    expect(names).toEqual(['20261121T041700Z', '20261121T041700Z-1', '20261121T041700Z-2']);
  });

  it('comes after what lies in the trash, also where an earlier one of the same second has gone', () => {
    const place = new TrashPlace();
    for (const startedAtMs of [NOW, NOW]) place.trash.beginFolder(startedAtMs).close();
    rmSync(place.inRun('20261121T041700Z'), { recursive: true });
    const run = place.trash.beginFolder(NOW);
    run.close();
    expect(run.name).toBe('20261121T041700Z-2');
  });

  it.each<{ what: string; make: (path: string) => void }>([
    { what: 'a file', make: (path) => writeFileSync(path, 'mine') },
    { what: 'a symlink', make: (path) => symlinkSync(tempDir(), path) },
  ])('leaves $what alone that has its name, and gets another', ({ make }) => {
    const place = new TrashPlace();
    make(place.inRun('20261121T041700Z').replace(/\/$/, ''));
    const run = place.trash.beginFolder(NOW);
    run.close();
    expect(run.name).toBe('20261121T041700Z-1');
    expect(place.trash.runs()).toEqual(['20261121T041700Z-1']);
  });

  it.each(['session-sweeper', 'session-sweeper/trash'])('is never made through a symlink called %s', (name) => {
    const path = makeClaudeDir(tempDir());
    const outside = tempDir();
    mkdirSync(dirname(join(path, name)), { recursive: true });
    symlinkSync(outside, join(path, name));
    expect(() => Trash.openOrMake(openClaudeDir(path))).toThrow(expect.objectContaining({ kind: 'io' }));
    expect(() => Trash.openIfThere(openClaudeDir(path))).toThrow(expect.objectContaining({ kind: 'io' }));
    expect(readdirSync(outside)).toEqual([]);
  });

  it('is not made by a clock that has not got the time yet', () => {
    const place = new TrashPlace();
    expect(() => place.trash.beginFolder(60_000)).toThrow(
      expect.objectContaining({ kind: 'unavailable', message: expect.stringContaining('1970-01-01T00:01:00.000Z') }),
    );
    expect(place.trash.runs()).toEqual([]);
  });

  it('is not made by looking for it', () => {
    const path = makeClaudeDir(tempDir());
    expect(Trash.openIfThere(openClaudeDir(path))).toBeUndefined();
    expect(readdirSync(path)).toEqual(['projects']);
  });
});
