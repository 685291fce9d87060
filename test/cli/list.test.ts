import { describe, expect, it } from 'vitest';
import { snapshot } from '../support/disk.ts';
import type { Place } from '../support/place.ts';
import { tempPlace } from '../support/temp-place.ts';
import { trashSessions } from '../support/trashed.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';
import { witnessAll } from '../support/witnessed.ts';
import { cli } from './cli-here.ts';

const HEADS = ['aaaaaaaa', 'bbbbbbbb', 'cccccccc', 'dddddddd'] as const;
type Head = (typeof HEADS)[number];
const idOf = (head: Head) => `${head}-0000-4000-8000-000000000000` as ReturnType<typeof sessionIdOf>;

interface Shape {
  readonly head: Head;
  readonly ageDays: number;
  readonly title: string;
  readonly cwd?: string;
  readonly bytes?: number;
}

function converse(place: Place, { head, ageDays, title, cwd = '/srv/app', bytes = 3_000 }: Shape): void {
  const writtenAt = new Date(Date.now() - ageDays * DAY_MS).toISOString();
  const entry = { type: 'user', cwd, timestamp: writtenAt, message: { content: title.padEnd(bytes, '.') } };
  const content = `${JSON.stringify(entry)}\n${JSON.stringify({ type: 'ai-title', aiTitle: title })}\n`;
  makeSession(place.claudeDir, { id: idOf(head), project: cwd.replace(/\W/g, '-'), ageMs: ageDays * DAY_MS, content });
}

function host(): Place {
  const place = tempPlace();
  converse(place, { head: 'aaaaaaaa', ageDays: 1, title: 'Fix the login' });
  converse(place, { head: 'bbbbbbbb', ageDays: 26, title: 'Export the invoices', cwd: '/srv/shop', bytes: 9_000 });
  converse(place, { head: 'cccccccc', ageDays: 45, title: 'Port the parser' });
  converse(place, { head: 'dddddddd', ageDays: 50, title: 'Invoices in Euro', cwd: '/srv/shop' });
  return place;
}

