import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readManifest } from '../../src/trash/read-manifest.ts';
import { canFreeze, freeze } from '../support/freeze.ts';
import { openDir } from '../support/opened.ts';
import { takeUnit } from '../support/taken.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, makeSession, sessionIdOf, writeAged } from '../support/tree.ts';
import { NOW } from '../support/units.ts';
import { COMPANIONS, ID, LATER, OLD_MS, OTHER, ofSession, PROJECT, TRANSCRIPT, TrashPlace } from './trash-place.ts';

describe('Taking a session into the trash', () => {
  it('puts all of the session there, byte for byte and to the nanosecond, and nothing else', () => {
    const place = new TrashPlace();
    const times = ['2026-09-01 01:02:03.123456789', '2026-09-02 23:59:59.999999999', '2026-09-03 00:00:00.000000001'];
    for (const [index, path] of [TRANSCRIPT, `debug/${ID}.txt`, `${PROJECT}/${ID}/tool-results/1.txt`].entries()) {
      execFileSync('touch', ['-d', times[index] ?? '', place.at(path)]);
    }
    const before = place.files().inPlace;
    expect(place.take()).toEqual({ kind: 'trashed' });
    const { inPlace, inTrash } = place.files();
    expect(inTrash).toEqual(ofSession(before));
    expect(inPlace).toEqual(ofSession(before, OTHER));
  });

  it('moves names of any bytes there and back', () => {
    const place = new TrashPlace();
    const odd = Buffer.concat([
      Buffer.from(place.at(`${PROJECT}/${ID}/tool-results/`)),
      Buffer.from([0x2d, 0xff, 0x0a, 0xfe]),
    ]);
    writeFileSync(odd, 'odd');
    const project = Buffer.concat([Buffer.from(place.at('projects/')), Buffer.from([0xff, 0x0a])]);
    renameSync(place.at(PROJECT), project);
    expect(place.take()).toEqual({ kind: 'trashed' });
    expect(existsSync(Buffer.concat([project, Buffer.from(`/${ID}.jsonl`)]))).toBe(false);
    place.trash.restore(ID, LATER);
    renameSync(project, place.at(PROJECT));
    expect(readFileSync(odd, 'utf8')).toBe('odd');
    expect(existsSync(place.at(TRANSCRIPT))).toBe(true);
  });

  it('writes down what it means to move before it moves anything, where that survives a kill', () => {
    const place = new TrashPlace();
    const before = place.files();
    const unit = place.unit();
    const run = place.trash.beginFolder(NOW);
    run.intend([{ unit, reason: 'expired' }], NOW);
    const manifest = readManifest(openDir(place.inRun(run.name)));
    expect(manifest.get(ID)).toMatchObject({ sessionId: ID, state: 'intended', reason: 'expired', parts: unit.parts });
    expect(place.files()).toEqual(before);
    run.close();
  });

  it('takes nothing from a directory that was moved out of the Claude directory while the run held it', () => {
    const place = new TrashPlace();
    const third = sessionIdOf(3);
    makeSession(place.claudeDir, { id: third, ageMs: 40 * DAY_MS }, NOW);
    const units = [place.unit(OTHER), place.unit(third)] as const;
    const run = place.trash.beginFolder(NOW);
    run.intend(
      units.map((unit) => ({ unit, reason: 'expired' })),
      NOW,
    );
    expect(takeUnit(run, units[0], NOW)).toEqual({ kind: 'trashed' });
    const outside = join(tempDir(), 'project');
    renameSync(place.at(PROJECT), outside);
    mkdirSync(place.at(PROJECT));
    expect(takeUnit(run, units[1], NOW)).toEqual({ kind: 'vanished' });
    run.close();
    expect(existsSync(join(outside, `${third}.jsonl`))).toBe(true);
  });

  it.skipIf(!canFreeze).each([
    { what: 'its transcript', frozen: TRANSCRIPT },
    { what: 'its project directory', frozen: PROJECT },
    { what: 'its directory', frozen: `${PROJECT}/${ID}` },
    { what: 'the last of its companions', frozen: `debug/${ID}.txt` },
    { what: 'the place of a companion', frozen: 'file-history' },
  ])('leaves the session whole where it is if $what cannot be moved', ({ frozen }) => {
    const place = new TrashPlace();
    const unit = place.unit();
    const before = place.files();
    freeze(place.at(frozen));
    expect(place.take(unit)).toMatchObject({ kind: 'unmovable', code: 'EPERM' });
    expect(place.files()).toEqual(before);
    expect(place.listed()).toEqual([]);
  });
});

