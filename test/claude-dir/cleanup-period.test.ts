import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cleanupPeriods, nextCleanupMs, shortestCleanupPeriod } from '../../src/claude-dir/cleanup-period.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, makeClaudeDir, writeAged } from '../support/tree.ts';

interface Host {
  readonly claudeDir: string;
  readonly managed: string;
  /** A working directory that Claude remembers. */
  readonly project: string;
}

function host(files: Readonly<Record<string, unknown>> = {}): Host {
  const [root, managed, project] = [tempDir(), tempDir(), tempDir()];
  const claudeDir = makeClaudeDir(join(root, 'claude'));
  write(join(claudeDir, '.claude.json'), { projects: { [project]: {}, relative: {} } });
  const places: Record<string, string> = { user: claudeDir, managed, project: join(project, '.claude') };
  for (const [name, content] of Object.entries(files)) {
    const [place = '', ...path] = name.split('/');
    write(join(places[place] ?? '', ...path), content);
  }
  return { claudeDir, managed, project };
}

/** Text as it is, anything else as JSON. */
function write(path: string, content: unknown): void {
  writeAged(path, typeof content === 'string' ? content : JSON.stringify(content), Date.now());
}

const periodsOf = ({ claudeDir, managed }: Host) => cleanupPeriods(claudeDir, managed);
const days = (cleanupPeriodDays: unknown) => ({ cleanupPeriodDays });
const shortest = ({ claudeDir, managed }: Host) => shortestCleanupPeriod(claudeDir, managed);

