/** Claude's own records beside the whole program: what it says of them, and how it ends. */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Place } from '../support/place.ts';
import { tempPlace } from '../support/temp-place.ts';
import { trashSessions } from '../support/trashed.ts';
import { DAY_MS, makeSession, sessionIdOf, writeAged } from '../support/tree.ts';

const PRUNE = ['--run-now', '--job', 'prune-transcripts'];
const ID = sessionIdOf(1);

function placeWith(files: Readonly<Record<string, string>>, ageMs = 60 * DAY_MS): Place {
  const place = tempPlace();
  makeSession(place.claudeDir, { id: ID, ageMs: 60 * DAY_MS });
  for (const [path, content] of Object.entries(files)) writeAged(place.at(path), content, Date.now() - ageMs);
  return place;
}

function isLeft(place: Place): boolean {
  return existsSync(place.at(`projects/-srv-app/${ID}.jsonl`));
}

function pidOfNobody(): number {
  return spawnSync('true').pid;
}

describe('a run beside records that have had their time', () => {
  it('removes what they name, ends with 0, and counts them', async () => {
    const place = placeWith(
      {
        [`sessions/${pidOfNobody()}.json`]: '',
        'jobs/00000000/state.json': JSON.stringify({ state: 'done', sessionId: ID, resumeSessionId: ID }),
        'daemon/roster.json': JSON.stringify({ workers: { a: { pid: pidOfNobody(), procStart: '1', sessionId: ID } } }),
      },
      40 * DAY_MS,
    );
    const dryRun = await place.run([...PRUNE, '--dry-run', '--json']);
    const { code, stdout, stderr } = await place.run([...PRUNE, '--json']);
    expect({ code, isLeft: isLeft(place) }, stderr).toEqual({ code: 0, isLeft: false });
    const [planned, done] = [dryRun.stdout, stdout].map((text) => (JSON.parse(text) as { jobs: object[] }).jobs[0]);
    for (const job of [planned, done]) {
      expect(job).toMatchObject({ removed: { sessions: 1 }, staleRecords: { 'running-processes': 2 }, errors: [] });
    }
  });

  it('says so in words, too', async () => {
    const { stdout } = await placeWith({ [`sessions/${pidOfNobody()}.json`]: '' }).run([...PRUNE, '--dry-run']);
    expect(stdout).toContain('stale      1 entry of running-processes: to no effect any more, and named by doctor');
  });
});

describe('a run beside what is pinned in Claude’s own list of jobs', () => {
  it('keeps it, and counts what of the list means nothing', async () => {
    const place = placeWith({ 'jobs/pins.json': `["${ID.slice(0, 8)}", "x"]` });
    const { code, stdout } = await place.run([...PRUNE, '--json']);
    expect({ code, isLeft: isLeft(place) }).toEqual({ code: 0, isLeft: true });
    expect(JSON.parse(stdout)).toMatchObject({
      jobs: [{ kept: { pinned: 1 }, liveIds: { 'claude-pins': 1 }, malformedIds: { 'claude-pins': 1 } }],
    });
  });
});

describe('beside a record of a process that runs and does not say on what', () => {
  it('a run keeps what was written since that began, takes the rest, and ends with 74', async () => {
    const place = placeWith({ [`sessions/${process.pid}.json`]: '{"pid":' }, 0);
    const young = sessionIdOf(2);
    makeSession(place.claudeDir, { id: young, ageMs: 2 * 3_600_000 });
    const { code, stdout } = await place.run([...PRUNE, '--min-age', '1h', '--max-age', '1h', '--json']);
    expect(code).toBe(74);
    expect(JSON.parse(stdout)).toMatchObject({
      jobs: [{ outcome: 'partial', removed: { sessions: 1 }, kept: { running: 1 } }],
    });
    expect(stdout).toContain(place.at(`sessions/${process.pid}.json`));
    expect(isLeft(place)).toBe(false);
  });

  it('no two parts of a session are joined', async () => {
    const place = placeWith({});
    trashSessions(place.claudeDir, [ID], Date.now());
    makeSession(place.claudeDir, { id: ID, ageMs: 0 });
    writeAged(place.at(`sessions/${process.pid}.json`), '', Date.now());
    const { code, stderr } = await place.run(['trash', 'restore', '--join', ID]);
    expect(code).toBe(65);
    expect(stderr).toContain(place.at(`sessions/${process.pid}.json`));
  });
});
