import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { ClaudeDir } from '../../src/claude-dir/claude-dir.ts';
import { PlaceTimes } from '../../src/claude-dir/directory-fingerprints.ts';
import type { SessionId } from '../../src/claude-dir/session-id.ts';
import { type Part, partPath, type Unit } from '../../src/claude-dir/unit.ts';
import { AnchoredDir } from '../../src/files/anchored-dir.ts';
import { ownName } from '../../src/files/byte-name.ts';
import type { ManifestEvent } from '../../src/trash/manifest.ts';
import type { RunPurge } from '../../src/trash/purge.ts';
import { foldManifest } from '../../src/trash/read-manifest.ts';
import type { TakeOutcome } from '../../src/trash/take.ts';
import { Trash, type TrashedSession } from '../../src/trash/trash.ts';
import { canFreeze, freeze } from '../support/freeze.ts';
import { openClaudeDir, openTrash } from '../support/opened.ts';
import { scanned } from '../support/scanned.ts';
import { type FileState, outsideSweeper, snapshot, trashedIn } from '../support/snapshot.ts';
import { tempDir } from '../support/temp-dir.ts';
import { trashSessions } from '../support/trashed.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf, writeAged } from '../support/tree.ts';
import { NOW } from '../support/units.ts';

const ID = sessionIdOf(1);
const OTHER = sessionIdOf(2);
const PROJECT = 'projects/-srv-app';
const TRANSCRIPT = `${PROJECT}/${ID}.jsonl`;
const COMPANIONS = [`${PROJECT}/${ID}`, `file-history/${ID}`, `debug/${ID}.txt`];
const OLD_MS = NOW - 40 * DAY_MS;
const LATER = NOW + DAY_MS;

/** A Claude directory with one session of a transcript and companions of three kinds, and one other session. */
class Place {
  readonly path = makeClaudeDir(tempDir());
  readonly claudeDir: ClaudeDir;
  readonly trash: Trash;

  constructor() {
    const shape = { ageMs: 40 * DAY_MS, companions: ['subagents/agent-a1.jsonl', 'tool-results/1.txt'] };
    const elsewhere = [`file-history/${ID}/0a1b@v1`, `debug/${ID}.txt`];
    makeSession(this.path, { id: ID, ...shape, elsewhere }, NOW);
    makeSession(this.path, { id: OTHER, ageMs: 40 * DAY_MS }, NOW);
    this.claudeDir = openClaudeDir(this.path);
    this.trash = openTrash(this.claudeDir);
  }

  at(relative: string): string {
    return join(this.path, relative);
  }

  unit(id: SessionId = ID): Unit {
    const unit = scanned(this.claudeDir).units.find(({ sessionId }) => sessionId === id);
    if (unit === undefined) throw new Error(`no unit ${id}`);
    return unit;
  }

  /** What is where it belongs, and what lies in the trash by its old path. */
  files(): { readonly inPlace: Map<string, FileState>; readonly inTrash: Map<string, FileState> } {
    const files = snapshot(this.path);
    return { inPlace: outsideSweeper(files), inTrash: trashedIn(files) };
  }

  take(unit: Unit = this.unit(), nowMs = NOW): TakeOutcome {
    const run = this.trash.beginRun(nowMs);
    try {
      run.intend([{ unit, reason: 'expired' }], nowMs);
      return run.take(unit, nowMs);
    } finally {
      run.close();
    }
  }

  /** A run that was killed when its intent was durable and nothing moved yet. */
  intend(unit: Unit = this.unit()): string {
    const run = this.trash.beginRun(NOW);
    run.intend([{ unit, reason: 'expired' }], NOW);
    run.close();
    return run.name;
  }

  inRun(run: string, relative = ''): string {
    return this.at(`session-sweeper/trash/${run}/${relative}`);
  }

  manifest(run: string): string {
    return this.inRun(run, 'manifest.jsonl');
  }

  addEvent(run: string, type: ManifestEvent, sessionId: SessionId = ID): void {
    appendFileSync(this.manifest(run), `${JSON.stringify({ type, at: new Date(NOW).toISOString(), sessionId })}\n`);
  }

  moveByHand(run: string, part: Part, from: 'claude-dir' | 'trash' = 'claude-dir'): void {
    const [home, away] = [this.at(partPath(part)), this.inRun(run, partPath(part))];
    const [source, target] = from === 'claude-dir' ? [home, away] : [away, home];
    mkdirSync(dirname(target), { recursive: true });
    renameSync(source, target);
  }

  listed(): Pick<TrashedSession, 'sessionId' | 'state'>[] {
    return this.trash.contents().sessions.map(({ sessionId, state }) => ({ sessionId, state }));
  }

  /** What the trash says of these, in their order. */
  entries(...ids: readonly SessionId[]): TrashedSession[] {
    const { sessions } = this.trash.contents();
    return ids.flatMap((id) => sessions.filter(({ sessionId }) => sessionId === id));
  }