describe('Taking a session that is not what it was when it was looked at', () => {
  const grow = (path: string) => (place: TrashPlace) => {
    const { atimeMs, mtimeMs } = statSync(place.at(path));
    appendFileSync(place.at(path), 'more');
    utimesSync(place.at(path), atimeMs / 1000, mtimeMs / 1000);
  };
  const touch = (path: string) => (place: TrashPlace) => utimesSync(place.at(path), OLD_MS / 1000, (OLD_MS + 1) / 1000);
  const replace = (path: string) => (place: TrashPlace) => {
    const content = readFileSync(place.at(path));
    writeFileSync(place.at(`${path}.new`), content);
    utimesSync(place.at(`${path}.new`), OLD_MS / 1000, OLD_MS / 1000);
    renameSync(place.at(`${path}.new`), place.at(path));
  };
  const add = (path: string) => (place: TrashPlace) => writeAged(place.at(path), 'new', OLD_MS);
  const swap = (path: string) => (place: TrashPlace) => {
    renameSync(place.at(path), place.at('swapped'));
    symlinkSync('/nonexistent', place.at(path));
  };
  const AGENT = `${PROJECT}/${ID}/subagents/agent-a1.jsonl`;

  it.each<{ what: string; change: (place: TrashPlace) => void }>([
    { what: 'its transcript grew', change: grow(TRANSCRIPT) },
    { what: 'its transcript was touched', change: touch(TRANSCRIPT) },
    { what: 'its transcript was replaced by one of the same size and time', change: replace(TRANSCRIPT) },
    { what: 'its transcript was emptied', change: (place) => truncateSync(place.at(TRANSCRIPT)) },
    { what: 'its transcript is gone', change: (place) => rmSync(place.at(TRANSCRIPT)) },
    { what: 'its transcript is a symlink', change: swap(TRANSCRIPT) },
    { what: 'its transcript got a second name', change: (place) => linkSync(place.at(TRANSCRIPT), place.at('backup')) },
    { what: 'a subagent wrote', change: grow(AGENT) },
    { what: 'a subagent’s file was touched', change: touch(AGENT) },
    { what: 'a subagent began', change: add(`${PROJECT}/${ID}/subagents/agent-a2.jsonl`) },
    { what: 'a file of its directory is gone', change: (place) => rmSync(place.at(AGENT)) },
    { what: 'its directory is a symlink', change: swap(`${PROJECT}/${ID}`) },
    { what: 'a companion grew', change: grow(`debug/${ID}.txt`) },
    { what: 'a checkpoint was added', change: add(`file-history/${ID}/0a1b@v2`) },
    { what: 'a companion is gone', change: (place) => rmSync(place.at(`debug/${ID}.txt`)) },
    { what: 'the place of a companion is a symlink', change: swap('file-history') },
    { what: 'its project directory is a symlink', change: swap(PROJECT) },
    {
      what: 'its project directory is a file',
      change: (place) => {
        renameSync(place.at(PROJECT), place.at('swapped'));
        writeFileSync(place.at(PROJECT), '');
      },
    },
    { what: 'it got a session environment', change: add(`session-env/${ID}/hook-0.sh`) },
    { what: 'it got a task list', change: add(`tasks/${ID}/1.json`) },
    { what: 'it got an image', change: add(`image-cache/${ID}/1.png`) },
    { what: 'it got an upload', change: add(`uploads/${ID}/a.pdf`) },
    { what: 'it got a to-do list', change: add(`todos/${ID}.json`) },
    { what: 'it got a to-do list of an agent', change: add(`todos/${ID}-agent-${ID}.json`) },
  ])('leaves the session as it is where $what', ({ change }) => {
    const place = new TrashPlace();
    const unit = place.unit();
    change(place);
    const before = place.files();
    expect(place.take(unit)).toEqual({ kind: 'changed' });
    expect(place.files()).toEqual(before);
    expect(place.listed()).toEqual([]);
  });

  const lone = (shape: { hasTranscript: boolean; elsewhere?: string[] }) => {
    const place = new TrashPlace();
    makeSession(place.claudeDir, { id: sessionIdOf(3), ageMs: 40 * DAY_MS, ...shape }, NOW);
    return { place, unit: place.unit(sessionIdOf(3)) };
  };

  it('leaves a lone transcript as it is where it got a directory, as when its first subagent begins', () => {
    const { place, unit } = lone({ hasTranscript: true });
    writeAged(place.at(`${PROJECT}/${sessionIdOf(3)}/subagents/agent-a1.jsonl`), 'new', NOW);
    const before = place.files();
    expect(place.take(unit)).toEqual({ kind: 'changed' });
    expect(place.files()).toEqual(before);
  });

  it('leaves left-over companions as they are where they got a transcript again', () => {
    const { place, unit } = lone({ hasTranscript: false, elsewhere: [`file-history/${sessionIdOf(3)}/a@v1`] });
    writeAged(place.at(`${PROJECT}/${sessionIdOf(3)}.jsonl`), 'new', NOW);
    const before = place.files();
    expect(place.take(unit)).toEqual({ kind: 'changed' });
    expect(place.files()).toEqual(before);
  });

  it('leaves a to-do list as it is where another one was added to it', () => {
    const { place, unit } = lone({ hasTranscript: true, elsewhere: [`todos/${sessionIdOf(3)}.json`] });
    writeAged(place.at(`todos/${sessionIdOf(3)}-agent-${ID}.json`), 'new', NOW);
    const before = place.files();
    expect(place.take(unit)).toEqual({ kind: 'changed' });
    expect(place.files()).toEqual(before);
  });

  it('tells a session as vanished where all of it is gone', () => {
    const place = new TrashPlace();
    const unit = place.unit();
    for (const path of [TRANSCRIPT, ...COMPANIONS]) rmSync(place.at(path), { recursive: true });
    expect(place.take(unit)).toEqual({ kind: 'vanished' });
    expect(place.listed()).toEqual([]);
  });

  it('tells a session as vanished where its whole project is gone', () => {
    const { place, unit } = lone({ hasTranscript: true });
    rmSync(place.at(PROJECT), { recursive: true });
    expect(place.take(unit)).toEqual({ kind: 'vanished' });
  });
});

