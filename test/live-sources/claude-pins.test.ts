import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { claudePinsSource, PinsReading } from '../../src/live-sources/claude-pins.ts';
import { openDir } from '../support/opened.ts';
import { SetClock } from '../support/set-clock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { makeClaudeDir, sessionIdOf } from '../support/tree.ts';
import { asUnprivileged } from '../support/unprivileged.ts';

const ID = sessionIdOf(1);
const UNAVAILABLE = expect.objectContaining({ name: 'OperatingError', kind: 'unavailable' });
/** The first eight digits of every session here. */
const HEAD = '00000000';
const OTHER_HEAD = '11111111';
const OTHER = sessionIdOf(2).replace(HEAD, OTHER_HEAD) as typeof ID;

function dirWith(files: Readonly<Record<string, unknown>>): string {
  const path = makeClaudeDir(tempDir());
  for (const [relative, content] of Object.entries(files)) write(join(path, relative), content);
  return path;
}

function write(path: string, content: unknown): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
}

function sourceOf(path: string) {
  return claudePinsSource(openDir(path), path);
}

/** Which of two sessions are pinned at the act. */
function pinnedAtTheAct(path: string): Promise<string[]> {
  return sourceOf(path).withLive([ID, OTHER], async (live) => [...live]);
}

describe('Claude’s pins as a live source', () => {
  it('pin every session whose id begins as they say, at the plan and at the act', async () => {
    const path = dirWith({ 'jobs/pins.json': [OTHER_HEAD] });
    const source = sourceOf(path);
    expect(source).toMatchObject({ name: 'claude-pins', protection: 'pinned' });
    const { ids, prefixes, malformed } = await source.read();
    expect({ ids: [...ids], prefixes: [...(prefixes ?? [])], malformed }).toEqual({
      ids: [],
      prefixes: [OTHER_HEAD],
      malformed: 0,
    });
    expect(await pinnedAtTheAct(path)).toEqual([OTHER]);
    await source.check();
  });

  it('pin the sessions under which a pinned job goes on, whatever its state', async () => {
    const path = dirWith({
      'jobs/pins.json': [OTHER_HEAD],
      [`jobs/${OTHER_HEAD}/state.json`]: { state: 'done', sessionId: OTHER, resumeSessionId: ID },
      'jobs/22222222/state.json': { state: 'done', sessionId: sessionIdOf(3) },
    });
    expect((await sourceOf(path).read()).ids).toEqual(new Set([OTHER, ID]));
  });

  it.each([
    ['a damaged state', (job: string) => write(join(job, 'state.json'), '{')],
    ['a state that is a directory', (job: string) => mkdirSync(join(job, 'state.json'), { recursive: true })],
    ['no state', (job: string) => mkdirSync(job)],
    ['another link', (job: string) => symlinkSync(tempDir(), job)],
  ])('pin by their own id where the job has %s', async (_, make) => {
    const path = dirWith({ 'jobs/pins.json': [HEAD] });
    make(join(path, 'jobs', HEAD));
    expect(await pinnedAtTheAct(path)).toEqual([ID]);
  });

  it.each([{}, { 'jobs/x/output.log': 'x' }])('are none where there is no such file', async (files) => {
    const { ids, prefixes, malformed } = await sourceOf(dirWith(files)).read();
    expect([ids.size, prefixes?.size, malformed]).toEqual([0, 0, 0]);
  });

  it.each<[string, unknown, readonly string[], number]>([
    ['upper case', [OTHER_HEAD.toUpperCase(), ID.toUpperCase()], [ID, OTHER], 0],
    ['numbers', [11_111_111, 7], [OTHER], 2],
    ['nested', { pins: [[OTHER_HEAD]] }, [OTHER], 1],
    ['behind a byte order mark', `\uFEFF["${OTHER_HEAD}"]`, [OTHER], 0],
    ['cut off', `["${OTHER_HEAD}","0000`, [OTHER], 1],
    ['among strangers', ['x', null, OTHER_HEAD], [OTHER], 2],
    ['10 MB', `["${OTHER_HEAD}",${'"ffffffff",'.repeat(1_000_000)}"x"]`, [OTHER], 1],
    ['empty', '', [], 1],
  ])('that are %s are counted and never fail', async (_, content, pinned, malformed) => {
    const path = dirWith({ 'jobs/pins.json': content });
    expect(await pinnedAtTheAct(path)).toEqual(pinned);
    expect((await sourceOf(path).read()).malformed).toBe(malformed);
  });

  it.each<[string, (path: string) => void]>([
    ['a symlink', (path) => symlinkSync('/etc/hostname', path)],
    ['a directory', (path) => mkdirSync(path)],
    ['a FIFO', (path) => void execFileSync('mkfifo', [path])],
  ])('that are %s pin nobody, as for Claude, which deletes such a thing unread', async (_, make) => {
    const path = dirWith({ 'jobs/x/output.log': 'x' });
    make(join(path, 'jobs/pins.json'));
    expect(await pinnedAtTheAct(path)).toEqual([]);
    expect((await sourceOf(path).read()).malformed).toBe(1);
  });

  it('that are there and cannot be read must not read as no pins', () => {
    const path = dirWith({ 'jobs/pins.json': [HEAD] });
    chmodSync(join(path, 'jobs/pins.json'), 0);
    chmodSync(path, 0o755);
    const reading = new PinsReading(openDir(path), path, new SetClock(Date.now()));
    expect(() => asUnprivileged(() => reading.read())).toThrow(UNAVAILABLE);
    expect(() => asUnprivileged(() => reading.read())).toThrow(`${path}/jobs/pins.json`);
  });

  it('fail where the jobs are a symlink: what is pinned there is unknown', async () => {
    const path = makeClaudeDir(tempDir());
    symlinkSync(tempDir(), join(path, 'jobs'));
    for (const attempt of [() => sourceOf(path).read(), () => sourceOf(path).check(), () => pinnedAtTheAct(path)]) {
      await expect(attempt()).rejects.toThrow(UNAVAILABLE);
    }
  });

  it('are seen anew after each change, and forgotten once they are gone', async () => {
    const path = dirWith({ 'jobs/pins.json': [HEAD] });
    const later = new SetClock(Date.now() + 60_000);
    const source = claudePinsSource(openDir(path), path, later);
    const pinned = () => source.withLive([ID, OTHER], async (live) => [...live]);
    expect(await pinned()).toEqual([ID]);
    expect(await pinned()).toEqual([ID]);
    write(join(path, 'jobs/pins.json'), [HEAD, OTHER_HEAD]);
    expect(await pinned()).toEqual([ID, OTHER]);
    execFileSync('rm', [join(path, 'jobs/pins.json')]);
    expect(await pinned()).toEqual([]);
  });
});
