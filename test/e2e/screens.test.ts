/**
 * What a person sees of each command in a terminal, whole, as it is kept in `screens/`: a change of a screen shows in review. After one that is
 * wanted: `npx vitest run test/e2e/screens.test.ts --update`.
 */

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { screenOf, withoutStyles } from '../support/screen.ts';
import { DAY_MS, writeAged } from '../support/tree.ts';

const HOUR_MS = 3_600_000;
const WIDTHS = [80, 120];

/** What a person could have at home: directory, title, days since it was last used, bytes, messages. */
const SESSIONS = [
  ['7c1f0e52', 'shop', 'Fix the flaky checkout test', 45, 310_000, 80],
  ['a94d2b18', 'shop', 'Move invoices to the new schema', 2, 82_000, 40],
  ['1e60b3c7', 'shop', 'Why is the search slow?', 38, 1_400_000, 210],
  ['d25c9f04', 'notes', 'Plan the talk about caching', 61, 22_000, 24],
  ['5b8e7a31', 'notes', '会議のまとめ、次の手順と担当者', 12, 9_000, 12],
  ['e3f7c6d0', 'blog/drafts-of-this-year', 'Draft: what we learned from a year of on-call, and why', 33, 550_000, 130],
] as const;

/** Screens that change nothing. */
const LOOKS: Readonly<Record<string, readonly string[]>> = {
  overview: [],
  help: ['help'],
  'help-list': ['list', '--help'],
  list: ['list'],
  'list-going': ['list', '--going', '--sort', 'size'],
  upcoming: ['upcoming', '--within', '30d'],
  'why-going': ['why', '7c1f0e52'],
  'why-kept': ['why', 'invoices'],
  'dry-run': ['run', '--dry-run'],
  status: ['status'],
  doctor: ['doctor'],
  'no-such-command': ['lst'],
  'no-such-session': ['pin', '7c1f0e53'],
  'no-such-setting': ['run', '--dry-run', '--max-age', 'a month'],
};
/** Screens of a day, in their order. */
const DAY: Readonly<Record<string, readonly string[]>> = {
  pin: ['pin', 'checkout'],
  remove: ['remove', 'invoices', '--yes'],
  run: ['run', '--yes'],
  'trash-list': ['trash', 'list'],
  'status-after': ['status'],
  history: ['history'],
  'history-session': ['history', '--session', '1e60b3c7'],
  restore: ['trash', 'restore', '1e60b3c7'],
  'trash-empty': ['trash', 'empty', '--yes'],
};
/** Those of the day that are done by a clock which is behind, so that they are hours old for what comes after. */
const DONE_EARLIER: ReadonlySet<string> = new Set(['pin', 'remove', 'run']);

const homes: string[] = [];

function writeSession(home: string, [head, path, title, days, bytes, messages]: (typeof SESSIONS)[number]): void {
  const sessionId = `${head}-3c4d-4e5f-8a6b-7c8d9e0f1a2b`;
  const cwd = join(home, path);
  mkdirSync(cwd, { recursive: true });
  const timeMs = Date.now() - days * DAY_MS - HOUR_MS;
  const entries = Array.from({ length: messages }, (_, index) => ({
    type: index % 2 === 0 ? 'user' : 'assistant',
    cwd,
    sessionId,
    timestamp: new Date(timeMs - (messages - index) * 60_000).toISOString(),
    message: { content: title + ' '.repeat(Math.floor(bytes / messages) - 260) },
  }));
  const lines = [...entries, { type: 'ai-title', aiTitle: title, sessionId }].map(
    (entry) => `${JSON.stringify(entry)}\n`,
  );
  const project = cwd.replaceAll(/[^A-Za-z0-9]/g, '-');
  writeAged(join(home, '.claude/projects', project, `${sessionId}.jsonl`), lines.join(''), timeMs);
}

function makeHome(): string {
  // Of one length on every machine: sizes are shown, and the paths are in the transcripts.
  const home = mkdtempSync('/tmp/screens-');
  homes.push(home);
  mkdirSync(join(home, '.claude'), { mode: 0o700 });
  for (const session of SESSIONS) writeSession(home, session);
  return home;
}

/** Without what differs from run to run and from machine to machine, each as wide as it was. */
function steady(screen: string, home: string): string {
  return screen
    .replaceAll(home.slice('/tmp/screens-'.length), 'XXXXXX')
    .replaceAll(/\d{4}-\d\d-\d\d/g, 'YYYY-MM-DD')
    .replaceAll(/T\d\d:\d\dZ/g, 'Thh:mmZ')
    .replaceAll(/\d{8}T\d{6}Z(-\d+)?/g, 'YYYYMMDDThhmmssZ')
    .replaceAll(/\b\d+\.\d+ s\b/g, '0.00 s')
    .replaceAll(/[\d.]+ [KMGT]iB of the disk/g, '0.0 MiB of the disk')
    .replaceAll(/free space: .*/g, 'free space: (of the machine)');
}

afterAll(() => {
  for (const home of homes) rmSync(home, { recursive: true, force: true });
});

describe.each(WIDTHS)('in a terminal of %i columns', (columns) => {
  let home = '';

  beforeAll(() => {
    home = makeHome();
  });

  it.each(Object.entries(LOOKS))('%s is as it is kept', async (name, args) => {
    const screen = withoutStyles(await screenOf(args, { columns, home }));
    await expect(steady(screen, home)).toMatchFileSnapshot(`screens/${name}-${columns}.txt`);
  });

  it('tables fit', async () => {
    const [list, upcoming] = [
      await screenOf(['list'], { columns, home }),
      await screenOf(['upcoming'], { columns, home }),
    ];
    const rows = `${list}\n${upcoming}`.split('\n').filter((line) => /^[0-9a-f]{8} /.test(line));
    expect(rows.length).toBeGreaterThan(SESSIONS.length);
    expect(rows.filter((row) => width(row) > columns)).toEqual([]);
  });
});

describe.each(WIDTHS)('a day in a terminal of %i columns', (columns) => {
  it('is as it is kept', async () => {
    const home = makeHome();
    const screens: string[] = [];
    for (const [name, args] of Object.entries(DAY)) {
      const behind = DONE_EARLIER.has(name) ? { behindMinutes: 130 } : {};
      const screen = withoutStyles(await screenOf(args, { columns, home, ...behind }));
      screens.push(`$ claude-session-sweeper ${args.join(' ')}\n${steady(screen, home)}`);
    }
    await expect(screens.join('\n')).toMatchFileSnapshot(`screens/day-${columns}.txt`);
  });
});

describe('colours', () => {
  it('are those that are kept', async () => {
    const home = makeHome();
    const screen = await screenOf(['doctor'], { columns: 100, home });
    await expect(steady(screen, home)).toMatchFileSnapshot('screens/doctor-colours.txt');
  });

  it('are none where NO_COLOR is set, and none in a pipe', async () => {
    const home = makeHome();
    const plain = await screenOf(['doctor'], { columns: 100, home, env: { NO_COLOR: '1' } });
    expect(plain).toBe(withoutStyles(plain));
    expect(plain).toContain('problem');
  });
});

/** Of East Asian characters, each is two wide. */
function width(row: string): number {
  return Array.from(row).reduce((sum, character) => sum + (/[\u3000-\u9fff\uff00-\uffef]/u.test(character) ? 2 : 1), 0);
}
