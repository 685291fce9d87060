import { expect, it } from 'vitest';
import { OperatingError, openResumeMap } from '../../src/library/index.ts';
import { isMissing } from '../../src/library/missing.ts';
import type { Whereabouts } from '../../src/resume-map/resume-map.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, sessionIdOf } from '../support/tree.ts';

const ID = sessionIdOf(1);
const KEY = 'forgejo:architect:acme/my_app:12';

/** @param places where each look finds the transcript, one after the other */
async function missing(places: readonly Whereabouts[], { rowAgeMs = DAY_MS, isClosed = false } = {}) {
  await using map = await openResumeMap({ stateDir: tempDir() });
  await map.setSession(KEY, ID);
  const left = [...places];
  const whereIs = () => {
    const [place] = left.splice(0, 1);
    if (place === undefined) throw new Error('looked at too often');
    return place;
  };
  if (isClosed) map.listSessions = () => Promise.reject(new OperatingError('unavailable', 'it is busy'));
  const clock = { now: () => Date.now() + rowAgeMs };
  const is = await isMissing(ID, { whereIs }, { map, key: KEY, clock });
  return { is, left };
}

it.each([
  { places: ['here'], is: false },
  { places: ['unknown'], is: false },
  { places: ['unused'], is: false },
  { places: ['in-trash'], is: true },
  { places: ['gone', 'gone'], is: true },
  // Renamed between two projects, moved to the trash or closed to us in between.
  { places: ['gone', 'here'], is: false },
  { places: ['gone', 'in-trash'], is: true },
  { places: ['gone', 'unknown'], is: false },
] as const)('a conversation whose transcript is $places is missing: $is', async ({ places, is }) => {
  expect(await missing(places)).toEqual({ is, left: [] });
});

it('one that was begun or used within the hour is not: its transcript may be late', async () => {
  expect(await missing(['gone', 'gone'], { rowAgeMs: 60_000 })).toEqual({ is: false, left: [] });
});

it('one whose row cannot be read is not: the client knows', async () => {
  expect(await missing(['gone', 'gone'], { isClosed: true })).toEqual({ is: false, left: [] });
});

it('none is where nobody can look', async () => {
  await using map = await openResumeMap({ stateDir: tempDir() });
  expect(await isMissing(ID, undefined, { map, key: KEY, clock: { now: () => 0 } })).toBe(false);
});