describe("the period of Claude's clean-up", () => {
  it('is 30 days where no settings file says otherwise', () => {
    const byDefault = [{ source: 'default', file: undefined, days: 30, desktopDays: 'ever' }];
    expect(periodsOf(host())).toEqual(byDefault);
    expect(periodsOf(host({ 'user/settings.json': { model: 'x' } }))).toEqual(byDefault);
    expect(periodsOf(host({ 'user/settings.json': ' \n' }))).toEqual(byDefault);
    const dangling = host();
    symlinkSync('gone.json', join(dangling.claudeDir, 'settings.json'));
    expect(periodsOf(dangling)).toEqual(byDefault);
  });

  it.each<{ what: string; files: Record<string, unknown>; expected: readonly [source: string, days: number][] }>([
    { what: "the user's", files: { 'user/settings.json': days(90) }, expected: [['user', 90]] },
    {
      what: "each project's beside the user's, its local settings before its shared ones",
      files: {
        'user/settings.json': days(90),
        'project/settings.json': days(7),
        'project/settings.local.json': days(21),
      },
      expected: [
        ['user', 90],
        ['project', 21],
      ],
    },
    {
      what: 'the managed one alone where there is one, longer or shorter',
      files: {
        'user/settings.json': days(7),
        'project/settings.json': days(5),
        'managed/managed-settings.json': days(90),
      },
      expected: [['managed', 90]],
    },
    {
      what: 'the last of several managed files, by their names, hidden ones left out',
      files: {
        'managed/managed-settings.json': days(400),
        'managed/managed-settings.d/10-x.json': days(7),
        'managed/managed-settings.d/20-x.json': days(21),
        'managed/managed-settings.d/.30-x.json': days(1),
        'managed/managed-settings.d/30-x.txt': days(1),
      },
      expected: [['managed', 21]],
    },
    {
      what: "the user's where the managed one makes no sense",
      files: { 'user/settings.json': days(90), 'managed/managed-settings.json': days(0) },
      expected: [['user', 90]],
    },
    {
      what: "the server's beside the user's, since not every run asks the server",
      files: { 'user/settings.json': days(3_650), 'user/remote-settings.json': days(7) },
      expected: [
        ['server-managed', 7],
        ['user', 3_650],
      ],
    },
    {
      what: "the user's too where the server sends other settings: they replace the managed ones whole",
      files: {
        'user/settings.json': days(60),
        'user/remote-settings.json': { model: 'x' },
        'managed/managed-settings.json': days(90),
      },
      expected: [
        ['user', 60],
        ['managed', 90],
      ],
    },
    {
      what: "nothing of the server's where it sends none",
      files: { 'user/remote-settings.json': {}, 'managed/managed-settings.json': days(90) },
      expected: [['managed', 90]],
    },
  ])('is $what', ({ files, expected }) => {
    expect(periodsOf(host(files)).map(({ source, days }) => [source, days])).toEqual(expected);
  });

  it('is the shortest of all that a run may go by', () => {
    expect(shortest(host({ 'user/settings.json': days(90), 'project/settings.json': days(7) }))).toMatchObject({
      source: 'project',
      days: 7,
    });
    expect(shortest(host({ 'project/settings.json': days(90) }))).toMatchObject({ source: 'default', days: 30 });
  });

  it.each<[what: string, content: unknown, days: number, why: RegExp]>([
    ['0, since 2.1.89', days(0), 30, /0, on which releases before 2\.1\.89 delete everything/],
    ['a period below one', days(-5), 30, /no whole number/],
    ['a part of a day', days(7.5), 30, /no whole number/],
    ['words', days('90'), 30, /no whole number/],
    ['null', days(null), 30, /no whole number/],
    ['more than a whole number can be', '{"cleanupPeriodDays": 1e300}', 30, /no whole number/],
    ['a ceiling for the desktop below none', { desktopSessionCleanupPeriodDays: -1 }, 30, /desktopSession/],
    ['comments', '// why\n{"cleanupPeriodDays": 90}', 90, /comments/],
    ['a comma too many', '{"cleanupPeriodDays": 90,}', 90, /comma/],
    ['half a file', '{"cleanupPeriodDays": 90', 90, /no JSON/],
    ['a list', '[]', 30, /no JSON object/],
    ['an empty file', '', 30, /is empty/],
    ['nesting without end', '{"a":'.repeat(100_000), 30, /nested too deep/],
  ])('is paused by %s, and told with what counts once the file is mended', (_, content, mended, why) => {
    const [period, ...others] = periodsOf(host({ 'user/settings.json': content }));
    expect(others).toEqual([]);
    expect(period).toMatchObject({ source: 'user', days: mended, paused: expect.stringMatching(why) });
  });

  it('does not wait for what is no plain file', () => {
    const [asDirectory, asFifo] = [host(), host()];
    mkdirSync(join(asDirectory.claudeDir, 'settings.json'));
    execFileSync('mkfifo', [join(asFifo.claudeDir, 'settings.json')]);
    for (const one of [asDirectory, asFifo]) expect(shortest(one).paused).toMatch(/cannot be read/);
  });

  it('reads a byte order mark and line ends of another system as Claude does', () => {
    const one = host({ 'user/settings.json': '' });
    for (const bytes of [
      Buffer.from('\ufeff{ "cleanupPeriodDays": 90 }'),
      Buffer.from('\ufeff{ "cleanupPeriodDays": 90 }', 'utf16le'),
      Buffer.from('{\r\n  "cleanupPeriodDays": 90\r\n}\r\n'),
    ]) {
      writeFileSync(join(one.claudeDir, 'settings.json'), bytes);
      expect(shortest(one)).toMatchObject({ days: 90 });
      expect(shortest(one).paused).toBeUndefined();
    }
  });

  it.each<[what: string, files: Record<string, unknown>, desktopDays: number | 'ever']>([
    ['for ever', { 'user/settings.json': days(7) }, 'ever'],
    ['for ever where the ceiling is 0', { 'user/settings.json': { desktopSessionCleanupPeriodDays: 0 } }, 'ever'],
    ['up to a ceiling', { 'user/settings.json': { desktopSessionCleanupPeriodDays: 60 } }, 60],
    ['never shorter than others', { 'user/settings.json': { desktopSessionCleanupPeriodDays: 7 } }, 30],
    ['up to a managed ceiling', { 'managed/managed-settings.json': { desktopSessionCleanupPeriodDays: 60 } }, 60],
    [
      'as long as others where a policy says how long',
      {
        'user/settings.json': { desktopSessionCleanupPeriodDays: 400 },
        'managed/managed-settings.json': { cleanupPeriodDays: 20, desktopSessionCleanupPeriodDays: 60 },
      },
      20,
    ],
    [
      'for ever where only a project has a ceiling',
      { 'project/settings.json': { desktopSessionCleanupPeriodDays: 60 } },
      'ever',
    ],
  ])('lets what the desktop apps write be %s', (_, files, desktopDays) => {
    expect(shortest(host(files)).desktopDays).toBe(desktopDays);
  });

  it('comes at most once in 24 hours, by the time of .last-cleanup alone', () => {
    const { claudeDir } = host();
    expect(nextCleanupMs(claudeDir)).toBe(0);
    const marker = join(claudeDir, '.last-cleanup');
    writeFileSync(marker, '2000-01-01T00:00:00.000Z');
    utimesSync(marker, 1_790_000_000, 1_790_000_000);
    expect(nextCleanupMs(claudeDir)).toBe(1_790_000_000_000 + DAY_MS);
  });
});
