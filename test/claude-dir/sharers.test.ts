/** Who shares a `projects/` and cannot be seen from here protects what it may be at work on: what is cut off is not nobody. */

import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cli } from '../cli/cli-here.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';

/** A directory whose `projects/` leads elsewhere, with sessions of ten and of sixty days, and a worker that keeps for seven. */
async function worked() {
  const directory = tempDir();
  const target = join(directory, 'disk/transcripts');
  mkdirSync(target, { recursive: true });
  const link = (name: string) => {
    const home = join(directory, name);
    mkdirSync(home);
    symlinkSync(target, join(home, 'projects'));
    return home;
  };
  const [home, other] = [link('home'), link('other')];
  const prune = async (of: string) => {
    const flags = ['--claude-dir', of, '--state-dir', join(directory, `state of ${of === home ? 'home' : 'other'}`)];
    const { stdout } = await cli([...flags, '--run-now', '--job', 'prune-transcripts', '--json', '--max-age', '7d']);
    return JSON.parse(stdout).jobs[0];
  };
  await prune(other);
  makeSession(home, { id: sessionIdOf(1), ageMs: 10 * DAY_MS });
  makeSession(home, { id: sessionIdOf(2), ageMs: 60 * DAY_MS });
  const record = join(directory, 'disk/transcripts.session-sweeper/claude-dirs.json');
  return { home, other, record, prune: () => prune(home) };
}

/** The paths and times in the record, as if they had been written in another container. */
function asFromElsewhere(record: string, ageMs = 0): void {
  const seen = Object.entries(JSON.parse(readFileSync(record, 'utf8')) as Record<string, object>);
  const moved = seen.map(([path]) => [path, { atMs: Date.now() - ageMs, from: 'another' }]);
  writeFileSync(record, JSON.stringify(Object.fromEntries(moved)));
}

describe('a Claude directory that shares a projects/ and is not there', () => {
  it('protects what was written in thirty days where it was another container’s, and nothing older', async () => {
    const { other, record, prune } = await worked();
    rmSync(other, { recursive: true });
    asFromElsewhere(record);
    expect(await prune()).toMatchObject({ outcome: 'ok', removed: { sessions: 1 }, kept: { running: 1 } });
  });

  it('does so where another directory stands under its path here', async () => {
    const { other, record, prune } = await worked();
    rmSync(join(other, 'projects'));
    mkdirSync(join(other, 'projects'));
    asFromElsewhere(record);
    expect(await prune()).toMatchObject({ outcome: 'ok', removed: { sessions: 1 }, kept: { running: 1 } });
  });

  it('protects nothing any more thirty days after it was seen last', async () => {
    const { other, record, prune } = await worked();
    rmSync(other, { recursive: true });
    asFromElsewhere(record, 31 * DAY_MS);
    expect(await prune()).toMatchObject({ outcome: 'ok', removed: { sessions: 2 } });
  });

  it('is nobody where it was seen from here: it is gone', async () => {
    const { other, prune } = await worked();
    rmSync(other, { recursive: true });
    expect(await prune()).toMatchObject({ outcome: 'ok', removed: { sessions: 2 } });
  });
});

describe('a record of who shares a projects/', () => {
  it.each(['', '{"/srv/a', '[]', 'null', '7', '{"/srv/a":null}', '{"/srv/a":{"atMs":"x"}}', '{"/srv/a":{}}'])(
    'that says nothing is not one of nobody, in this run and the next: %s',
    async (text) => {
      const { record, prune } = await worked();
      writeFileSync(record, text);
      expect(await prune()).toMatchObject({ outcome: 'ok', removed: { sessions: 1 }, kept: { running: 1 } });
      expect(await prune()).toMatchObject({ outcome: 'ok', removed: { sessions: 0 }, kept: { running: 1 } });
      asFromElsewhere(record, 31 * DAY_MS);
      expect(await prune()).toMatchObject({ outcome: 'ok', removed: { sessions: 1 } });
    },
  );

  it('of an earlier release is understood', async () => {
    const { other, record, prune } = await worked();
    rmSync(other, { recursive: true });
    writeFileSync(record, JSON.stringify({ [other]: Date.now() }));
    expect(await prune()).toMatchObject({ outcome: 'ok', removed: { sessions: 1 }, kept: { running: 1 } });
  });
});
