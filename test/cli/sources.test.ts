import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { SqliteThreadMap } from '../../src/thread-map/sqlite.ts';
import { snapshot } from '../support/disk.ts';
import { tempDir } from '../support/temp-dir.ts';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';
import { cli } from './cli-here.ts';

const QUIET = { env: { SWEEPER_LOG_LEVEL: 'silent' } };
const [A, B, C] = [sessionIdOf(1), sessionIdOf(2), sessionIdOf(3)] as const;

/** A host with three old sessions, a list of customers and a program that tells who waits. */
function host(more: readonly object[] = []) {
  const place = tempPlace();
  for (const id of [A, B, C]) makeSession(place.claudeDir, { id, ageMs: 40 * DAY_MS });
  const [list, program] = [join(place.directory, 'vips'), join(place.directory, 'waiting')];
  writeFileSync(list, `${A}\nend 1\n`);
  const waiting = [{ id: A }, { id: B, why: 'waits for\ta review' }];
  writeFileSync(program, `#!/bin/sh\ncat <<'END'\n${JSON.stringify(waiting)}\nEND\n`);
  chmodSync(program, 0o755);
  const sources = [
    { kind: 'keep-list', name: 'vips', path: list },
    { kind: 'command', name: 'waiting', argv: [program] },
    ...more,
  ];
  const config = join(place.directory, 'config.yaml');
  writeFileSync(config, stringify({ sources }));
  const run = (...args: string[]) => cli([...place.flags, '--config', config, ...args], QUIET);
  return { run, list, program, place };
}

async function documentOf(run: ReturnType<typeof host>['run'], ...args: string[]) {
  return JSON.parse((await run(...args, '--json')).stdout);
}

describe('What a person is told of the sources of a host', () => {
  it('is which thread of a bot keeps a session, and how many of its times cannot be believed', async () => {
    const db = join(tempDir(), 'threads.db');
    const { run } = host([{ kind: 'thread-map', name: 'slack', db }]);
    const map = SqliteThreadMap.open(db);
    const time = new Date();
    const thread = {
      sessionId: B,
      repo: 'app',
      repoPath: '/srv/app',
      channelId: 'C1',
      createdAt: time,
      lastActive: time,
    };
    await map.insert({ ...thread, threadTs: '1.000100' });
    await map.insert({ ...thread, threadTs: '1.000200', sessionId: C, lastActive: '2999-01-01T00:00:00Z' });
    await map.close();
    expect((await run('why', B)).stdout).toContain(' slack: thread 1.000100 of app\n');
    const { findings } = await documentOf(run, 'doctor');
    expect(findings).toContainEqual(
      expect.objectContaining({
        check: 'source slack',
        level: 'notice',
        message: 'names 2 sessions; 1 time of it cannot be believed: what has one never expires',
      }),
    );
  });

  it('is why a session stays, by which of them, and what they say of it', async () => {
    const { run } = host();
    const { stdout } = await run('why', A, B);
    expect(stdout).toContain(' named by   vips\n             waiting\n');
    expect(stdout).toContain(' named by   waiting: waits for\\u0009a review\n');
    const { sessions } = await documentOf(run, 'why', B, C);
    const namedBy = new Map(
      sessions.map((one: { sessionId: string; namedBy?: unknown }) => [one.sessionId, one.namedBy]),
    );
    expect(namedBy.get(B)).toEqual([{ source: 'waiting', why: 'waits for\ta review' }]);
    expect(namedBy.get(C)).toBeUndefined();
  });

  it('is which project is named that it belongs to, and why', async () => {
    const { run, program } = host();
    const answer = JSON.stringify([{ project: '-srv-*', why: 'a release' }]);
    writeFileSync(program, `#!/bin/sh\ncat <<'END'\n${answer}\nEND\n`);
    const { stdout } = await run('why', C);
    expect(stdout).toContain('why        live;');
    expect(stdout).toContain(' named by   waiting: a release\n');
  });

  it('is how each of them stands, and since when one is silent', async () => {
    const { run, list } = host();
    expect((await run('run')).code).toBe(0);
    rmSync(list);
    const { stdout, code } = await run('status');
    expect(code).not.toBe(0);
    expect(stdout).toMatch(/vips +down +\d+s ago/);
    expect(stdout).toMatch(/waiting +up +2 +\d+s ago/);
    expect(stdout).toContain('vips: there is no such file');
    const { sources } = await documentOf(run, 'status');
    const of = (name: string) => sources.find(({ source }: { source: string }) => source === name);
    expect(of('vips')).toMatchObject({ up: false, ids: 0, lastAnswerAt: expect.stringMatching(/^20/) });
    expect(of('waiting')).toMatchObject({ up: true, ids: 2 });
  });

  it('is how many sessions each of them alone protects', async () => {
    const { run } = host();
    const { sources } = await documentOf(run, 'status');
    expect(sources.map(({ source, onlyProtects }: Record<string, unknown>) => [source, onlyProtects])).toEqual(
      expect.arrayContaining([
        ['vips', 0],
        ['waiting', 1],
        ['resume-map', 0],
      ]),
    );
    expect((await cli(['status', ...tempPlace().flags], QUIET)).stdout).not.toContain('SOURCE');
  });

  it('is by doctor whether each can be read in full, and changes nothing', async () => {
    const { run, program, list, place } = host([
      { kind: 'json-map', name: 'chat', path: '/nonexistent/chat.json', required: false },
    ]);
    const before = snapshot(place.directory);
    const findings = async () => {
      const { findings: all } = await documentOf(run, 'doctor');
      const ofSources = all.filter(({ check }: { check: string }) => check.startsWith('source '));
      return Object.fromEntries(ofSources.map(({ check, ...finding }: Record<string, string>) => [check, finding]));
    };
    expect(await findings()).toMatchObject({
      'source vips': { level: 'ok', message: 'names 1 session' },
      'source waiting': { level: 'ok', message: 'names 2 sessions' },
      'source chat': { level: 'problem', advice: expect.stringContaining('is not protected meanwhile') },
    });
    expect(snapshot(place.directory)).toEqual(before);
    writeFileSync(
      program,
      `#!/bin/sh\necho '["${A}", {"project": "-srv-*"}, {"id": "${B}", "until": "2001-01-01T00:00:00Z"}]'\n`,
    );
    expect(await findings()).toMatchObject({
      'source waiting': { level: 'ok', message: 'names 1 session and 1 project; the time of 1 more is over' },
    });
    writeFileSync(program, '#!/bin/sh\necho no\n');
    writeFileSync(list, 'x');
    expect(await findings()).toMatchObject({
      'source vips': { level: 'problem', advice: 'until this is mended nothing is removed' },
      'source waiting': { level: 'problem', message: expect.stringContaining('"no" is no session id') },
    });
  });

  it('is by check-config which of them cannot be asked at all', async () => {
    const { run, list, program } = host();
    expect((await run('check-config')).code).toBe(0);
    rmSync(list);
    chmodSync(program, 0o644);
    const { code, stdout } = await run('check-config');
    expect(code).not.toBe(0);
    expect(stdout).toMatch(/source vips.*keep-list: .*there is no such file/);
    expect(stdout).toMatch(/source waiting.*command: .*EACCES/);
    const { sources } = await documentOf(run, 'check-config');
    expect(sources).toEqual([
      { name: 'vips', kind: 'keep-list', fault: expect.stringContaining('there is no such file') },
      { name: 'waiting', kind: 'command', fault: expect.stringContaining('EACCES') },
    ]);
  });
});
