import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SessionId } from '../../src/claude-dir/session-id.ts';
import { snapshot } from '../support/disk.ts';
import { takeUnit } from '../support/taken.ts';
import { tempDir } from '../support/temp-dir.ts';
import { NOW } from '../support/units.ts';
import { ID, LATER, OTHER, ofSession, PROJECT, TRANSCRIPT, TrashPlace } from './trash-place.ts';

describe('Purging a folder of the trash', () => {
  async function purge(place: TrashPlace, ...ids: readonly SessionId[]) {
    const run = place.openForPurge();
    run.mark(run.find(place.entries(...ids)), [], LATER);
    const destroyed = await run.destroy(LATER);
    run.close();
    return destroyed;
  }

  /** Both sessions of the place in one run. */
  function takeBoth(place: TrashPlace): string {
    const units = [place.unit(), place.unit(OTHER)];
    const run = place.trash.beginFolder(NOW);
    run.intend(
      units.map((unit) => ({ unit, reason: 'expired' })),
      NOW,
    );
    for (const unit of units) takeUnit(run, unit, NOW);
    run.close();
    return run.name;
  }

  it('destroys what is marked and no other session of the run', async () => {
    const place = new TrashPlace();
    const before = place.files().inPlace;
    takeBoth(place);
    expect((await purge(place, ID)).sessions.map(({ sessionId }) => sessionId)).toEqual([ID]);
    expect(place.files().inTrash).toEqual(ofSession(before, OTHER));
    expect(place.listed()).toEqual([{ sessionId: OTHER, state: 'trashed' }]);
    place.trash.restore(OTHER, LATER);
    expect(place.files().inPlace).toEqual(ofSession(before, OTHER));
  });

  it('destroys nothing that is not marked', async () => {
    const place = new TrashPlace();
    takeBoth(place);
    const before = place.files();
    expect(await place.openForPurge().destroy(LATER)).toEqual({ sessions: [], faults: [] });
    expect(place.files()).toEqual(before);
  });

  it('removes the folder when nothing is left in it', async () => {
    const place = new TrashPlace();
    takeBoth(place);
    await purge(place, ID, OTHER);
    expect(place.trash.runs()).toEqual([]);
    expect(readdirSync(place.at('session-sweeper/trash'))).toEqual([]);
  });

  it('goes on where a killed purge left off', async () => {
    const place = new TrashPlace();
    const run = takeBoth(place);
    place.addEvent(run, 'purging');
    rmSync(place.inRun(run, TRANSCRIPT));
    rmSync(place.inRun(run, `${PROJECT}/${ID}/subagents`), { recursive: true });
    const { sessions } = await place.openForPurge().destroy(LATER);
    expect(sessions.map(({ sessionId }) => sessionId)).toEqual([ID]);
    expect(ofSession(place.files().inTrash)).toEqual(new Map());
    expect(ofSession(place.files().inTrash, OTHER).size).toBe(1);
  });

  it.each<{ what: string; link: string; target: string }>([
    { what: 'the transcript', link: TRANSCRIPT, target: 'file' },
    { what: 'the session’s directory', link: `${PROJECT}/${ID}`, target: '' },
    { what: 'a file in it', link: `${PROJECT}/${ID}/tool-results/1.txt`, target: 'file' },
    { what: 'a directory in it', link: `${PROJECT}/${ID}/tool-results`, target: '' },
  ])('destroys the link and not what it leads to, where $what was made one in the trash', async ({ link, target }) => {
    const place = new TrashPlace();
    const run = takeBoth(place);
    const outside = tempDir();
    writeFileSync(join(outside, 'file'), 'outside');
    rmSync(place.inRun(run, link), { recursive: true });
    symlinkSync(join(outside, target), place.inRun(run, link));
    await purge(place, ID);
    expect(readFileSync(join(outside, 'file'), 'utf8')).toBe('outside');
    expect(ofSession(place.files().inTrash)).toEqual(new Map());
  });

  it('destroys nothing behind a symlink that stands for a directory on the way', async () => {
    const place = new TrashPlace();
    const run = takeBoth(place);
    const outside = tempDir();
    writeFileSync(join(outside, `${ID}.jsonl`), 'outside');
    mkdirSync(join(outside, ID));
    writeFileSync(join(outside, ID, 'file'), 'outside');
    const before = snapshot(outside);
    renameSync(place.inRun(run, PROJECT), place.inRun(run, 'aside'));
    symlinkSync(outside, place.inRun(run, PROJECT));
    await purge(place, ID);
    expect(snapshot(outside)).toEqual(before);
    expect(existsSync(place.inRun(run, `aside/${ID}.jsonl`))).toBe(true);
  });

  it('leaves a file that nobody knows, and its folder, for a person to see to', async () => {
    const place = new TrashPlace();
    const run = takeBoth(place);
    writeFileSync(place.inRun(run, `${PROJECT}/notes.txt`), 'mine');
    await purge(place, ID, OTHER);
    expect(readFileSync(place.inRun(run, `${PROJECT}/notes.txt`), 'utf8')).toBe('mine');
    expect(place.trash.runs()).toEqual([run]);
    expect(place.listed()).toEqual([]);
  });

  it('leaves a session that a killed run never came to say was moved', async () => {
    const place = new TrashPlace();
    const unit = place.unit();
    const run = place.intend(unit);
    for (const part of unit.parts.slice(0, 2)) place.moveByHand(run, part);
    const before = place.files();
    expect(await place.openForPurge().destroy(LATER)).toEqual({ sessions: [], faults: [] });
    expect(place.files()).toEqual(before);
  });
});