describe('A session of very many files', () => {
  const deep = `${PROJECT}/${ID}/tool-results/199.txt`;

  function large() {
    const place = new TrashPlace();
    for (let number = 0; number < 300; number += 1) {
      writeAged(place.at(`${PROJECT}/${ID}/tool-results/${number}.txt`), 'x', OLD_MS);
    }
    const unit = place.unit();
    const run = place.trash.beginFolder(NOW);
    run.intend([{ unit, reason: 'expired' }], NOW);
    run.prepare([unit]);
    return { place, run, unit };
  }

  it('goes back at once where it was written to between the look before the hold and the move', () => {
    const { place, run, unit } = large();
    const before = place.files().inPlace;
    appendFileSync(place.at(deep), 'used');
    expect(run.takeBatch([unit], NOW, () => true)).toEqual([{ kind: 'trashed' }]);
    expect(run.confirm([unit], NOW).get(unit)).toEqual({ kind: 'changed' });
    run.close();
    expect([...place.files().inPlace.keys()].sort()).toEqual([...before.keys()].sort());
    expect(readFileSync(place.at(deep), 'utf8')).toBe('xused');
  });

  it('is not moved where its transcript was written to since that look', () => {
    const { place, run, unit } = large();
    appendFileSync(place.at(TRANSCRIPT), 'used');
    expect(run.takeBatch([unit], NOW, () => true)).toEqual([{ kind: 'changed' }]);
    expect(run.confirm([unit], NOW).size).toBe(0);
    run.close();
  });

  it('stays in the trash, and is recorded as there, where nothing was', () => {
    const { run, unit } = large();
    expect(run.takeBatch([unit], NOW, () => true)).toEqual([{ kind: 'trashed' }]);
    expect(run.summary()).toBeUndefined();
    expect(run.confirm([unit], NOW).size).toBe(0);
    expect(run.summary()).toMatchObject({ sessions: 1, bytes: unit.bytes });
    run.close();
  });
});
