import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { DirectoryFingerprints } from '../../src/claude-dir/directory-fingerprints.ts';
import type { SessionId } from '../../src/claude-dir/session-id.ts';
import { useNativePart } from '../../src/files/native-part.ts';
import type { TakeOutcome } from '../../src/trash/take-outcome.ts';
import { snapshot } from '../support/disk.ts';
import { builtNativePart } from '../support/native.ts';
import { scanned } from '../support/scanned.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, makeSession, sessionIdOf, writeAged } from '../support/tree.ts';
import { NOW } from '../support/units.ts';
import { ID, OTHER, PROJECT, TRANSCRIPT, TrashPlace } from './trash-place.ts';

/** How many go in one call of the native part. */
const AT_ONCE = 8;

describe.each([
  { by: 'the native part', isNative: true },
  { by: 'Node’s calls', isNative: false },
])('Taking a batch of sessions into the trash by $by', ({ isNative }) => {
  beforeEach(() => useNativePart(isNative ? builtNativePart() : undefined));
  afterEach(() => useNativePart(builtNativePart()));
  const third = sessionIdOf(3);

  /** Three sessions, of two projects, whose intents are written. */
  const begun = (fingerprints?: DirectoryFingerprints, more: readonly SessionId[] = []) => {
    const place = new TrashPlace();
    for (const id of more) makeSession(place.claudeDir, { id, ageMs: 40 * DAY_MS }, NOW);
    makeSession(place.claudeDir, { id: third, project: '-srv-other', ageMs: 40 * DAY_MS }, NOW);
    const units = [undefined, OTHER, third, ...more].map((id) => place.unit(id));
    const run = place.trash.beginFolder(
      NOW,
      fingerprints ?? DirectoryFingerprints.observe(place.opened, Date.now() + DAY_MS),
    );
    onTestFinished(() => run.close());
    run.intend(
      units.map((unit) => ({ unit, reason: 'expired' })),
      NOW,
    );
    run.prepare(units);
    return { place, run, units };
  };
  const kinds = (outcomes: readonly (TakeOutcome | undefined)[]) => outcomes.map((outcome) => outcome?.kind);

  it('takes sessions in their order, and ends where it is to end, with what one call has taken', () => {
    const ids = Array.from({ length: 20 }, (_, index) => sessionIdOf(10 + index));
    const { place, run, units } = begun(undefined, ids);
    const asked: string[] = [];
    const isLast = ({ kind }: TakeOutcome) => asked.push(kind) === 2;
    const outcomes = run.takeBatch(units, NOW, isLast);
    const taken = isNative ? AT_ONCE : 2;
    expect(kinds(outcomes)).toEqual(Array(taken).fill('trashed'));
    expect(asked).toEqual(kinds(outcomes));
    run.flush();
    const inTrash = place.entries(...units.map(({ sessionId }) => sessionId)).map(({ sessionId }) => sessionId);
    expect(inTrash).toEqual(units.slice(0, taken).map(({ sessionId }) => sessionId));
    expect(existsSync(place.at(`${PROJECT}/${ids.at(-1)}.jsonl`))).toBe(true);
  });

  it('leaves in the midst of others one that was written meanwhile, and takes those after it', () => {
    const ids = Array.from({ length: 12 }, (_, index) => sessionIdOf(10 + index));
    const { place, run, units } = begun(undefined, ids);
    const written = units[5]?.sessionId ?? '';
    writeAged(place.at(`${PROJECT}/${written}.jsonl`), 'more', NOW);
    const outcomes = kinds(run.takeBatch(units, NOW, () => false));
    expect(outcomes).toEqual(units.map(({ sessionId }) => (sessionId === written ? 'changed' : 'trashed')));
    expect(readFileSync(place.at(`${PROJECT}/${written}.jsonl`), 'utf8')).toBe('more');
  });

  it('overwrites nothing that stands in its trash folder, and says which session it left for it', () => {
    const { place, run, units } = begun();
    const taken = place.inRun(run.name, `${PROJECT}/${OTHER}.jsonl`);
    writeAged(taken, 'somebody’s', NOW);
    run.prepare(units);
    const outcomes = run.takeBatch(units, NOW, () => false);
    expect(outcomes).toMatchObject([{ kind: 'trashed' }, { kind: 'unmovable', code: 'EEXIST' }, { kind: 'trashed' }]);
    expect(readFileSync(taken, 'utf8')).toBe('somebody’s');
    expect(existsSync(place.at(`${PROJECT}/${OTHER}.jsonl`))).toBe(true);
  });

  it('brings back what it has moved of a session of which another part cannot be moved', () => {
    const { place, run, units } = begun();
    const before = place.files().inPlace;
    const taken = place.inRun(run.name, `file-history/${ID}`);
    mkdirSync(join(taken, 'somebody’s'), { recursive: true });
    const outcomes = run.takeBatch(units.slice(0, 1), NOW, () => false);
    expect(outcomes).toMatchObject([{ kind: 'unmovable' }]);
    expect(place.files().inPlace).toEqual(before);
    expect(readdirSync(taken)).toEqual(['somebody’s']);
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
  ])('gives back a session that got a companion meanwhile, in $what', ({ companion }) => {
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

  it('finds the sessions that have been written anew when it is through', () => {
    const { place, run, units } = begun();
    run.takeBatch(units, NOW, () => false);
    writeAged(place.at(`${PROJECT}/${OTHER}.jsonl`), 'new', NOW);
    expect(run.findRecreated(units)).toEqual([units[1]]);
  });

  it.each([
    { what: 'a companion', path: `debug/${third}.txt` },
    { what: 'a directory of its own', path: `projects/-srv-other/${third}/subagents/agent-a1.jsonl` },
  ])('leaves a session that got $what before the batch began', ({ path }) => {
    const { place, run, units } = begun();
    writeAged(place.at(path), 'new', NOW);
    expect(kinds(run.takeBatch(units, NOW, () => false))).toEqual(['trashed', 'trashed', 'changed']);
  });

  it('leaves left-over companions whose transcript has come back in any project', () => {
    const place = new TrashPlace();
    makeSession(place.claudeDir, {
      id: third,
      ageMs: 40 * DAY_MS,
      hasTranscript: false,
      elsewhere: [`tasks/${third}/1.json`],
    });
    makeSession(place.claudeDir, {
      id: sessionIdOf(4),
      ageMs: 40 * DAY_MS,
      hasTranscript: false,
      elsewhere: [`tasks/${sessionIdOf(4)}/1.json`],
    });
    const units = [place.unit(third), place.unit(sessionIdOf(4))];
    const run = place.trash.beginFolder(NOW, DirectoryFingerprints.observe(place.opened, Date.now() + DAY_MS));
    onTestFinished(() => run.close());
    writeAged(place.at(`projects/-srv-new/${third}.jsonl`), 'new', NOW);
    expect(kinds(run.takeBatch(units, NOW, () => false))).toEqual(['changed', 'trashed']);
  });

  it('goes through more projects than can be held open', () => {
    const place = new TrashPlace();
    const ids = Array.from({ length: 60 }, (_, number) => sessionIdOf(100 + number));
    for (const [number, id] of ids.entries())
      makeSession(place.claudeDir, { id, project: `-srv-${number}`, ageMs: 40 * DAY_MS }, NOW);
    const units = scanned(place.opened).units.filter(({ project }) => project !== '-srv-app');
    const run = place.trash.beginFolder(NOW);
    onTestFinished(() => run.close());
    run.prepare(units);
    expect(new Set(kinds(run.takeBatch(units, NOW, () => false)))).toEqual(new Set(['trashed']));
    expect(run.findRecreated(units)).toEqual([]);
    expect([...place.files().inTrash.keys()]).toHaveLength(60);
  });
});
