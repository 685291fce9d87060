import { existsSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { partPath } from '../../src/claude-dir/unit.ts';
import { stateOf } from '../support/disk.ts';
import { writeAged } from '../support/tree.ts';
import { ID, LATER, OLD_MS, OTHER, ofSession, PROJECT, TRANSCRIPT, TrashPlace } from './trash-place.ts';

const STAMP = 1_790_000_000_000;

/** What Claude leaves of a session beside its transcript and its directory, as it is found on hosts. */
const KINDS: readonly { readonly what: string; readonly files: readonly string[] }[] = [
  { what: 'its mods', files: [`dev-mods/${ID}/a-mod/index.js`, `dev-mods/${ID}/package.json`] },
  { what: 'its usage data', files: [`usage-data/session-meta/${ID}.json`, `usage-data/facets/${ID}.json`] },
  { what: 'to-do lists of its agents', files: [`todos/${ID}.json`, `todos/${ID}-agent-${OTHER}.json`] },
  {
    what: 'task lists of its team',
    files: [`tasks/session-${ID.slice(0, 8)}/1.json`, `tasks/session-${ID.slice(0, 8)}/.lock`],
  },
  {
    what: 'the directory of its background job',
    files: [`jobs/${ID.slice(0, 8)}/state.json`, `jobs/${ID.slice(0, 8)}/tmp/out.log`],
  },
  {
    what: 'transcripts of its agents',
    files: [`${PROJECT}/agent-0a1b2c3d.jsonl`, 'projects/-other/agent-4e5f6a7b.jsonl'],
  },
  { what: 'an orphaned transcript', files: [`${PROJECT}/${ID}.orphaned-${STAMP}-0a1b2c3d.jsonl`] },
  { what: 'a superseded transcript', files: [`${PROJECT}/${ID}.jsonl.superseded-${STAMP}`] },
  { what: 'a superseded directory', files: [`${PROJECT}/${ID}.superseded-${STAMP}/tool-results/1.txt`] },
  {
    what: 'its directory in the project of a worktree',
    files: [`projects/-srv-app--claude-worktrees-x/${ID}/tool-results/a.txt`],
  },
  {
    what: 'a superseded transcript in the project of a worktree',
    files: [`projects/-srv-app--claude-worktrees-x/${ID}.jsonl.superseded-${STAMP}`],
  },
];

/** Where the name does not say whose a file is, its content does. */
function contentOf(file: string): string {
  return `${JSON.stringify({ state: 'done', sessionId: ID, path: file })}\n`;
}

/** The first eight digits of all test sessions: that of the others is not there then. */
const HEAD = ID.slice(0, 8);
const isByHead = (file: string) => file.includes(HEAD) && !file.includes(ID);

function placeWith(files: readonly string[]): TrashPlace {
  const place = new TrashPlace();
  if (files.some(isByHead)) rmSync(place.at(`${PROJECT}/${OTHER}.jsonl`));
  for (const file of files) writeAged(place.at(file), contentOf(file), OLD_MS);
  return place;
}

describe.each(KINDS)('A session with $what', ({ files }) => {
  it('counts them as its own, with their bytes', () => {
    const [without, unit] = [new TrashPlace().unit(), placeWith(files).unit()];
    const bytes = files.reduce((sum, file) => sum + contentOf(file).length, 0);
    expect({ files: unit.files, bytes: unit.bytes }).toEqual({
      files: without.files + files.length,
      bytes: without.bytes + bytes,
    });
    expect(unit).toMatchObject({ project: '-srv-app', hasTranscript: true, doubt: undefined });
  });

  it.each(files)('is as young as %s', (file) => {
    const place = placeWith(files);
    utimesSync(place.at(file), (OLD_MS + 5_000) / 1_000, (OLD_MS + 5_000) / 1_000);
    expect(place.unit().newestMtimeMs).toBe(OLD_MS + 5_000);
  });

  it('goes to the trash with them and comes back with them, times included', () => {
    const place = placeWith(files);
    const before = place.files().inPlace;
    expect(place.take()).toEqual({ kind: 'trashed' });
    const other = new Map([...before].filter(([path]) => path === `${PROJECT}/${OTHER}.jsonl`));
    expect(place.files().inPlace).toEqual(other);
    place.trash.restore(ID, LATER);
    expect(place.files()).toEqual({ inPlace: before, inTrash: new Map() });
  });

  it('is put back whole wherever a kill ended its move', () => {
    const { parts } = placeWith(files).unit();
    for (let moved = 0; moved < parts.length; moved += 1) {
      const place = placeWith(files);
      const before = place.files().inPlace;
      const unit = place.unit();
      const run = place.intend(unit);
      for (const part of unit.parts.slice(0, moved)) place.moveByHand(run, part);
      expect(place.trash.reconcile(LATER)).toMatchObject({ undone: 1, unreadableFolders: [] });
      expect(place.files()).toEqual({ inPlace: before, inTrash: new Map() });
    }
  });

  it('is destroyed with them when its time in the trash is over', async () => {
    const place = placeWith(files);
    place.take();
    const run = place.openForPurge();
    run.mark(run.find(place.entries(ID)), [], LATER);
    expect(await run.destroy(LATER)).toMatchObject({ faults: [] });
    run.close();
    expect([...place.files().inTrash]).toEqual([]);
    expect(place.trash.runs()).toEqual([]);
  });

  it('gets them back where its older part is joined with what was written anew', () => {
    const place = placeWith(files);
    const before = place.files().inPlace;
    place.take();
    writeAged(place.at(TRANSCRIPT), 'the tail\n', LATER);
    expect(place.trash.join(ID, LATER).left).toEqual([]);
    for (const file of files) expect(stateOf(place.at(file))).toEqual(before.get(file));
    expect(readFileSync(place.at(TRANSCRIPT), 'utf8')).toMatch(/the tail\n$/);
  });

  it.each(files)('stays as it is where %s has been written to since the scan', (file) => {
    const place = placeWith(files);
    const unit = place.unit();
    writeAged(place.at(file), `${contentOf(file)}and more`, OLD_MS);
    const before = place.files();
    expect(place.take(unit)).toEqual({ kind: 'changed' });
    expect(place.files()).toEqual(before);
  });

  it.skipIf(files.some((file) => file.startsWith('tasks/session-')))(
    'leaves them an orphan where nothing else is left of it, which goes and comes back alike',
    () => {
      const place = placeWith(files);
      for (const part of place.unit().parts) {
        const path = partPath(part);
        if (!files.some((file) => file === path || file.startsWith(`${path}/`)))
          rmSync(place.at(path), { recursive: true });
      }
      const before = place.files().inPlace;
      const unit = place.unit();
      expect(unit).toMatchObject({ hasTranscript: false, doubt: undefined, files: files.length });
      expect(place.take(unit)).toEqual({ kind: 'trashed' });
      expect(ofSession(place.files().inPlace).size).toBe(0);
      place.trash.restore(ID, LATER);
      expect(place.files().inPlace).toEqual(before);
    },
  );
});

describe('A session in two projects', () => {
  const WORKTREE = 'projects/-srv-app--claude-worktrees-x';

  it('is that of the project where its transcript is, whichever the scan comes upon first', () => {
    for (const [project, other] of [
      ['projects/-a', 'projects/-b'],
      ['projects/-b', 'projects/-a'],
    ] as const) {
      const place = new TrashPlace();
      for (const part of place.unit().parts) rmSync(place.at(partPath(part)), { recursive: true });
      writeAged(place.at(`${project}/${ID}.jsonl`), 'transcript', OLD_MS);
      writeAged(place.at(`${other}/${ID}/tool-results/1.txt`), 'result', OLD_MS);
      expect(place.unit()).toMatchObject({ project: project.slice('projects/'.length), hasTranscript: true });
      expect(place.unit().parts.map(partPath)).toEqual([`${project}/${ID}.jsonl`, `${other}/${ID}`]);
    }
  });

  it('is kept, both transcripts named, where each of the two has one', () => {
    const place = placeWith([`${WORKTREE}/${ID}.jsonl`]);
    const unit = place.unit();
    expect(unit.doubt).toBe('duplicate-id');
    expect(unit.parts.slice(0, 2).map(partPath).toSorted()).toEqual([`${WORKTREE}/${ID}.jsonl`, TRANSCRIPT].toSorted());
  });

  it('is kept where its transcript has come to the other one since the scan', () => {
    const place = placeWith([`${WORKTREE}/${ID}/tool-results/a.txt`]);
    const unit = place.unit();
    writeAged(place.at(`${WORKTREE}/${ID}.jsonl`), 'entered the worktree', OLD_MS);
    expect(place.take(unit)).toEqual({ kind: 'changed' });
    expect(existsSync(place.at(TRANSCRIPT))).toBe(true);
  });

  it('is kept where it is scattered over more projects than any session is', () => {
    const files = Array.from({ length: 40 }, (_, number) => `projects/-worktree-${number}/${ID}/tool-results/a.txt`);
    expect(placeWith(files).unit().doubt).toBe('unrecognised');
    const few = placeWith(files.slice(0, 7));
    const before = few.files().inPlace;
    expect(few.take()).toEqual({ kind: 'trashed' });
    few.trash.restore(ID, LATER);
    expect(few.files().inPlace).toEqual(before);
    expect(statSync(few.at(TRANSCRIPT)).mtimeMs).toBe(OLD_MS);
  });
});

describe('The task lists of a team', () => {
  const TASKS = `tasks/session-${HEAD}/1.json`;

  it('stay where two sessions may be theirs, which go without them', () => {
    const place = new TrashPlace();
    writeAged(place.at(TASKS), 'a task', OLD_MS);
    for (const unit of [place.unit(ID), place.unit(OTHER)]) {
      expect(unit.parts.map(partPath)).not.toContain(`tasks/session-${HEAD}`);
      expect(place.take(unit)).toEqual({ kind: 'trashed' });
    }
    expect([...place.files().inPlace.keys()]).toEqual([TASKS]);
  });

  it('stay where no session may be theirs', () => {
    const place = new TrashPlace();
    writeAged(place.at('tasks/session-ffffffff/1.json'), 'a task', OLD_MS);
    expect(place.unit().parts.map(partPath)).not.toContain('tasks/session-ffffffff');
    expect(place.take()).toEqual({ kind: 'trashed' });
    expect([...place.files().inPlace.keys()]).toContain('tasks/session-ffffffff/1.json');
  });

  it('keep the session where they were begun since the scan', () => {
    const place = placeWith([]);
    rmSync(place.at(`${PROJECT}/${OTHER}.jsonl`));
    const unit = place.unit();
    writeAged(place.at(TASKS), 'a task', OLD_MS);
    expect(place.take(unit)).toEqual({ kind: 'changed' });
  });

  it('are nobody’s for as long as a project cannot be looked into', () => {
    const place = placeWith([TASKS]);
    symlinkSync('/nonexistent', place.at('projects/-linked'));
    expect(place.unit().parts.map(partPath)).not.toContain(`tasks/session-${HEAD}`);
  });
});

describe('The directory of a background job', () => {
  const JOB = `jobs/${HEAD}`;

  it('is left alone where its state cannot be read, and holds up no session', () => {
    const place = new TrashPlace();
    writeAged(place.at(`${JOB}/state.json`), '{"state":"done","sess', OLD_MS);
    expect(place.take()).toEqual({ kind: 'trashed' });
    expect([...place.files().inPlace.keys()]).toContain(`${JOB}/state.json`);
  });

  it('keeps the session where the job was begun since the scan', () => {
    const place = new TrashPlace();
    const unit = place.unit();
    writeAged(place.at(`${JOB}/state.json`), contentOf(JOB), OLD_MS);
    expect(place.take(unit)).toEqual({ kind: 'changed' });
    expect(place.take(place.unit(OTHER))).toEqual({ kind: 'trashed' });
  });
});