  /** The only run, as it is; nothing in it is settled. */
  openForPurge(): RunPurge {
    const run = this.trash.openForPurge(ownName(this.onlyRun()), LATER, { dryRun: true });
    if (run === undefined) throw new Error('no run');
    onTestFinished(() => run.close());
    return run;
  }

  onlyRun(): string {
    const [run, ...others] = this.trash.runs();
    if (run === undefined || others.length > 0) throw new Error(`${others.length} runs`);
    return run;
  }
}

function ofSession(files: ReadonlyMap<string, FileState>, id: SessionId = ID): Map<string, FileState> {
  return new Map([...files].filter(([path]) => path.includes(id)));
}

describe('a unit that is taken', () => {
  it('lies in the trash whole, byte for byte and to the nanosecond, and nothing else does', () => {
    const place = new Place();
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

  it('is restored to what it was: bytes, inodes, modes and the times of its files and directories', () => {
    const place = new Place();
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

  it('is restored where its project directory and the places of its companions are gone', () => {
    const place = new Place();
    const before = ofSession(place.files().inPlace);
    place.take();
    for (const directory of [PROJECT, 'file-history', 'debug']) rmSync(place.at(directory), { recursive: true });
    place.trash.restore(ID, LATER);
    expect(place.files().inPlace).toEqual(before);
    expect(statSync(place.at(PROJECT)).mode & 0o777).toBe(0o700);
  });

  it('is listed with all that a person asks for, by a program that knows nothing but the directory', () => {
    const place = new Place();
    const { files, bytes, newestMtimeMs } = place.unit();
    place.take();
    const { sessions, unreadableRuns } = openTrash(openClaudeDir(place.path)).contents();
    expect(unreadableRuns).toEqual([]);
    expect(sessions).toEqual([
      {
        sessionId: ID,
        state: 'trashed',
        reason: 'expired',
        project: '-srv-app',
        files,
        bytes,
        newestMtimeMs,
        trashedAtMs: NOW,
        run: '20261121T041700Z',
        parts: place.trash.contents().sessions[0]?.parts,
      },
    ]);
    expect(sessions[0]?.parts.map(partPath)).toEqual([TRANSCRIPT, ...COMPANIONS]);
  });

  it('leaves a manifest that any JSON reader reads', () => {
    const place = new Place();
    place.take();
    const lines = readFileSync(place.manifest(place.onlyRun()), 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).type)).toEqual(['run', 'intent', 'trashed']);
    expect(statSync(place.manifest(place.onlyRun())).mode & 0o777).toBe(0o600);
  });

  it('may have names of any bytes', () => {
    const place = new Place();
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
});

describe('a unit that is not what it was any more', () => {
  const grow = (path: string) => (place: Place) => {
    const { atimeMs, mtimeMs } = statSync(place.at(path));
    appendFileSync(place.at(path), 'more');
    utimesSync(place.at(path), atimeMs / 1000, mtimeMs / 1000);
  };
  const touch = (path: string) => (place: Place) => utimesSync(place.at(path), OLD_MS / 1000, (OLD_MS + 1) / 1000);
  const replace = (path: string) => (place: Place) => {
    const content = readFileSync(place.at(path));
    writeFileSync(place.at(`${path}.new`), content);
    utimesSync(place.at(`${path}.new`), OLD_MS / 1000, OLD_MS / 1000);
    renameSync(place.at(`${path}.new`), place.at(path));
  };
  const add = (path: string) => (place: Place) => writeAged(place.at(path), 'new', OLD_MS);
  const swap = (path: string) => (place: Place) => {
    renameSync(place.at(path), place.at('swapped'));
    symlinkSync('/nonexistent', place.at(path));
  };
  const AGENT = `${PROJECT}/${ID}/subagents/agent-a1.jsonl`;

  it.each<{ what: string; change: (place: Place) => void }>([
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
  ])('stays as it is where $what', ({ change }) => {
    const place = new Place();
    const unit = place.unit();
    change(place);
    const before = place.files();
    expect(place.take(unit)).toEqual({ kind: 'changed' });
    expect(place.files()).toEqual(before);
    expect(place.listed()).toEqual([]);
  });

  const lone = (shape: { hasTranscript: boolean; elsewhere?: string[] }) => {
    const place = new Place();
    makeSession(place.path, { id: sessionIdOf(3), ageMs: 40 * DAY_MS, ...shape }, NOW);
    return { place, unit: place.unit(sessionIdOf(3)) };
  };

  it('stays as it is where a lone transcript got a directory, as when its first subagent begins', () => {
    const { place, unit } = lone({ hasTranscript: true });
    writeAged(place.at(`${PROJECT}/${sessionIdOf(3)}/subagents/agent-a1.jsonl`), 'new', NOW);
    const before = place.files();
    expect(place.take(unit)).toEqual({ kind: 'changed' });
    expect(place.files()).toEqual(before);
  });

  it('stays as it is where left-over companions got a transcript again', () => {
    const { place, unit } = lone({ hasTranscript: false, elsewhere: [`file-history/${sessionIdOf(3)}/a@v1`] });
    writeAged(place.at(`${PROJECT}/${sessionIdOf(3)}.jsonl`), 'new', NOW);
    const before = place.files();
    expect(place.take(unit)).toEqual({ kind: 'changed' });
    expect(place.files()).toEqual(before);
  });

  it('stays as it is where another to-do list was added to one', () => {
    const { place, unit } = lone({ hasTranscript: true, elsewhere: [`todos/${sessionIdOf(3)}.json`] });
    writeAged(place.at(`todos/${sessionIdOf(3)}-agent-${ID}.json`), 'new', NOW);
    const before = place.files();
    expect(place.take(unit)).toEqual({ kind: 'changed' });
    expect(place.files()).toEqual(before);
  });

  it('is told as vanished where all of it is gone', () => {
    const place = new Place();
    const unit = place.unit();
    for (const path of [TRANSCRIPT, ...COMPANIONS]) rmSync(place.at(path), { recursive: true });
    expect(place.take(unit)).toEqual({ kind: 'vanished' });
    expect(place.listed()).toEqual([]);
  });

  it('is told as vanished where its whole project is gone', () => {
    const { place, unit } = lone({ hasTranscript: true });
    rmSync(place.at(PROJECT), { recursive: true });
    expect(place.take(unit)).toEqual({ kind: 'vanished' });
  });
});

describe('a run in hand', () => {
  it('has written down, where it survives a kill, what it means to move before it moves anything', () => {
    const place = new Place();
    const before = place.files();
    const unit = place.unit();
    const run = place.trash.beginRun(NOW);
    run.intend([{ unit, reason: 'expired' }], NOW);
    const [entry] = foldManifest(readFileSync(place.manifest(run.name), 'utf8')).values();
    expect(entry).toMatchObject({ sessionId: ID, state: 'intended', reason: 'expired', parts: unit.parts });
    expect(place.files()).toEqual(before);
    run.close();
  });

  it('takes nothing from a directory that was moved out of the Claude directory while the run held it', () => {
    const place = new Place();
    const third = sessionIdOf(3);
    makeSession(place.path, { id: third, ageMs: 40 * DAY_MS }, NOW);
    const units = [place.unit(OTHER), place.unit(third)] as const;
    const run = place.trash.beginRun(NOW);
    run.intend(
      units.map((unit) => ({ unit, reason: 'expired' })),
      NOW,
    );
    expect(run.take(units[0], NOW)).toEqual({ kind: 'trashed' });
    const outside = join(tempDir(), 'project');
    renameSync(place.at(PROJECT), outside);
    mkdirSync(place.at(PROJECT));
    expect(run.take(units[1], NOW)).toEqual({ kind: 'vanished' });
    run.close();
    expect(existsSync(join(outside, `${third}.jsonl`))).toBe(true);
  });
});

describe('a batch', () => {
  const third = sessionIdOf(3);

  /** Three sessions, of two projects, whose intents are written. */
  const begun = (placeTimes?: PlaceTimes) => {
    const place = new Place();
    makeSession(place.path, { id: third, project: '-srv-other', ageMs: 40 * DAY_MS }, NOW);
    const units = [place.unit(), place.unit(OTHER), place.unit(third)];
    const run = place.trash.beginRun(NOW, placeTimes ?? PlaceTimes.observe(place.claudeDir, Date.now() + DAY_MS));
    onTestFinished(() => run.close());
    run.intend(
      units.map((unit) => ({ unit, reason: 'expired' })),
      NOW,
    );
    run.prepare(units);
    return { place, run, units };
  };
  const kinds = (outcomes: readonly (TakeOutcome | undefined)[]) => outcomes.map((outcome) => outcome?.kind);

  it('is taken one unit after the other, and ends where it is to end', () => {
    const { place, run, units } = begun();
    let taken = 0;
    expect(kinds(run.takeBatch(units, NOW, () => ++taken === 2))).toEqual(['trashed', 'trashed']);
    run.flush();
    expect(place.entries(ID, OTHER, third).map(({ sessionId }) => sessionId)).toEqual([ID, OTHER]);
    expect(existsSync(place.at(`projects/-srv-other/${third}.jsonl`))).toBe(true);
  });

  it('gives back what it took from a directory that was moved away meanwhile, companions and all', () => {
    const { place, run, units } = begun();
    const before = snapshot(place.at('projects/-srv-app'));
    const outside = join(tempDir(), 'project');
    const outcomes = run.takeBatch(units, NOW, ({ kind }) => {
      expect(kind).toBe('trashed');
      if (!existsSync(outside) && !existsSync(place.at(TRANSCRIPT))) renameSync(place.at(PROJECT), outside);
      return false;
    });
    expect(kinds(outcomes)).toEqual(['changed', 'changed', 'trashed']);
    expect(snapshot(outside)).toEqual(before);
    expect(existsSync(place.at(`file-history/${ID}/0a1b@v1`))).toBe(true);
    run.flush();
    expect(place.entries(ID, OTHER, third).map(({ sessionId }) => sessionId)).toEqual([third]);
  });

  it('gives back what it put into a directory of the trash that was moved away meanwhile', () => {
    const { place, run, units } = begun();
    const before = place.files();
    const outside = join(tempDir(), 'project');
    const outcomes = run.takeBatch(units.slice(0, 2), NOW, () => {
      if (!existsSync(outside)) renameSync(place.inRun(run.name, PROJECT), outside);
      return false;
    });
    expect(kinds(outcomes)).toEqual(['changed', 'changed']);
    expect(place.files().inPlace).toEqual(before.inPlace);
    expect(readdirSync(outside)).toEqual([]);
  });

  it.each([
    { what: 'a place that nothing had come into since it was listed', companion: `file-history/${OTHER}/a@v1` },
    { what: 'a place that was not there', companion: `uploads/${OTHER}/a.pdf` },
    { what: 'the to-do lists', companion: `todos/${OTHER}-agent-${ID}.json` },
  ])('gives back a unit that got a companion meanwhile, in $what', ({ companion }) => {
    const { place, run, units } = begun();
    const outcomes = run.takeBatch(units.toReversed(), NOW, () => {
      const isTaken = !existsSync(place.at(`${PROJECT}/${OTHER}.jsonl`));
      if (isTaken && !existsSync(place.at(companion))) writeAged(place.at(companion), 'new', NOW);
      return false;
    });
    expect(kinds(outcomes)).toEqual(['trashed', 'changed', 'trashed']);
    expect(existsSync(place.at(`${PROJECT}/${OTHER}.jsonl`))).toBe(true);
    expect(existsSync(place.at(companion))).toBe(true);
  });

  it('finds what has been written anew when it is through', () => {
    const { place, run, units } = begun();
    run.takeBatch(units, NOW, () => false);
    writeAged(place.at(`${PROJECT}/${OTHER}.jsonl`), 'new', NOW);
    expect(run.findRecreated(units)).toEqual([units[1]]);
  });

  it('leaves a place that has changed too lately to tell to be looked into', () => {
    const place = new Place();
    const times = PlaceTimes.observe(place.claudeDir);
    expect(times.isUnchanged([ownName('file-history')], place.claudeDir.root)).toBe(false);
    const later = PlaceTimes.observe(place.claudeDir, Date.now() + DAY_MS);
    expect(later.isUnchanged([ownName('file-history')], place.claudeDir.root)).toBe(true);
    mkdirSync(place.at('file-history/new'));
    expect(later.isUnchanged([ownName('file-history')], place.claudeDir.root)).toBe(false);
  });

  it.each([
    { what: 'a companion', path: `debug/${third}.txt` },
    { what: 'a directory of its own', path: `projects/-srv-other/${third}/subagents/agent-a1.jsonl` },
  ])('leaves a unit that got $what before it', ({ path }) => {
    const { place, run, units } = begun();
    writeAged(place.at(path), 'new', NOW);
    expect(kinds(run.takeBatch(units, NOW, () => false))).toEqual(['trashed', 'trashed', 'changed']);
  });

  it('leaves left-overs whose transcript has come back in any project', () => {
    const place = new Place();
    makeSession(place.path, {
      id: third,
      ageMs: 40 * DAY_MS,
      hasTranscript: false,
      elsewhere: [`tasks/${third}/1.json`],
    });
    makeSession(place.path, {
      id: sessionIdOf(4),
      ageMs: 40 * DAY_MS,
      hasTranscript: false,
      elsewhere: [`tasks/${sessionIdOf(4)}/1.json`],
    });
    const units = [place.unit(third), place.unit(sessionIdOf(4))];
    const run = place.trash.beginRun(NOW, PlaceTimes.observe(place.claudeDir, Date.now() + DAY_MS));
    onTestFinished(() => run.close());
    writeAged(place.at(`projects/-srv-new/${third}.jsonl`), 'new', NOW);
    expect(kinds(run.takeBatch(units, NOW, () => false))).toEqual(['changed', 'trashed']);
  });

  it('goes through more projects than can be held open', () => {
    const place = new Place();
    const ids = Array.from({ length: 60 }, (_, number) => sessionIdOf(100 + number));
    for (const [number, id] of ids.entries())
      makeSession(place.path, { id, project: `-srv-${number}`, ageMs: 40 * DAY_MS }, NOW);
    const units = scanned(place.claudeDir).units.filter(({ project }) => project !== '-srv-app');
    const run = place.trash.beginRun(NOW);
    onTestFinished(() => run.close());
    run.prepare(units);
    expect(new Set(kinds(run.takeBatch(units, NOW, () => false)))).toEqual(new Set(['trashed']));
    expect(run.findRecreated(units)).toEqual([]);
    expect([...place.files().inTrash.keys()]).toHaveLength(60);
  });
});

describe.skipIf(!canFreeze)('a unit that the system will not move', () => {
  it.each([
    { what: 'its transcript', frozen: TRANSCRIPT },
    { what: 'its project directory', frozen: PROJECT },
    { what: 'its directory', frozen: `${PROJECT}/${ID}` },
    { what: 'the last of its companions', frozen: `debug/${ID}.txt` },
    { what: 'the place of a companion', frozen: 'file-history' },
  ])('stays where it is, whole, where $what is immutable', ({ frozen }) => {
    const place = new Place();
    const unit = place.unit();
    const before = place.files();
    freeze(place.at(frozen));
    expect(place.take(unit)).toMatchObject({ kind: 'unmovable', code: 'EPERM' });
    expect(place.files()).toEqual(before);
    expect(place.listed()).toEqual([]);
  });
});

describe('a restore', () => {
  it.each<{ what: string; taken: string }>([
    { what: 'a transcript', taken: TRANSCRIPT },
    { what: 'a directory', taken: `${PROJECT}/${ID}/subagents/agent-a9.jsonl` },
    { what: 'a companion', taken: `debug/${ID}.txt` },
    { what: 'a companion’s directory', taken: `file-history/${ID}/new@v1` },
  ])('is refused where $what has taken its place, and both are kept', ({ taken }) => {
    const place = new Place();
    place.take();
    writeAged(place.at(taken), 'the new one', NOW);
    const before = place.files();
    expect(() => place.trash.restore(ID, LATER)).toThrow(expect.objectContaining({ kind: 'bad-data' }));
    expect(place.files()).toEqual(before);
    expect(place.listed()).toEqual([{ sessionId: ID, state: 'trashed' }]);
    rmSync(place.at(taken));
    if (taken.startsWith(`file-history`)) rmdirSync(dirname(place.at(taken)));
    if (taken.includes('subagents')) rmSync(place.at(`${PROJECT}/${ID}`), { recursive: true });
    place.trash.restore(ID, LATER);
    expect(place.files().inTrash).toEqual(new Map());
  });

  it.each([
    { what: 'an empty directory', make: (path: string) => mkdirSync(path) },
    { what: 'a dangling symlink', make: (path: string) => symlinkSync('/nonexistent', path) },
  ])('is refused where $what has taken the place', ({ make }) => {
    const place = new Place();
    place.take();
    make(place.at(`file-history/${ID}`));
    const before = place.files();
    expect(() => place.trash.restore(ID, LATER)).toThrow(expect.objectContaining({ kind: 'bad-data' }));
    expect(place.files()).toEqual(before);
  });

  it('goes through no symlink that stands for the project directory, and leaves the session whole in the trash', () => {
    const place = new Place();
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
    const place = new Place();
    place.take();
    const { inTrash } = place.files();
    const link = AnchoredDir.prototype.linkTo;
    const swapped = vi.spyOn(AnchoredDir.prototype, 'linkTo').mockImplementation(function (this: AnchoredDir, ...args) {
      const [name] = args;
      this.renameTo(name, this, ownName('aside'));
      symlinkSync('/nonexistent', join(this.currentPath(), name));
      link.apply(this, args);
      this.renameTo(ownName('aside'), this, name);
    });
    onTestFinished(() => swapped.mockRestore());
    expect(() => place.trash.restore(ID, LATER)).toThrow(expect.objectContaining({ kind: 'bad-data' }));
    for (const path of [TRANSCRIPT, `debug/${ID}.txt`])
      expect(place.files().inTrash.get(path)).toEqual(inTrash.get(path));
  });

  it.skipIf(!canFreeze)('is an I/O error, and no fault of the data, where a directory cannot be made', () => {
    const place = new Place();
    place.take();
    rmdirSync(place.at('file-history'));
    const before = place.files();
    freeze(place.path);
    expect(() => place.trash.restore(ID, LATER)).toThrow(expect.objectContaining({ kind: 'io' }));
    expect(place.files()).toEqual(before);
  });

  it('is refused for what is not in the trash', () => {
    const place = new Place();
    expect(() => place.trash.restore(ID, NOW)).toThrow('not in the trash');
    place.take();
    place.trash.restore(ID, LATER);
    expect(() => place.trash.restore(ID, LATER)).toThrow('not in the trash');
  });

  it('brings back the newest of two, and then refuses the older', () => {
    const place = new Place();
    place.take();
    makeSession(place.path, { id: ID, ageMs: 35 * DAY_MS, content: 'the newer one' }, NOW);
    place.take(place.unit(), LATER);
    expect(place.listed()).toHaveLength(2);
    place.trash.restore(ID, LATER);
    expect(readFileSync(place.at(TRANSCRIPT), 'utf8')).toBe('the newer one');
    expect(() => place.trash.restore(ID, LATER)).toThrow(expect.objectContaining({ kind: 'bad-data' }));
    expect(place.files().inTrash).toHaveProperty('size', 5);
  });

  it('brings back the session, not what was left over of it later', () => {
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
    const place = new Place();
    place.take();
    const run = place.onlyRun();
    place.addEvent(run, 'purging');
    rmSync(place.inRun(run, TRANSCRIPT));
    const before = place.files();
    expect(() => place.trash.restore(ID, LATER)).toThrow(expect.objectContaining({ kind: 'bad-data' }));
    expect(place.files()).toEqual(before);
  });
});

describe('a trash run', () => {
  it('never uses a taken name again', () => {
    const place = new Place();
    const names = [NOW, NOW, NOW + 1].map((startedAtMs) => {
      const run = place.trash.beginRun(startedAtMs);
      run.close();
      return run.name;
    });
    expect(names).toEqual(['20261121T041700Z', '20261121T041700Z-1', '20261121T041700Z-2']);
  });

  it.each<{ what: string; make: (path: string) => void }>([
    { what: 'a file', make: (path) => writeFileSync(path, 'mine') },
    { what: 'a symlink', make: (path) => symlinkSync(tempDir(), path) },
  ])('leaves $what alone that has its name', ({ make }) => {
    const place = new Place();
    make(place.inRun('20261121T041700Z').replace(/\/$/, ''));
    const run = place.trash.beginRun(NOW);
    run.close();
    expect(run.name).toBe('20261121T041700Z-1');
    expect(place.trash.runs()).toEqual(['20261121T041700Z-1']);
  });

  it.each(['session-sweeper', 'session-sweeper/trash'])('is never made through a symlink that is called %s', (name) => {
    const path = makeClaudeDir(tempDir());
    const outside = tempDir();
    mkdirSync(dirname(join(path, name)), { recursive: true });
    symlinkSync(outside, join(path, name));
    expect(() => Trash.openOrMake(openClaudeDir(path))).toThrow(expect.objectContaining({ kind: 'io' }));
    expect(() => Trash.openIfThere(openClaudeDir(path))).toThrow(expect.objectContaining({ kind: 'io' }));
    expect(readdirSync(outside)).toEqual([]);
  });

  it('is not made for looking', () => {
    const path = makeClaudeDir(tempDir());
    expect(Trash.openIfThere(openClaudeDir(path))).toBeUndefined();
    expect(readdirSync(path)).toEqual(['projects']);
  });
});

/** Every way in which the parts of a unit can be here or there. */
function everySubset<T>(items: readonly T[]): T[][] {
  return items.reduce<T[][]>((subsets, item) => subsets.flatMap((subset) => [subset, [...subset, item]]), [[]]);
}

describe('what a killed run leaves behind', () => {
  /** Reconciles twice: the second time must find nothing to do. */
  function reconcile(place: Place): void {
    place.trash.reconcile(LATER);
    const before = snapshot(place.path);
    expect(place.trash.reconcile(LATER)).toEqual({ undone: 0, completed: 0, restored: [], unreadableRuns: [] });
    expect(snapshot(place.path)).toEqual(before);
  }

  it.each(everySubset([TRANSCRIPT, ...COMPANIONS]).map((moved) => ({ moved })))(
    'goes back, or stays in the trash if it was all there: $moved',
    ({ moved }) => {
      const place = new Place();
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

  it.each(everySubset([TRANSCRIPT, ...COMPANIONS]).map((back) => ({ back })))(
    'goes on its way back where it was being restored: $back',
    ({ back }) => {
      const place = new Place();
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
    'loses its second name only, where it was killed between link and unlink of $linked ($state)',
    ({ state, linked }) => {
      const place = new Place();
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
    'overwrites nothing where $what has taken its place meanwhile, and stays listed ($state)',
    ({ state, taken, make }) => {
      const place = new Place();
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
      expect(place.listed()).toEqual([{ sessionId: ID, state: 'trashed' }]);
      expect(() => place.trash.restore(ID, LATER)).toThrow(expect.objectContaining({ kind: 'bad-data' }));
      expectBothKept();
    },
  );

  it('does not hold up other sessions of the run over one that cannot go back', () => {
    const place = new Place();
    const other = sessionIdOf(3);
    const shape = { project: '-srv-other', elsewhere: [`debug/${other}.txt`] };
    makeSession(place.path, { id: other, ageMs: 40 * DAY_MS, ...shape }, NOW);
    const units = [place.unit(), place.unit(other)];
    const run = place.trash.beginRun(NOW);
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

  it('is seen for what it is through half a line at the manifest’s end, wherever that is cut', () => {
    const place = new Place();
    const before = ofSession(place.files().inPlace);
    place.take();
    const manifest = place.manifest(place.onlyRun());
    const text = readFileSync(manifest, 'utf8');
    const lastLine = text.trimEnd().lastIndexOf('\n') + 1;
    for (let length = lastLine; length < text.length; length += 1) {
      writeFileSync(manifest, text.slice(0, length));
      reconcile(place);
      expect(place.files().inTrash).toEqual(before);
      expect(place.listed()).toEqual([{ sessionId: ID, state: 'trashed' }]);
    }
  });

  it('is nothing where not even the intent was written in full', () => {
    const place = new Place();
    const before = place.files();
    const manifest = place.manifest(place.intend());
    const text = readFileSync(manifest, 'utf8');
    for (let length = 0; length < text.length - 1; length += 3) {
      writeFileSync(manifest, text.slice(0, length));
      place.trash.reconcile(LATER);
      expect(place.listed()).toEqual([]);
    }
    expect(place.files()).toEqual(before);
  });

  it('does not hold up the next run over half a line', () => {
    const place = new Place();
    place.take();
    const run = ownName(place.onlyRun());
    const manifest = place.manifest(run);
    appendFileSync(manifest, '{"type":"inten');
    const purge = place.openForPurge();
    purge.mark(purge.find(place.entries(ID)), [], LATER);
    expect(place.listed()).toEqual([{ sessionId: ID, state: 'purging' }]);
  });

  it('is a directory to be removed where it has no manifest and no file', () => {
    const place = new Place();
    mkdirSync(place.inRun('20260101T000000Z', 'projects/-srv-app'), { recursive: true });
    reconcile(place);
    expect(place.trash.runs()).toEqual([]);
  });

  it('is left alone and told where it has files and no manifest, and the other runs are seen to', () => {
    const place = new Place();
    const before = place.files().inPlace;
    mkdirSync(place.inRun('20260101T000000Z'), { recursive: true });
    writeFileSync(place.inRun('20260101T000000Z', 'stray'), 'precious');
    const unit = place.unit();
    const run = place.intend(unit);
    for (const part of unit.parts.slice(0, 1)) place.moveByHand(run, part);
    const unreadableRuns = [{ run: '20260101T000000Z', code: 'ENOENT' }];
    expect(place.trash.reconcile(LATER)).toEqual({ undone: 1, completed: 0, restored: [], unreadableRuns });
    expect(place.trash.contents()).toEqual({ sessions: [], unreadableRuns });
    expect(readFileSync(place.inRun('20260101T000000Z', 'stray'), 'utf8')).toBe('precious');
    expect(place.files().inPlace).toEqual(before);
  });

  it('is none of ours where it is not called like one: it is neither read nor purged nor told', () => {
    const place = new Place();
    mkdirSync(place.inRun('backup/projects'), { recursive: true });
    writeFileSync(place.inRun('backup', 'projects/precious'), 'precious');
    place.take();
    expect(place.trash.contents().unreadableRuns).toEqual([]);
    expect(place.trash.runs()).toHaveLength(1);
    reconcile(place);
    expect(readFileSync(place.inRun('backup', 'projects/precious'), 'utf8')).toBe('precious');
  });

  it('is never built from a manifest that names what is no path component', () => {
    const place = new Place();
    const run = place.intend();
    const manifest = place.manifest(run);
    const secret = join(tempDir(), 'secret');
    writeFileSync(secret, 'secret');
    const [intent] = readFileSync(manifest, 'utf8').split('\n').slice(1);
    for (const part of [
      { directory: ['..', '..', '..'], name: 'projects', kind: 'directory' },
      { directory: ['projects'], name: '..', kind: 'directory' },
      { directory: [dirname(secret)], name: 'secret', kind: 'file' },
      { directory: [], name: 'projects', kind: 'directory' },
      { directory: ['projects'], name: 'a\0b', kind: 'file' },
    ]) {
      const hostile = { ...JSON.parse(intent ?? ''), parts: [part] };
      expect(foldManifest(JSON.stringify(hostile))).toEqual(new Map());
    }
  });
});

describe('a manifest', () => {
  it('is read whatever its length, and whichever characters its chunks end in', () => {
    const place = new Place();
    const manifest = place.manifest(place.intend());
    const [, intent = ''] = readFileSync(manifest, 'utf8').split('\n');
    const lines = Array.from({ length: 3_000 }, (_, number) => {
      return JSON.stringify({
        ...JSON.parse(intent),
        sessionId: sessionIdOf(number),
        reason: 'é€𝄞'.repeat(number % 50),
      });
    });
    appendFileSync(manifest, `${lines.join('\n')}\n`);
    for (let number = 0; number < 3_000; number += 1) place.addEvent(place.onlyRun(), 'trashed', sessionIdOf(number));
    const { sessions } = place.trash.contents();
    expect(sessions).toHaveLength(3_000);
    expect(sessions.every(({ reason }) => /^(é€𝄞)*$/u.test(reason))).toBe(true);
  });
});

describe('a purge', () => {
  function purge(place: Place, ...ids: readonly SessionId[]) {
    const run = place.openForPurge();
    run.mark(run.find(place.entries(...ids)), [], LATER);
    const destroyed = run.destroy(LATER);
    run.close();
    return destroyed;
  }

  /** Both sessions of the place in one run. */
  function takeBoth(place: Place): string {
    const units = [place.unit(), place.unit(OTHER)];
    const run = place.trash.beginRun(NOW);
    run.intend(
      units.map((unit) => ({ unit, reason: 'expired' })),
      NOW,
    );
    for (const unit of units) run.take(unit, NOW);
    run.close();
    return run.name;
  }

  it('destroys what is marked and no other session of the run', () => {
    const place = new Place();
    const before = place.files().inPlace;
    takeBoth(place);
    expect(purge(place, ID).sessions.map(({ sessionId }) => sessionId)).toEqual([ID]);
    expect(place.files().inTrash).toEqual(ofSession(before, OTHER));
    expect(place.listed()).toEqual([{ sessionId: OTHER, state: 'trashed' }]);
    place.trash.restore(OTHER, LATER);
    expect(place.files().inPlace).toEqual(ofSession(before, OTHER));
  });

  it('destroys nothing that is not marked', () => {
    const place = new Place();
    takeBoth(place);
    const before = place.files();
    expect(place.openForPurge().destroy(LATER)).toEqual({ sessions: [], faults: [] });
    expect(place.files()).toEqual(before);
  });

  it('removes the run when nothing is left in it', () => {
    const place = new Place();
    takeBoth(place);
    purge(place, ID, OTHER);
    expect(place.trash.runs()).toEqual([]);
    expect(readdirSync(place.at('session-sweeper/trash'))).toEqual([]);
  });

  it('goes on where a killed one left off', () => {
    const place = new Place();
    const run = takeBoth(place);
    place.addEvent(run, 'purging');
    rmSync(place.inRun(run, TRANSCRIPT));
    rmSync(place.inRun(run, `${PROJECT}/${ID}/subagents`), { recursive: true });
    expect(
      place
        .openForPurge()
        .destroy(LATER)
        .sessions.map(({ sessionId }) => sessionId),
    ).toEqual([ID]);
    expect(ofSession(place.files().inTrash)).toEqual(new Map());
    expect(ofSession(place.files().inTrash, OTHER).size).toBe(1);
  });

  it.each<{ what: string; link: string; target: string }>([
    { what: 'the transcript', link: TRANSCRIPT, target: 'file' },
    { what: 'the session’s directory', link: `${PROJECT}/${ID}`, target: '' },
    { what: 'a file in it', link: `${PROJECT}/${ID}/tool-results/1.txt`, target: 'file' },
    { what: 'a directory in it', link: `${PROJECT}/${ID}/tool-results`, target: '' },
  ])('destroys the link and not what it leads to, where $what was made one in the trash', ({ link, target }) => {
    const place = new Place();
    const run = takeBoth(place);
    const outside = tempDir();
    writeFileSync(join(outside, 'file'), 'outside');
    rmSync(place.inRun(run, link), { recursive: true });
    symlinkSync(join(outside, target), place.inRun(run, link));
    purge(place, ID);
    expect(readFileSync(join(outside, 'file'), 'utf8')).toBe('outside');
    expect(ofSession(place.files().inTrash)).toEqual(new Map());
  });

  it('destroys nothing behind a symlink that stands for a directory on the way', () => {
    const place = new Place();
    const run = takeBoth(place);
    const outside = tempDir();
    writeFileSync(join(outside, `${ID}.jsonl`), 'outside');
    mkdirSync(join(outside, ID));
    writeFileSync(join(outside, ID, 'file'), 'outside');
    const before = snapshot(outside);
    renameSync(place.inRun(run, PROJECT), place.inRun(run, 'aside'));
    symlinkSync(outside, place.inRun(run, PROJECT));
    purge(place, ID);
    expect(snapshot(outside)).toEqual(before);
    expect(existsSync(place.inRun(run, `aside/${ID}.jsonl`))).toBe(true);
  });

  it('leaves a file that nobody knows, and its run, for a person to see to', () => {
    const place = new Place();
    const run = takeBoth(place);
    writeFileSync(place.inRun(run, `${PROJECT}/notes.txt`), 'mine');
    purge(place, ID, OTHER);
    expect(readFileSync(place.inRun(run, `${PROJECT}/notes.txt`), 'utf8')).toBe('mine');
    expect(place.trash.runs()).toEqual([run]);
    expect(place.listed()).toEqual([]);
  });

  it('leaves what a run never came to say was moved', () => {
    const place = new Place();
    const unit = place.unit();
    const run = place.intend(unit);
    for (const part of unit.parts.slice(0, 2)) place.moveByHand(run, part);
    const before = place.files();
    expect(place.openForPurge().destroy(LATER)).toEqual({ sessions: [], faults: [] });
    expect(place.files()).toEqual(before);
  });
});
