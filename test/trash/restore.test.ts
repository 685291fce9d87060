import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { AnchoredDir } from '../../src/files/anchored-dir.ts';
import { fixedName } from '../../src/files/byte-name.ts';
import { snapshot } from '../support/disk.ts';
import { canFreeze, freeze } from '../support/freeze.ts';
import { openClaudeDir, openTrash } from '../support/opened.ts';
import { tempDir } from '../support/temp-dir.ts';
import { trashSessions } from '../support/trashed.ts';
import { DAY_MS, makeClaudeDir, makeSession, writeAged } from '../support/tree.ts';
import { NOW } from '../support/units.ts';
import { asUnprivileged } from '../support/unprivileged.ts';
import { COMPANIONS, ID, LATER, OLD_MS, OTHER, ofSession, PROJECT, TRANSCRIPT, TrashPlace } from './trash-place.ts';

describe('Restoring a session from the trash', () => {
  it('brings a session back as it was: bytes, inodes, modes and the times of its files and directories', () => {
    const place = new TrashPlace();
    execFileSync('touch', ['-d', '2026-09-01 01:02:03.123456789', place.at(TRANSCRIPT)]);
    for (const path of COMPANIONS) utimesSync(place.at(path), OLD_MS / 1000, OLD_MS / 1000);
    const stats = () =>
      [TRANSCRIPT, ...COMPANIONS, `${PROJECT}/${ID}/subagents`].map((path) => {
        const { ino, mode, mtimeNs, size } = lstatSync(place.at(path), { bigint: true });
        return { path, ino, mode, mtimeNs, size };
      });
    const before = { files: place.files(), stats: stats() };
    place.take();
    expect(place.trash.restore(ID, LATER)).toMatchObject({ sessionId: ID, reason: 'expired', project: '-srv-app' });
    expect({ files: place.files(), stats: stats() }).toEqual(before);
    expect(place.listed()).toEqual([]);
  });

  it.each([
    ['of 1970', 60_000],
    ['far ahead', Date.UTC(2400, 0, 1)],
  ])(
    'leaves the others of its folder to be restored, also where a clock %s has written down when it came back',
    (_, nowMs) => {
      const place = new TrashPlace();
      trashSessions(place.claudeDir, [ID, OTHER], NOW);
      place.trash.restore(ID, nowMs);
      expect(place.trash.contents()).toMatchObject({ sessions: [{ sessionId: OTHER }], unreadableFolders: [] });
      expect(place.trash.restore(OTHER, LATER)).toMatchObject({ sessionId: OTHER });
    },
  );

  it('makes the project directory and the places of companions anew where they are gone', () => {
    const place = new TrashPlace();
    const before = ofSession(place.files().inPlace);
    place.take();
    for (const directory of [PROJECT, 'file-history', 'debug']) rmSync(place.at(directory), { recursive: true });
    place.trash.restore(ID, LATER);
    expect(place.files().inPlace).toEqual(before);
    expect(statSync(place.at(PROJECT)).mode & 0o777).toBe(0o700);
  });

  it('is refused where a transcript stands in its place, and both are kept', () => {
    const place = new TrashPlace();
    place.take();
    writeAged(place.at(TRANSCRIPT), 'the new one', NOW);
    const before = place.files();
    expect(() => place.trash.restore(ID, LATER)).toThrow(expect.objectContaining({ kind: 'bad-data' }));
    expect(place.files()).toEqual(before);
    expect(place.listed()).toEqual([{ sessionId: ID, state: 'trashed' }]);
    rmSync(place.at(TRANSCRIPT));
    place.trash.restore(ID, LATER);
    expect(place.files().inTrash).toEqual(new Map());
  });

  it.each([
    { what: 'a log that a failed resume wrote', taken: `debug/${ID}.txt`, left: [`debug/${ID}.txt`] },
    { what: 'a new checkpoint', taken: `file-history/${ID}/new@v1`, left: [] },
    {
      what: 'a checkpoint of the same name',
      taken: `file-history/${ID}/0a1b@v1`,
      left: [`file-history/${ID}/0a1b@v1`],
    },
    { what: 'a new subagent', taken: `${PROJECT}/${ID}/subagents/agent-a9.jsonl`, left: [] },
  ])('brings the conversation back beside $what, which stays as it is', ({ taken, left }) => {
    const place = new TrashPlace();
    const before = ofSession(place.files().inPlace);
    place.take();
    writeAged(place.at(taken), 'the new one', NOW);
    expect(place.trash.restore(ID, LATER).left).toEqual(left);
    const { inPlace, inTrash } = place.files();
    expect(readFileSync(place.at(taken), 'utf8')).toBe('the new one');
    for (const [path, file] of before) {
      const isLeft = left.includes(path);
      expect((isLeft ? inTrash : inPlace).get(path), path).toEqual(file);
    }
    expect(place.listed()).toEqual(left.length === 0 ? [] : [{ sessionId: ID, state: 'joined' }]);
  });

  it.each([
    { what: 'an empty directory', make: (path: string) => mkdirSync(path) },
    { what: 'a dangling symlink', make: (path: string) => symlinkSync('/nonexistent', path) },
  ])('goes through nothing where $what stands in the place of a companion', ({ make }) => {
    const place = new TrashPlace();
    place.take();
    make(place.at(`file-history/${ID}`));
    const { ino } = lstatSync(place.at(`file-history/${ID}`));
    place.trash.restore(ID, LATER);
    expect(lstatSync(place.at(`file-history/${ID}`)).ino).toBe(ino);
    expect(existsSync(place.at(TRANSCRIPT))).toBe(true);
  });

  it('goes through no symlink that stands for the project directory, and leaves the session whole in the trash', () => {
    const place = new TrashPlace();
    place.take();
    const outside = tempDir();
    rmSync(place.at(PROJECT), { recursive: true });
    symlinkSync(outside, place.at(PROJECT));
    const before = place.files();
    expect(() => place.trash.restore(ID, LATER)).toThrow(expect.objectContaining({ kind: 'bad-data' }));
    expect(readdirSync(outside)).toEqual([]);
    expect(place.files()).toEqual(before);
  });

  it('unlinks no file in whose stead a symlink has got the new name', () => {
    const place = new TrashPlace();
    place.take();
    const { inTrash } = place.files();
    const link = AnchoredDir.prototype.linkTo;
    const swapped = vi.spyOn(AnchoredDir.prototype, 'linkTo').mockImplementation(function (this: AnchoredDir, ...args) {
      const [name] = args;
      this.renameTo(name, this, fixedName('aside'));
      symlinkSync('/nonexistent', join(this.currentPath(), name));
      link.apply(this, args);
      this.renameTo(fixedName('aside'), this, name);
    });
    onTestFinished(() => swapped.mockRestore());
    expect(() => place.trash.restore(ID, LATER)).toThrow(expect.objectContaining({ kind: 'bad-data' }));
    for (const path of [TRANSCRIPT, `debug/${ID}.txt`])
      expect(place.files().inTrash.get(path)).toEqual(inTrash.get(path));
  });

  it.skipIf(!canFreeze)('is an I/O error, and no fault of the data, where a directory cannot be made', () => {
    const place = new TrashPlace();
    place.take();
    rmdirSync(place.at('file-history'));
    const before = place.files();
    freeze(place.claudeDir);
    expect(() => place.trash.restore(ID, LATER)).toThrow(expect.objectContaining({ kind: 'io' }));
    expect(place.files()).toEqual(before);
  });

  it('is refused for a session that is not in the trash', () => {
    const place = new TrashPlace();
    expect(() => place.trash.restore(ID, NOW)).toThrow('not in the trash');
    place.take();
    place.trash.restore(ID, LATER);
    expect(() => place.trash.restore(ID, LATER)).toThrow('not in the trash');
  });

  it('brings a session back whole whose older part and newer part were removed at different times', () => {
    const place = new TrashPlace();
    const older = readFileSync(place.at(TRANSCRIPT), 'utf8');
    place.take();
    makeSession(place.claudeDir, { id: ID, ageMs: 35 * DAY_MS, content: 'the newer part\n' }, NOW);
    place.take(place.unit(), LATER);
    expect(place.listed()).toHaveLength(2);
    place.trash.restore(ID, LATER);
    expect(readFileSync(place.at(TRANSCRIPT), 'utf8')).toBe(`${older.trimEnd()}\nthe newer part\n`);
    expect(place.listed().map(({ state }) => state)).toEqual(['joined', 'joined']);
    expect(() => place.trash.restore(ID, LATER)).toThrow('not in the trash');
  });

  it('brings back the session, not the companions that were left over of it later', () => {
    const path = makeClaudeDir(tempDir());
    makeSession(path, { id: ID, ageMs: 40 * DAY_MS }, NOW);
    trashSessions(path, [ID], NOW);
    writeAged(join(path, `projects/-srv-app/${ID}/tool-results/late.txt`), 'late', NOW);
    trashSessions(path, [ID], LATER);
    openTrash(openClaudeDir(path)).restore(ID, LATER);
    expect(existsSync(join(path, `projects/-srv-app/${ID}.jsonl`))).toBe(true);
    expect(existsSync(join(path, `projects/-srv-app/${ID}/tool-results/late.txt`))).toBe(false);
  });

  it('is refused where a purge that was killed has destroyed the transcript: a fragment is no session', () => {
    const place = new TrashPlace();
    place.take();
    const run = place.onlyRun();
    place.addEvent(run, 'purging');
    rmSync(place.inRun(run, TRANSCRIPT));
    const before = place.files();
    expect(() => place.trash.restore(ID, LATER)).toThrow(expect.objectContaining({ kind: 'bad-data' }));
    expect(place.files()).toEqual(before);
  });

  it('is refused where the id has come back in another project, since Claude would resume only one of the two', () => {
    const path = makeClaudeDir(tempDir());
    makeSession(path, { id: ID, ageMs: 40 * DAY_MS }, NOW);
    trashSessions(path, [ID], NOW);
    makeSession(path, { id: ID, project: '-srv-other', ageMs: 0 }, NOW);
    const before = snapshot(path);
    expect(() => openTrash(openClaudeDir(path)).restore(ID, NOW)).toThrow(
      `projects/-srv-other/${ID}.jsonl has the same id`,
    );
    expect(snapshot(path)).toEqual(before);
  });

  it('is not held up by a project that is closed to us', () => {
    const path = makeClaudeDir(tempDir());
    makeSession(path, { id: ID, ageMs: 40 * DAY_MS }, NOW);
    trashSessions(path, [ID], NOW);
    mkdirSync(join(path, 'projects/-srv-closed'), { mode: 0 });
    execFileSync('chown', ['-R', '65534', path]);
    asUnprivileged(() => openTrash(openClaudeDir(path)).restore(ID, NOW));
    expect(existsSync(join(path, 'projects/-srv-app', `${ID}.jsonl`))).toBe(true);
  });
});
