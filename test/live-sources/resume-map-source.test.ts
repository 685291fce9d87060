import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { resumeMapSource } from '../../src/live-sources/resume-map-source.ts';
import { SqliteResumeMap } from '../../src/resume-map/sqlite.ts';
import { SetClock } from '../support/set-clock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, sessionIdOf } from '../support/tree.ts';
import { NOW } from '../support/units.ts';

const [FRESH, STALE, SENSELESS] = [sessionIdOf(1), sessionIdOf(2), sessionIdOf(3)];

function openMap(path = join(tempDir(), 'sessions.db')): SqliteResumeMap {
  const map = SqliteResumeMap.openOwn(path, { maxSessionAge: DAY_MS, clock: new SetClock(NOW) });
  onTestFinished(() => map.close());
  return map;
}

/** A map with a fresh row, a stale one, one with a senseless time and one that names no session. */
function mapWithRows(): { path: string; map: SqliteResumeMap } {
  const path = join(tempDir(), 'sessions.db');
  const map = openMap(path);
  const database = new Database(path);
  const insert = database.prepare('INSERT INTO claude_sdk_sessions VALUES (?, ?, ?, ?)');
  insert.run('fresh', FRESH, NOW - 1, NOW - 1);
  insert.run('stale', STALE, NOW - 2 * DAY_MS, NOW - 2 * DAY_MS);
  insert.run('senseless', SENSELESS, -5, 0);
  insert.run('malformed', '../../etc', NOW, NOW);
  database.close();
  return { path, map };
}

describe('the resume map as a live source', () => {
  it('protects by every row that is there, stale or not', async () => {
    const source = resumeMapSource(mapWithRows().map);
    expect(source).toMatchObject({ name: 'resume-map', protection: 'live' });
    expect(await source.read()).toMatchObject({ ids: new Set([FRESH, STALE, SENSELESS]), malformed: 1 });
  });

  it('tells an act of the stale ones too: while a row is there, its transcript is live', async () => {
    const source = resumeMapSource(mapWithRows().map);
    const asked = [FRESH, STALE, sessionIdOf(9)];
    expect(await source.withLive(asked, async (live) => [...live].toSorted())).toEqual([FRESH, STALE]);
  });

  it('holds writers back while an act runs, and lets them go after', async () => {
    const { path, map } = mapWithRows();
    const writer = new Database(path, { timeout: 0 });
    onTestFinished(() => void writer.close());
    const write = () => writer.prepare("UPDATE claude_sdk_sessions SET created_at = 1 WHERE key = 'fresh'").run();
    await resumeMapSource(map).withLive([FRESH], async () => {
      expect(write).toThrow(expect.objectContaining({ code: 'SQLITE_BUSY' }));
    });
    expect(write().changes).toBe(1);
  });

  it('lets writers go after an act that failed', async () => {
    const { path, map } = mapWithRows();
    const fail = async () => {
      throw new RangeError('mine');
    };
    await expect(resumeMapSource(map).withLive([FRESH], fail)).rejects.toThrow(RangeError);
    await openMap(path).setSession('another', FRESH);
  });

  it('is an error and not empty where its table is gone', async () => {
    const { path, map } = mapWithRows();
    const database = new Database(path);
    database.exec('DROP TABLE claude_sdk_sessions');
    database.close();
    const source = resumeMapSource(map);
    await expect(source.read()).rejects.toThrow();
    await expect(source.check()).rejects.toThrow();
    await expect(source.withLive([FRESH], async () => 'acted')).rejects.toThrow();
  });
});
