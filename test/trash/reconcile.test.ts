import { existsSync, linkSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { partPath } from '../../src/claude-dir/unit.ts';
import { snapshot } from '../support/disk.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';
import { NOW } from '../support/units.ts';
import { COMPANIONS, ID, LATER, OTHER, ofSession, PROJECT, TRANSCRIPT, TrashPlace } from './trash-place.ts';

/** Every way in which the parts of a unit can be here or there. */
function everySubset<T>(items: readonly T[]): T[][] {
  return items.reduce<T[][]>((subsets, item) => subsets.flatMap((subset) => [subset, [...subset, item]]), [[]]);
}

describe('Reconciling the trash after a killed run', () => {
  /** Reconciles twice: the second time must find nothing to do. */
  function reconcile(place: TrashPlace): void {
    place.trash.reconcile(LATER);
    const before = snapshot(place.claudeDir);
    expect(place.trash.reconcile(LATER)).toEqual({ undone: 0, completed: 0, restored: [], unreadableFolders: [] });
    expect(snapshot(place.claudeDir)).toEqual(before);
  }

  it.each(everySubset([TRANSCRIPT, ...COMPANIONS]).map((moved) => ({ moved, parts: moved.join(', ') || 'none' })))(
    'puts back a session of which these parts had been moved: $parts',
    ({ moved }) => {
      const place = new TrashPlace();
      const before = place.files().inPlace;
      const unit = place.unit();
      const run = place.intend(unit);
      for (const part of unit.parts.filter((part) => moved.includes(partPath(part)))) place.moveByHand(run, part);
      reconcile(place);
      const isWhole = moved.length === unit.parts.length;
      expect(place.files()).toEqual({
        inPlace: isWhole ? ofSession(before, OTHER) : before,
        inTrash: isWhole ? ofSession(before) : new Map(),
      });
      expect(place.listed()).toEqual(isWhole ? [{ sessionId: ID, state: 'trashed' }] : []);
    },
  );

  it.each([
    ['1970', 60_000],
    ['two months ago', NOW - 60 * DAY_MS],
  ])('ends no time in the trash early by a clock that says %s', (_, nowMs) => {
    const place = new TrashPlace();
    const unit = place.unit();
    const run = place.intend(unit);
    for (const part of unit.parts) place.moveByHand(run, part);
    place.trash.reconcile(nowMs);
    expect(place.trash.contents().unreadableFolders).toEqual([]);
    expect(place.entries(ID)).toMatchObject([{ state: 'trashed', trashedAtMs: NOW }]);
  });

  it.each(everySubset([TRANSCRIPT, ...COMPANIONS]).map((back) => ({ back, parts: back.join(', ') || 'none' })))(
    'ends the restore of a session of which these parts were back: $parts',
    ({ back }) => {
      const place = new TrashPlace();
      const before = place.files().inPlace;
      const { parts: all } = place.unit();
      place.take();
      const run = place.onlyRun();
      place.addEvent(run, 'restoring');
      for (const part of all.filter((part) => back.includes(partPath(part)))) place.moveByHand(run, part, 'trash');
      reconcile(place);
      expect(place.files()).toEqual({ inPlace: before, inTrash: new Map() });
      expect(place.listed()).toEqual([]);
    },
  );

  it.each(
    (['intended', 'restoring'] as const).flatMap((state) =>
      [TRANSCRIPT, `debug/${ID}.txt`].map((linked) => ({ state, linked })),
    ),
  )(
    'takes away the second name alone where the kill came between link and unlink of $linked ($state)',
    ({ state, linked }) => {
      const place = new TrashPlace();
      const before = place.files().inPlace;
      const unit = place.unit();
      const run = place.intend(unit);
      if (state === 'restoring') place.addEvent(run, 'trashed');
      if (state === 'restoring') place.addEvent(run, 'restoring');
      // The way back is the reverse of the way there: what comes after the linked part is back already.
      const at = unit.parts.findIndex((part) => partPath(part) === linked);
      for (const part of unit.parts.slice(0, at)) place.moveByHand(run, part);
      mkdirSync(dirname(place.inRun(run, linked)), { recursive: true });
      linkSync(place.at(linked), place.inRun(run, linked));
      reconcile(place);
      expect(place.files()).toEqual({ inPlace: before, inTrash: new Map() });
      expect(lstatSync(place.at(linked)).nlink).toBe(1);
      expect(place.listed()).toEqual([]);
    },
  );

  it.each(
    (['intended', 'restoring'] as const).flatMap((state) => [
      { state, what: 'a transcript', taken: TRANSCRIPT, make: (path: string) => writeFileSync(path, 'the tail') },
      { state, what: 'a companion', taken: `debug/${ID}.txt`, make: (path: string) => writeFileSync(path, 'new') },
      { state, what: 'an empty directory', taken: `file-history/${ID}`, make: (path: string) => mkdirSync(path) },
    ]),
  )(
    'overwrites nothing where $what has come in the place of the session, which stays listed ($state)',
    ({ state, taken, make }) => {
      const place = new TrashPlace();
      const before = ofSession(place.files().inPlace);
      const unit = place.unit();
      const run = place.intend(unit);
      if (state === 'restoring') place.addEvent(run, 'restoring');
      for (const part of unit.parts) place.moveByHand(run, part);
      make(place.at(taken));
      const { ino } = lstatSync(place.at(taken));
      reconcile(place);
      const expectBothKept = () => {
        const { inPlace, inTrash } = place.files();
        expect(lstatSync(place.at(taken)).ino).toBe(ino);
        for (const [path, file] of before) {
          if (path.startsWith(taken)) expect(inTrash.get(path)).toEqual(file);
          else expect([inPlace.get(path), inTrash.get(path)]).toContainEqual(file);
        }
      };
      expectBothKept();
      // Where the conversation is back, what is left of it waits for the end of its time.
      const isBack = state === 'restoring' && taken !== TRANSCRIPT;
      expect(place.listed()).toEqual([{ sessionId: ID, state: isBack ? 'joined' : 'trashed' }]);
      expect(() => place.trash.restore(ID, LATER)).toThrow(expect.objectContaining({ kind: 'bad-data' }));
      expectBothKept();
    },
  );

  it('puts the other sessions of a folder back where one of them cannot go back', () => {
    const place = new TrashPlace();
    const other = sessionIdOf(3);
    const shape = { project: '-srv-other', elsewhere: [`debug/${other}.txt`] };
    makeSession(place.claudeDir, { id: other, ageMs: 40 * DAY_MS, ...shape }, NOW);
    const units = [place.unit(), place.unit(other)];
    const run = place.trash.beginFolder(NOW);
    run.intend(
      units.map((unit) => ({ unit, reason: 'expired' })),
      NOW,
    );
    run.close();
    for (const unit of units) for (const part of unit.parts.slice(0, 1)) place.moveByHand(run.name, part);
    rmSync(place.at(PROJECT), { recursive: true });
    symlinkSync('/nonexistent', place.at(PROJECT));
    place.trash.reconcile(LATER);
    expect(existsSync(place.at(`projects/-srv-other/${other}.jsonl`))).toBe(true);
    expect(place.files().inTrash.has(TRANSCRIPT)).toBe(true);
  });

  it('removes a folder that has no manifest and no file', () => {
    const place = new TrashPlace();
    mkdirSync(place.inRun('20260101T000000Z', 'projects/-srv-app'), { recursive: true });
    reconcile(place);
    expect(place.trash.runs()).toEqual([]);
  });

  it('leaves a folder alone and tells of it where it has files and no manifest, and sees to the other folders', () => {
    const place = new TrashPlace();
    const before = place.files().inPlace;
    mkdirSync(place.inRun('20260101T000000Z'), { recursive: true });
    writeFileSync(place.inRun('20260101T000000Z', 'stray'), 'precious');
    const unit = place.unit();
    const run = place.intend(unit);
    for (const part of unit.parts.slice(0, 1)) place.moveByHand(run, part);
    const unreadableFolders = [{ run: '20260101T000000Z', code: 'ENOENT' }];
    expect(place.trash.reconcile(LATER)).toEqual({ undone: 1, completed: 0, restored: [], unreadableFolders });
    expect(place.trash.contents()).toEqual({ sessions: [], unreadableFolders });
    expect(readFileSync(place.inRun('20260101T000000Z', 'stray'), 'utf8')).toBe('precious');
    expect(place.files().inPlace).toEqual(before);
  });

  it('neither reads nor purges nor tells a directory that is not called like a folder of the trash', () => {
    const place = new TrashPlace();
    mkdirSync(place.inRun('backup/projects'), { recursive: true });
    writeFileSync(place.inRun('backup', 'projects/precious'), 'precious');
    place.take();
    expect(place.trash.contents().unreadableFolders).toEqual([]);
    expect(place.trash.runs()).toHaveLength(1);
    reconcile(place);
    expect(readFileSync(place.inRun('backup', 'projects/precious'), 'utf8')).toBe('precious');
  });
});