async function ids(place: Place, ...args: readonly string[]): Promise<string[]> {
  const { stdout, code, stderr } = await cli([...place.flags, ...args, '--json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { sessions } = JSON.parse(stdout) as { sessions: { shortId: string }[] };
  return sessions.map(({ shortId }) => shortId);
}

describe('The list of sessions', () => {
  it('shows each by its title, its project, its age and what becomes of it, last used first', async () => {
    const place = host();
    const { stdout, stderr, code } = await cli([...place.flags, 'list']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/^ID +LAST USED +SIZE +NEXT +PROJECT +TITLE$/);
    expect(lines[1]).toMatch(/^aaaaaaaa +\d{4}-\d\d-\d\d 1d +[\d.]+ KiB +stays 28d more +\/srv\/app +Fix the login$/);
    expect(lines[2]).toMatch(/^bbbbbbbb .* stays 3d more +\/srv\/shop +Export the invoices$/);
    expect(lines[3]).toMatch(/^cccccccc .* goes: expired +\/srv\/app +Port the parser$/);
    expect(lines[6]).toMatch(/^4 sessions, [\d.]+ KiB\. .*list --going/);
  });

  it.each<[string[], Head[]]>([
    [
      ['list', '--going'],
      ['cccccccc', 'dddddddd'],
    ],
    [
      ['list', '--kept'],
      ['aaaaaaaa', 'bbbbbbbb'],
    ],
    [
      ['list', '--sort', 'age'],
      ['dddddddd', 'cccccccc', 'bbbbbbbb', 'aaaaaaaa'],
    ],
    [['list', '--sort', 'size', '--limit', '1'], ['bbbbbbbb']],
    [
      ['list', '--project', '/srv/shop'],
      ['bbbbbbbb', 'dddddddd'],
    ],
    [
      ['list', '--project', '-srv-*p', '--older-than', '30d'],
      ['cccccccc', 'dddddddd'],
    ],
    [['list', '--larger-than', '5KB'], ['bbbbbbbb']],
    [['list', '--project', '/srv/shop', '--older-than', '30d'], ['dddddddd']],
    [
      ['list', '--project', '/srv/*', '--sort', 'title'],
      ['bbbbbbbb', 'aaaaaaaa', 'dddddddd', 'cccccccc'],
    ],
    [['list', '--class', 'sdk'], []],
    [
      ['list', 'CCCC', 'fix the'],
      ['aaaaaaaa', 'cccccccc'],
    ],
    [['upcoming', 'bbbb', 'aaaa'], ['bbbbbbbb']],
    [
      ['list', '--title', 'INVOICES'],
      ['bbbbbbbb', 'dddddddd'],
    ],
    [
      ['upcoming', '--within', '7d'],
      ['cccccccc', 'dddddddd', 'bbbbbbbb'],
    ],
    [['upcoming', '--max-age', '90d'], []],
  ])('%j is %j', async (args, expected) => {
    expect(await ids(host(), ...args)).toEqual(expected);
  });

  it('shows a whole id where another session has the same beginning', async () => {
    const place = host();
    const twin = 'aaaaaaaa-1111-4111-8111-111111111111' as ReturnType<typeof sessionIdOf>;
    makeSession(place.claudeDir, { id: twin, ageMs: 2 * DAY_MS });
    expect(await ids(place, 'list', '--limit', '2')).toEqual([idOf('aaaaaaaa'), twin]);
  });

  it('changes no byte and logs nothing', async () => {
    const place = host();
    const before = snapshot(place.directory);
    for (const command of [['list'], ['upcoming'], ['why', 'aaaaaaaa']]) {
      expect((await cli([...place.flags, ...command])).stderr).toBe('');
    }
    expect(snapshot(place.directory)).toEqual(before);
  });

  it.each([
    [['list', '--sort', 'name'], /--sort: "name" is none of used, age, size, title/],
    [['list', '--class', 'human'], /--class: "human" is none of cli, sdk/],
    [['list', 'aaaa', '--older-than', '3d'], /not both/],
    [['remove'], /name the sessions, or filter them/],
    [['list', '--limit', '0'], /--limit/],
    [['list', '--older-than', '3 days'], /--older-than: "3 days" is no age/],
    [['list', '--larger-than', 'big'], /--larger-than/],
    [['list', '--going', '--kept'], /--going and --kept/],
  ])('refuses %j', async (args, says) => {
    const { code, stderr } = await cli([...host().flags, ...args]);
    expect({ code, stderr }).toEqual({ code: 64, stderr: expect.stringMatching(says) });
  });
});

describe('Why a session stays or goes', () => {
  it('is told with the rules that were asked, by the one that decided, and with what keeps it', async () => {
    const place = host();
    const going = await cli([...place.flags, 'why', 'cccccccc']);
    expect(going.stdout).toMatch(/^Port the parser {2}goes with the next prune\n/);
    expect(going.stdout).toMatch(/why +expired: .* 30d after its last use/);
    expect(going.stdout).not.toMatch(/^ {2}yes /m);
    await cli([...place.flags, 'pin', 'cccccccc']);
    const pinned = await cli([...place.flags, 'why', 'port the parser']);
    expect(pinned.stdout).toMatch(/^Port the parser {2}stays\n/);
    expect(pinned.stdout).toMatch(/^ {2}yes {2}Is it pinned/m);
  });

  it('answers no question that was not looked into', async () => {
    const { stdout } = await cli([...host().flags, 'why', 'aaaaaaaa']);
    expect(stdout).toMatch(/^ {2}- {4}Is its transcript tagged .* \(Not looked into\.\)$/m);
  });

  it('names the candidates where words stand for several, and says where to look where they stand for none', async () => {
    const several = await cli([...host().flags, 'why', 'invoices']);
    expect(several.code).toBe(64);
    expect(several.stderr).toMatch(
      /bbbbbbbb .*Export the invoices\n.*dddddddd .*Invoices in Euro\n.*stands for 2 sessions/s,
    );
    const none = await cli([...host().flags, 'why', 'ffff0000']);
    expect({ code: none.code, stderr: none.stderr }).toEqual({
      code: 65,
      stderr: expect.stringContaining('trash list'),
    });
  });
});

describe('A session by the beginning of its id or its title', () => {
  it('is pinned and unpinned', async () => {
    const place = host();
    expect((await cli([...place.flags, 'pin', 'AAAA', 'Export the'])).stdout).toBe(
      `${idOf('aaaaaaaa')} pinned\n${idOf('bbbbbbbb')} pinned\n`,
    );
    expect((await cli([...place.flags, 'unpin', 'aaaa'])).stdout).toBe(`${idOf('aaaaaaaa')} unpinned\n`);
    expect((await cli([...place.flags, 'unpin', 'cccc'])).code).toBe(65);
  });

  it('is not pinned where one of several is not found', async () => {
    const place = host();
    expect((await cli([...place.flags, 'pin', 'aaaa', 'no such title'])).code).toBe(65);
    expect((await cli([...place.flags, 'pins'])).stdout).toBe('No session is pinned.\n');
  });

  it('is restored, and refused with the nearest where it is not in the trash', async () => {
    const place = tempPlace();
    const { id } = makeSession(place.claudeDir, { id: sessionIdOf(7), ageMs: 40 * DAY_MS });
    trashSessions(place.claudeDir, [id], Date.now());
    const { code, stderr } = await cli([...place.flags, 'trash', 'restore', '0000000f']);
    expect({ code, stderr }).toEqual({ code: 65, stderr: expect.stringContaining(`did you mean ${id} (`) });
    expect((await cli([...place.flags, 'trash', 'restore', '0000'])).stdout).toContain(`${id} restored`);
  });
});

describe('A run by hand', () => {
  it('names what goes by title, and ends with the next step', async () => {
    const place = host();
    const dry = await cli([...place.flags, '--run-now', '--dry-run', '--log-level', 'silent']);
    expect(dry.stdout).toMatch(/^cccccccc .* expired +\/srv\/app +Port the parser$/m);
    const end = dry.stdout.trimEnd().split('\n').slice(-4);
    expect(end[0]).toMatch(/^2 sessions, .* would go to the trash/);
    expect(end[1]).toContain('leave --dry-run out');
    expect(Math.max(...end.map((line) => line.length))).toBeLessThanOrEqual(80);
    const run = await cli([...place.flags, '--run-now', '--log-level', 'silent']);
    expect(run.stdout).toMatch(
      /The trash holds 2 sessions, .*\nWhat went now stays there until [-\d]{10}, for 7d\.\nTo bring one back: .*\n.* trash empty\n$/,
    );
  });

  it('tells what lies in the trash once its own purge is through', async () => {
    const place = host();
    trashSessions(place.claudeDir, [idOf('dddddddd')], Date.now() - 9 * DAY_MS);
    witnessAll(place.stateDir, Date.now());
    const run = await cli([...place.flags, '--run-now', '--log-level', 'silent']);
    expect(run.stdout).toMatch(/purged +1 session/);
    expect(run.stdout).toMatch(/\nThe trash holds 1 session, /);
  });
});

describe('Sessions by what is true of them', () => {
  /** Claude gives both directories one name. */
  function alike(): Place {
    const place = tempPlace();
    converse(place, { head: 'aaaaaaaa', ageDays: 45, title: 'With a dash', cwd: '/srv/my-app' });
    converse(place, { head: 'bbbbbbbb', ageDays: 46, title: 'With a slash', cwd: '/srv/my/app' });
    converse(place, { head: 'cccccccc', ageDays: 3, title: 'At home', cwd: '/nonexistent/notes' });
    return place;
  }

  it('are told apart by their real paths, where Claude gives one name to several', async () => {
    const place = alike();
    expect(await ids(place, 'list', '--project', '/srv/my-app')).toEqual(['aaaaaaaa']);
    expect(await ids(place, 'list', '--project', '/srv/my/app/')).toEqual(['bbbbbbbb']);
    expect(await ids(place, 'list', '--project', '-srv-my-app', '--sort', 'title')).toEqual(['aaaaaaaa', 'bbbbbbbb']);
    expect(await ids(place, 'list', '--project', '~/notes')).toEqual(['cccccccc']);
    expect(await ids(place, 'why', '--project', '/srv/my-app')).toHaveLength(1);
  });

  it('are pinned and unpinned together', async () => {
    const place = alike();
    await cli([...place.flags, 'pin', 'cccc']);
    const pinned = await cli([...place.flags, 'pin', '--project', '/srv/**', '--older-than', '30d']);
    expect(pinned.stdout).toBe(`${idOf('aaaaaaaa')} pinned\n${idOf('bbbbbbbb')} pinned\n`);
    const unpinned = await cli([...place.flags, 'unpin', '--title', 'with a']);
    expect(unpinned.stdout).toBe(`${idOf('aaaaaaaa')} unpinned\n${idOf('bbbbbbbb')} unpinned\n`);
    expect((await cli([...place.flags, 'pins'])).stdout).toMatch(/^SESSION .*\n\S{36} .* ~\/notes +At home\n$/);
  });

  it('are removed only where somebody says yes, and what is to stay stays', async () => {
    const place = alike();
    await cli([...place.flags, 'pin', 'bbbb']);
    const all = ['remove', '--older-than', '2d'];
    expect((await cli([...place.flags, ...all])).code).toBe(64);
    const no = await cli([...place.flags, ...all], { isTTY: true, answer: 'n' });
    expect(no.stdout).toContain('Move 2 sessions, ');
    expect(no.stdout).toContain('(1 other stays)?');
    expect(await ids(place, 'list')).toHaveLength(3);
    const { stdout, code } = await cli([...place.flags, ...all, '--yes']);
    expect(code).toBe(0);
    expect(stdout).toContain(`${idOf('aaaaaaaa')} removed, `);
    expect(await ids(place, 'list')).toEqual(['bbbbbbbb']);
    expect((await cli([...place.flags, ...all, '--yes'])).stdout).toMatch(/^Nothing can go: 1 session matches/);
  });

  it('goes by no title of a part where another title is just the same', async () => {
    const place = alike();
    converse(place, { head: 'dddddddd', ageDays: 5, title: 'At home again' });
    expect(await ids(place, 'why', 'at home')).toEqual(['cccccccc']);
    expect(await ids(place, 'why', '"At home again"')).toEqual(['dddddddd']);
    const near = await cli([...place.flags, 'why', 'With a dish']);
    expect({ code: near.code, stderr: near.stderr }).toEqual({
      code: 65,
      stderr: expect.stringContaining('did you mean aaaaaaaa (With a dash)?'),
    });
  });
});

describe('The trash, emptied by hand', () => {
  async function filled(): Promise<Place> {
    const place = host();
    await cli([...place.flags, '--run-now', '--log-level', 'silent']);
    return place;
  }
  const empty = ['trash', 'empty', '--log-level', 'silent'] as const;

  it('is asked about on a terminal, and stays without a yes', async () => {
    const place = await filled();
    const no = await cli([...place.flags, ...empty], { isTTY: true, answer: 'n' });
    expect(no).toMatchObject({ code: 0, stdout: expect.stringContaining('Destroy 2 sessions') });
    expect((await cli([...place.flags, ...empty])).code).toBe(64);
    expect((await cli([...place.flags, 'trash', 'list', '--json'])).stdout).toContain(idOf('cccccccc'));
    const yes = await cli([...place.flags, ...empty], { isTTY: true, answer: 'y' });
    expect(yes.stdout).toMatch(/purged +2 sessions/);
    expect((await cli([...place.flags, 'trash', 'list'])).stdout).toBe('The trash is empty.\n');
  });

  it('is listed by title until then', async () => {
    const place = await filled();
    const { stdout, stderr } = await cli([...place.flags, 'trash', 'list']);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^cccccccc +expired .* in \d+d .* \/srv\/app +Port the parser$/m);
    expect(stdout).toMatch(/ \/srv\/shop +Invoices in Euro$/m);
  });

  it('gives up nothing that has become live again', async () => {
    const place = await filled();
    expect((await cli([...place.flags, 'pin', idOf('cccccccc')])).code).toBe(65);
    await cli([...place.flags, 'pin', idOf('cccccccc'), '--force']);
    await cli([...place.flags, ...empty, '--yes']);
    const { stdout } = await cli([...place.flags, 'trash', 'list', '--json']);
    expect(stdout).toContain(idOf('cccccccc'));
    expect(stdout).not.toContain(idOf('dddddddd'));
  });
});

describe('The trash, in parts', () => {
  async function filled(): Promise<Place> {
    const place = host();
    await cli([...place.flags, 'remove', 'Export the']);
    await cli([...place.flags, '--run-now', '--log-level', 'silent']);
    return place;
  }
  const restored = async (place: Place, ...args: string[]) => {
    const { stdout } = await cli([...place.flags, 'trash', 'restore', ...args, '--json']);
    return (JSON.parse(stdout) as { sessions: { sessionId: string }[] }).sessions.map(({ sessionId }) =>
      sessionId.slice(0, 8),
    );
  };

  it.each<[string[], Head[]]>([
    [['--last-run'], ['cccccccc', 'dddddddd']],
    [['--all'], ['bbbbbbbb', 'cccccccc', 'dddddddd']],
    [
      ['--project', '/srv/shop'],
      ['bbbbbbbb', 'dddddddd'],
    ],
    [['--project', '-srv-shop', '--older-than', '30d'], ['dddddddd']],
    [['--larger-than', '5KB'], ['bbbbbbbb']],
    [
      ['invoices in', 'CCCC'],
      ['cccccccc', 'dddddddd'],
    ],
    [['--title', 'no such title'], []],
  ])('comes back by %j: %j', async (args, expected) => {
    expect((await restored(await filled(), ...args)).sort()).toEqual(expected);
  });

  it('comes back by the run that took it, as the listing names it', async () => {
    const place = await filled();
    const { stdout } = await cli([...place.flags, 'trash', 'list', '--json']);
    const { sessions } = JSON.parse(stdout) as { sessions: { sessionId: string; run: string }[] };
    const run = sessions.find(({ sessionId }) => sessionId === idOf('bbbbbbbb'))?.run ?? '';
    expect(await restored(place, '--run', run)).toEqual(['bbbbbbbb']);
    expect((await cli([...place.flags, 'trash', 'restore', '--run', run])).code).toBe(65);
  });

  it('is said to be where it is, with the command that resumes it', async () => {
    const place = await filled();
    const { stdout } = await cli([...place.flags, 'trash', 'restore', 'cccc']);
    expect(stdout).toContain(
      `${idOf('cccccccc')} restored  Port the parser\n  to ${place.claudeDir}/projects/-srv-app/${idOf('cccccccc')}.jsonl\n  cd /srv/app && claude --resume ${idOf('cccccccc')}`,
    );
  });

  it('is not guessed at: several ways to say it, or none, are refused', async () => {
    const place = await filled();
    for (const args of [[], ['--all', '--last-run'], ['cccc', '--all'], ['cccc', '--project', '/srv/app']]) {
      expect((await cli([...place.flags, 'trash', 'restore', ...args])).code).toBe(64);
    }
  });

  it('is destroyed as far as was asked for, and no further', async () => {
    const place = await filled();
    const empty = (...args: string[]) =>
      cli([...place.flags, 'trash', 'empty', '--yes', '--log-level', 'silent', ...args]);
    expect((await empty('--title', 'no such title')).stdout).toBe('Nothing in the trash matches.\n');
    expect((await empty('--project', '/srv/shop', '--larger-than', '5KB')).stdout).toMatch(/purged +1 session/);
    const { stdout } = await cli([...place.flags, 'trash', 'list', '--json']);
    expect(stdout).not.toContain(idOf('bbbbbbbb'));
    expect(stdout).toContain(idOf('dddddddd'));
    expect((await empty('invoices')).stdout).toMatch(/purged +1 session/);
    expect((await cli([...place.flags, 'trash', 'list', '--json'])).stdout).toContain(idOf('cccccccc'));
  });
});

describe('A session removed by hand', () => {
  it('goes whatever its age, and comes back', async () => {
    const place = host();
    const removed = await cli([...place.flags, 'remove', 'Export the', '--max-age', 'never']);
    expect(removed).toMatchObject({ code: 0, stderr: '' });
    expect(removed.stdout).toMatch(
      new RegExp(`^${idOf('bbbbbbbb')} removed, .* Export the invoices\\n.* for 7d; .*restore ID`),
    );
    expect(await ids(place, 'list')).toEqual(['aaaaaaaa', 'cccccccc', 'dddddddd']);
    expect((await cli([...place.flags, 'trash', 'restore', 'bbbb'])).stdout).toContain('restored');
  });

  it('is refused where it is pinned or as young as nothing is removed, and then no other goes', async () => {
    const place = host();
    await cli([...place.flags, 'pin', 'bbbb']);
    const pinned = await cli([...place.flags, 'remove', 'cccc', 'bbbb']);
    expect({ code: pinned.code, stderr: pinned.stderr }).toEqual({
      code: 64,
      stderr: expect.stringContaining('as pinned'),
    });
    expect(await ids(place, 'list')).toHaveLength(4);
  });
});

describe('Sessions of several Claude directories, removed by hand', () => {
  it('all go, or none of them', async () => {
    const [place, other] = [host(), tempPlace()];
    const twoDirs = [...place.flags, '--claude-dir', other.claudeDir];
    const { id } = makeSession(other.claudeDir, { id: sessionIdOf(9), ageMs: 5 * DAY_MS });
    await cli([...twoDirs, 'pin', id]);
    expect((await cli([...twoDirs, 'remove', 'cccc', id])).code).toBe(64);
    expect(await ids(place, 'list')).toHaveLength(4);
    await cli([...twoDirs, 'unpin', id]);
    expect((await cli([...twoDirs, 'remove', 'cccc', id])).code).toBe(0);
    expect(await ids(place, 'list')).toHaveLength(3);
    expect(await ids(other, 'list')).toEqual([]);
  });
});

describe('Rules of single projects', () => {
  const rules = (...matches: string[]) => [
    '--projects',
    JSON.stringify(matches.map((match) => ({ match, maxAge: 'never' }))),
  ];

  it('match real paths, with ~ and globs, as well as names', async () => {
    const place = host();
    for (const match of ['/srv/app', '/srv/a*', '-srv-app']) {
      expect(await ids(place, 'list', '--going', ...rules(match))).toEqual(['dddddddd']);
    }
    converse(place, { head: 'cccccccc', ageDays: 45, title: 'Port the parser', cwd: '/nonexistent/app' });
    expect(await ids(place, 'list', '--going', '--title', 'port', ...rules('~/app', '/srv/app'))).toEqual([]);
  });

  it('are told by a dry run, doctor and check-config where they match nothing', async () => {
    const place = host();
    const some = rules('/srv/app', '/srv/ap');
    const dry = await cli([...place.flags, 'run', '--dry-run', '--log-level', 'silent', ...some]);
    expect(dry.stdout).toContain('projects: the rule for "/srv/ap" matches no project that is here.');
    for (const command of ['doctor', 'check-config']) {
      expect((await cli([...place.flags, command, ...some])).stdout).toMatch(
        /project rules: "\/srv\/ap" matches no project/,
      );
    }
    const { stdout } = await cli([...place.flags, 'check-config', '--json', ...some]);
    expect(JSON.parse(stdout)).toMatchObject({ idleRules: ['/srv/ap'] });
    expect((await cli([...place.flags, 'doctor', ...rules('/srv/app')])).stdout).toContain(
      'project rules: each matches',
    );
  });
});

describe('The status', () => {
  it('shows by their faces the largest sessions and those that go next', async () => {
    const place = host();
    const { stdout } = await cli([...place.flags, 'status']);
    const [, largest = '', next = ''] =
      /Largest sessions\n([\s\S]*)\n\nNext to go, [^\n]*\n([\s\S]*)/.exec(stdout) ?? [];
    expect(largest.split('\n')[1]).toMatch(/^bbbbbbbb .* \/srv\/shop +Export the invoices$/);
    expect(next.split('\n').slice(1, 5)).toEqual([
      expect.stringMatching(/^cccccccc .* goes: expired +\/srv\/app +Port the parser$/),
      expect.stringMatching(/^dddddddd .* goes: expired +\/srv\/shop +Invoices in Euro$/),
      expect.stringMatching(/^bbbbbbbb .* stays 3d more .*Export the invoices$/),
      expect.stringMatching(/^aaaaaaaa .* stays 28d more .*Fix the login$/),
    ]);
  });
});

describe('The verbs of runs', () => {
  it('are those of the flags', async () => {
    const place = host();
    const { stdout, code } = await cli([
      ...place.flags,
      'run',
      '--dry-run',
      '--json',
      '--job',
      'prune-transcripts',
      '--log-level',
      'silent',
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      jobs: [{ job: 'prune-transcripts', dryRun: true, removed: { sessions: 2 } }],
    });
    expect((await cli([...place.flags, 'list', '--dry-run'])).code).toBe(64);
  });
});
