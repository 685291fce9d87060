import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { snapshot } from '../support/disk.ts';
import type { Place } from '../support/place.ts';
import { tempPlace } from '../support/temp-place.ts';
import { trashSessions } from '../support/trashed.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';
import { type Answer, cli } from './cli-here.ts';

const [A, B] = [sessionIdOf(1), sessionIdOf(2)] as const;
const KEY = 'forgejo:a:acme/app:1';

async function told(place: Place, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await cli([...place.flags, ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

describe('Pins by hand', () => {
  it('tell of each session whether anything has changed, and are listed until they are taken back', async () => {
    const place = tempPlace();
    expect(await told(place, 'pins')).toBe('No session is pinned.\n');
    expect((await cli([...place.flags, 'pin', A])).stderr).toContain('--force pins');
    expect(await told(place, 'pin', A, B, '--force')).toBe(`${A} pinned\n${B} pinned\n`);
    expect(await told(place, 'pin', A, '--force')).toBe(`${A} was pinned already\n`);
    expect(await told(place, 'pins')).toMatch(new RegExp(`^SESSION .*\\n${A} .* ago .*not here.\\n${B} .* ago .*\\n$`));
    expect(await told(place, 'unpin', A)).toBe(`${A} unpinned\n`);
    expect(await told(place, 'unpin', A)).toBe(`${A} was not pinned\n`);
    const { pins } = JSON.parse(await told(place, 'pins', '--json')) as { pins: object[] };
    expect(pins).toEqual([{ sessionId: B, pinnedAt: expect.stringMatching(/^\d{4}-.*Z$/) }]);
  });
});

describe('The resume map by hand', () => {
  it('resumes what a key was set to, and forgets it when it is dropped', async () => {
    const place = tempPlace();
    expect(await told(place, 'map', 'list')).toBe('The resume map is empty.\n');
    expect(await told(place, 'map', 'set', KEY, A)).toBe(`${KEY} resumes ${A}\n`);
    expect(await told(place, 'map', 'list')).toMatch(new RegExp(`\\n${KEY} +${A} +\\d+m?s ago`));
    const row = JSON.parse(await told(place, 'map', 'get', KEY, '--json')) as object;
    expect(row).toMatchObject({ key: KEY, sessionId: A, stale: false });
    expect(await told(place, 'map', 'drop', KEY)).toBe(`${KEY} is dropped\n`);
    expect((await cli([...place.flags, 'map', 'drop', KEY])).code).toBe(65);
  });

  it('shows of each row the conversation that it resumes, or that there is none', async () => {
    const place = tempPlace();
    const entry = { type: 'user', cwd: '/srv/app', message: { content: 'Fix the login' } };
    makeSession(place.claudeDir, { id: A, ageMs: DAY_MS, content: JSON.stringify(entry) });
    await told(place, 'map', 'set', KEY, A);
    await told(place, 'map', 'set', 'other', B);
    const listed = await told(place, 'map', 'list');
    expect(listed).toMatch(new RegExp(`^${KEY} +${A} .* /srv/app +Fix the login$`, 'm'));
    expect(listed).toMatch(new RegExp(`^other +${B} .* - +.not here.$`, 'm'));
  });

  it('tells of rows that resume nothing as they stand, and whom they protect', async () => {
    const place = tempPlace();
    await told(place, 'map', 'set', 'upper', sessionIdOf(0xabc));
    await told(place, 'map', 'set', 'none', B);
    const database = new Database(join(place.stateDir, 'sessions.db'));
    database.exec(
      "UPDATE claude_sdk_sessions SET session_id = CASE key WHEN 'upper' THEN upper(session_id) ELSE 'x' END",
    );
    database.close();
    expect(await told(place, 'map', 'list')).toMatch(
      new RegExp(`^2 rows more, .*:\\n(none\\n)?upper \\(protects ${sessionIdOf(0xabc)}\\)\\n(none\\n)?$`),
    );
    expect(JSON.parse(await told(place, 'map', 'list', '--json'))).toEqual({ sessions: [] });
  });

  it('drops the sessions of all agents on one issue, and of one forge where that is asked', async () => {
    const place = tempPlace();
    for (const key of [KEY, 'forgejo:b:acme/app:1', 'github:a:acme/app:1', 'forgejo:a:acme/app:2']) {
      await told(place, 'map', 'set', key, A);
    }
    expect(await told(place, 'map', 'drop-issue', 'acme/app', '1', '--forge', 'github')).toContain('1 session of');
    expect(await told(place, 'map', 'drop-issue', 'acme/app', '1')).toContain('2 sessions of');
    expect(await told(place, 'map', 'list')).toContain('forgejo:a:acme/app:2');
  });

  it('shows names that would break the line in a form that does not', async () => {
    const place = tempPlace();
    await told(place, 'map', 'set', 'a\u2028b', A);
    expect(await told(place, 'map', 'list')).toContain('a\\u2028b');
  });
});

describe('The trash by hand', () => {
  function trashed(): Place {
    const place = tempPlace();
    for (const id of [A, B]) makeSession(place.claudeDir, { id, ageMs: 40 * DAY_MS });
    trashSessions(place.claudeDir, [A], Date.now() - 8 * DAY_MS);
    trashSessions(place.claudeDir, [B], Date.now() - DAY_MS);
    return place;
  }

  it('lists the newest first, with why, how much, and when it goes for good', async () => {
    const place = trashed();
    const lines = (await told(place, 'trash', 'list')).split('\n');
    expect(lines[1]).toMatch(new RegExp(`^${B} +expired +1d ago +\\d{4}-\\d\\d-\\d\\d in .*-srv-app$`));
    expect(lines[2]).toMatch(new RegExp(`^${A} +expired +8d ago +due `));
    expect(lines[3]).toMatch(/^2 sessions, /);
  });

  it('says in JSON where each session was, and leaves everything as it is', async () => {
    const place = trashed();
    const before = snapshot(place.directory);
    const { sessions } = JSON.parse(await told(place, 'trash', 'list', '--json')) as { sessions: object[] };
    expect(sessions).toMatchObject([
      { sessionId: B, claudeDir: place.claudeDir, project: '-srv-app', reason: 'expired', files: 1 },
      { sessionId: A },
    ]);
    expect(snapshot(place.directory)).toEqual(before);
  });

  it('gives back each session that it can, and tells of the others', async () => {
    const place = trashed();
    makeSession(place.claudeDir, { id: A, ageMs: 0, content: 'a new one' });
    const answer: Answer = await cli([...place.flags, 'trash', 'restore', A, B]);
    expect(answer.code).toBe(65);
    expect(answer.stdout).toContain(`${B} restored\n  to ${place.claudeDir}/projects/`);
    expect(answer.stderr).toContain(A);
    expect(await told(place, 'trash', 'list')).not.toContain(B);
  });

  it('says how to keep what was restored, and says it no more once it is pinned', async () => {
    const place = trashed();
    expect(await told(place, 'trash', 'restore', A)).toContain('what has expired goes again with the next prune');
    expect(await told(place, 'trash', 'restore', B, '--pin')).toMatch(new RegExp(`^${B} restored and pinned\\n`));
    expect(await told(place, 'pins')).toContain(B);
  });

  it('is empty where there is none', async () => {
    expect(await told(tempPlace(), 'trash', 'list')).toBe('The trash is empty.\n');
  });
});

describe('check-config', () => {
  it('shows each value, where it comes from, and which layer wins', async () => {
    const place = tempPlace();
    const file = join(place.directory, 'c.yaml');
    writeFileSync(file, 'maxAge: 60d\nminAge: 36h\ntrash:\n  keep: 9d\n');
    const env = { SWEEPER_CONFIG: file, SWEEPER_MIN_AGE: '48h' };
    const { stdout } = await cli([...place.flags, '--trash-keep', '3d', 'check-config', '--json'], { env });
    const { settings } = JSON.parse(stdout) as { settings: { setting: string; value: string; origin: string }[] };
    const shown = new Map(settings.map(({ setting, value, origin }) => [setting, `${value} ${origin}`]));
    expect(shown.get('maxAge')).toBe('60d file');
    expect(shown.get('minAge')).toBe('2d environment');
    expect(shown.get('trash.keep')).toBe('3d flag');
    expect(shown.get('keepLast')).toBe('0 default');
  });

  it('is bold for a person and plain for a pipe', async () => {
    const place = tempPlace();
    const args = [...place.flags, 'check-config'];
    const [onTerminal, inPipe] = [await cli(args, { isTTY: true }), await cli(args)];
    expect(onTerminal.stdout).toContain('\u001b[1mSETTING');
    expect(inPipe.stdout).toMatch(/^SETTING/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what is looked for.
    expect(onTerminal.stdout.replaceAll(/\u001b\[\d+m/g, '')).toBe(inPipe.stdout);
  });
});
