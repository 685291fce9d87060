import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { recordFindings } from '../../src/doctor/record-findings.ts';
import { kernelProcessTable } from '../../src/process/process-table.ts';
import { openClaudeDir } from '../support/opened.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, makeClaudeDir, sessionIdOf } from '../support/tree.ts';

const ID = sessionIdOf(1);
/** No kernel gives such a pid. */
const NOBODY = 9_999_999;
const OF_ELSEWHERE = { sessionId: ID, pidDomain: 'linux:other:pid:[1]', version: '2.1.329' };

function dirWith(files: Readonly<Record<string, unknown>>, ageMs = 0, name = 'claude'): string {
  const path = makeClaudeDir(join(tempDir(), name));
  for (const [relative, content] of Object.entries(files)) {
    const file = join(path, relative);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
    utimesSync(file, (Date.now() - ageMs) / 1000, (Date.now() - ageMs) / 1000);
  }
  return path;
}

function findingsOf(path: string): Finding[] {
  return recordFindings(openClaudeDir(path), systemClock);
}

function told(path: string, check: string): Finding[] {
  return findingsOf(path).filter((finding) => finding.check === check);
}

describe('what doctor says of Claude’s records', () => {
  it('is that all is well where there are none, or where each is of a process that runs', () => {
    const own = { sessionId: ID, procStart: kernelProcessTable().find(process.pid)?.startTicks };
    const dirs = [dirWith({}), dirWith({ [`sessions/${process.pid}.json`]: own, 'jobs/pins.json': [] })];
    for (const path of dirs) expect(findingsOf(path).map(({ level }) => level)).toEqual(['ok', 'ok', 'ok']);
  });

  it('names what is stale by its path, with a command that clears it', () => {
    const path = dirWith(
      { [`sessions/${NOBODY}.json`]: '', 'sessions/7.json': OF_ELSEWHERE },
      40 * DAY_MS,
      "it's a dir",
    );
    const [finding] = told(path, 'process records');
    expect(finding).toMatchObject({ level: 'notice' });
    expect(finding?.message).toContain('2 are stale and protect nothing any more');
    expect(finding?.message).toContain('since its process has ended');
    expect(finding?.message).toContain('since it is too old to be believed');
    expect(finding?.message).toContain(`${path}/sessions/${NOBODY}.json`);
    execFileSync('bash', ['-c', finding?.advice ?? 'false']);
    expect(existsSync(join(path, `sessions/${NOBODY}.json`))).toBe(false);
    expect(told(path, 'process records')).toEqual([
      { check: 'process records', level: 'ok', message: 'none that has had its time' },
    ]);
  });

  it('gives a command of bounded length for any number of them', () => {
    const files = Object.fromEntries(
      Array.from({ length: 500 }, (_, index) => [`sessions/${NOBODY + index}.json`, '']),
    );
    const [{ message = '', advice = '' } = {}] = told(dirWith(files, 40 * DAY_MS), 'process records');
    expect(message).toContain('500 are stale and protect nothing any more');
    expect(message.length + advice.length).toBeLessThan(4_000);
    expect(advice).toContain('the other 480');
  });

  it('tells for how long a record of elsewhere protects', () => {
    const [, finding] = told(dirWith({ 'sessions/7.json': OF_ELSEWHERE }, 10 * DAY_MS), 'process records');
    const until = new Date(Date.now() + 20 * DAY_MS).toISOString().slice(0, 10);
    expect(finding).toMatchObject({ level: 'notice' });
    expect(finding?.message).toContain('stays until 30d after they were written');
    expect(finding?.message).toContain(until);
    expect(finding?.advice).toMatch(/^once those containers are gone: rm .*sessions\/7\.json$/);
  });

  it('is a problem where a process is at work, and nobody can tell on what', () => {
    const path = dirWith({ [`sessions/${process.pid}.json`]: '{"pid":' });
    const [finding] = told(path, 'process records');
    expect(finding).toMatchObject({ level: 'problem' });
    expect(finding?.message).toContain(`${path}/sessions/${process.pid}.json`);
    expect(finding?.message).toContain('all that was written since');
    expect(finding?.advice).toContain(`rm ${path}/sessions/${process.pid}.json`);
  });

  it('counts jobs by what they are worth', () => {
    const path = dirWith({
      'jobs/a/state.json': { state: 'working', sessionId: ID },
      'jobs/b/state.json': { state: 'blocked', sessionId: ID, pid: process.pid },
      'jobs/c/state.json': { state: 'done', sessionId: ID },
      'jobs/d/state.json': { state: 'working', sessionId: ID, pid: NOBODY },
    });
    const [finding] = told(path, 'background jobs');
    expect(finding).toMatchObject({ level: 'ok' });
    expect(finding?.message).toMatch(
      /^1 at work; 1 unfinished, whose sessions stay until 30d after .*; 1 never ended and protect nothing any more: .*\/jobs\/d\/state\.json$/,
    );
  });

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['a state of another name', { 'jobs/a/state.json': { state: 'dreaming', sessionId: ID } }],
    ['a damaged state', { 'jobs/a/state.json': '{' }],
    ['a damaged roster', { 'daemon/roster.json': '{' }],
    ['a roster of another form', { 'daemon/roster.json': { proto: 2, sessions: [] } }],
    ['half a record', { [`sessions/${process.pid}.json`]: '{"pid":' }],
  ])('tells of %s: this release does not know it', (_, files) => {
    const path = dirWith(files);
    const [finding] = told(path, 'form of the records');
    expect(finding).toMatchObject({ level: 'notice' });
    expect(finding?.message).toContain(join(path, Object.keys(files)[0] ?? ''));
  });

  it('says only one thing of an old record: that it protects nothing any more, though it is damaged', () => {
    const path = dirWith({ 'jobs/a/state.json': '{', 'jobs/b/state.json': { state: 'dreaming' } }, 90 * DAY_MS);
    expect(told(path, 'background jobs')[0]?.message).toMatch(/^2 never ended and protect nothing any more/);
    expect(told(path, 'form of the records')).toEqual([]);
  });

  it('tells of versions of Claude that are not known', () => {
    const [finding] = told(dirWith({ 'sessions/7.json': { ...OF_ELSEWHERE, version: '9.0.1' } }), 'version of Claude');
    expect(finding?.message).toContain('9.0.1 is not known');
  });

  it('counts what is pinned, and what of it means nothing to Claude', () => {
    expect(told(dirWith({ 'jobs/pins.json': ['00000001', '00000002'] }), "Claude's pins")).toEqual([
      { check: "Claude's pins", level: 'ok', message: expect.stringContaining('2 jobs are pinned') },
    ]);
    const [finding] = told(dirWith({ 'jobs/pins.json': ['00000001', 7] }), "Claude's pins");
    expect(finding).toMatchObject({ level: 'notice', message: expect.stringContaining('1 entries mean nothing') });
  });

  it('is a problem where the places cannot be read, with what to do', () => {
    const path = dirWith({});
    symlinkSync(tempDir(), join(path, 'jobs'));
    expect(findingsOf(path).map(({ check, level }) => [check, level])).toEqual([
      ['process records', 'problem'],
      ["Claude's pins", 'problem'],
    ]);
    for (const { message } of findingsOf(path)) expect(message).toContain('a symlink, which is never followed');
  });

  it('shows nothing of what stands in them', () => {
    const secret = 'a-secret-of-somebody';
    const path = dirWith({
      [`sessions/${process.pid}.json`]: { sessionId: secret, peerToken: secret },
      'jobs/a/state.json': { state: secret, intent: secret, sessionId: secret },
      'jobs/pins.json': [secret],
      'daemon/roster.json': { workers: { [secret]: { sessionId: secret, rvAuth: secret } } },
    });
    expect(JSON.stringify(findingsOf(path))).not.toContain(secret);
  });
});
