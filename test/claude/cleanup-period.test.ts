/**
 * By which settings Claude's own clean-up goes: the real client decides, and `src/claude-dir/cleanup-period.ts` must say the same. Each case is
 * a directory with sessions of all ages, one start of the client, and the oldest that it leaves.
 */

import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cleanupPeriods, nextCleanupMs, shortestOf } from '../../src/claude-dir/cleanup-period.ts';
import { canMount } from '../support/mount-namespace.ts';
import { DAY_MS, makeSession, sessionIdOf, writeAged } from '../support/tree.ts';
import { until } from '../support/wait.ts';
import type { Claude, CliSurroundings } from './client.ts';
import { Gate, stall, text } from './replies.ts';
import { openWorld } from './world.ts';

/** Days. The last one is of 1971. */
const AGES = [0.5, 6.9, 7.1, 20.9, 21.1, 29.9, 30.1, 59.9, 60.1, 89.9, 90.1, 3_649, 3_651, 20_400];
const ALL = 20_400;
/** A hundred years: beyond any time that a file can have. */
const LONG = 36_500;

type Place = 'user' | 'project' | 'managed' | 'server';

interface Case {
  readonly what: string;
  /** Files by place; text as it is, anything else as JSON. */
  readonly files?: readonly (readonly [place: Place, name: string, content: unknown])[];
  readonly args?: readonly string[];
  readonly prepare?: (claude: Claude) => void;
  /** The oldest that is left, days. */
  readonly left: number;
  /** What our own reading makes of it, days, where that is not what this one run goes by. */
  readonly read?: number;
  readonly entrypoint?: string;
}

const days = (cleanupPeriodDays: unknown) => ({ cleanupPeriodDays });
const user = (content: unknown) => ['user', 'settings.json', content] as const;
const project = (content: unknown) => ['project', 'settings.json', content] as const;
const local = (content: unknown) => ['project', 'settings.local.json', content] as const;
const managed = (content: unknown) => ['managed', 'managed-settings.json', content] as const;
const server = (content: unknown) => ['server', 'remote-settings.json', content] as const;
const WITHOUT_USER = ['--setting-sources', ''];

const PLAIN: readonly Case[] = [
  { what: 'no settings', left: 29.9 },
  { what: 'settings without a period', files: [user({})], left: 29.9 },
  { what: 'settings of blanks alone', files: [user(' \n')], left: 29.9 },
  { what: 'the user’s', files: [user(days(90))], left: 89.9 },
  { what: 'the user’s, shorter than the default', files: [user(days(7))], left: 6.9 },
  { what: 'the user’s behind a symlink', prepare: linkSettings(days(90)), left: 89.9 },
  { what: 'the user’s with a byte order mark', files: [user(`\ufeff${JSON.stringify(days(90))}`)], left: 89.9 },
  { what: 'as long as adopt makes it', files: [user(days(LONG))], left: ALL },
  { what: 'a project’s before the user’s', files: [user(days(90)), project(days(7))], left: 6.9 },
  { what: 'a project’s that is longer', files: [user(days(7)), project(days(90))], left: 89.9, read: 7 },
  { what: 'a project’s local ones first', files: [project(days(7)), local(days(21))], left: 20.9 },
  {
    what: '--settings before the user’s',
    files: [user(days(90))],
    args: ['--settings', '{"cleanupPeriodDays":7}'],
    left: 6.9,
    read: 90,
  },
];

const PAUSED: readonly Case[] = [
  { what: '0', files: [user(days(0))], left: ALL, read: 30 },
  { what: 'part of a day', files: [user(days(7.5))], left: ALL, read: 30 },
  { what: 'null', files: [user(days(null))], left: ALL, read: 30 },
  { what: 'words', files: [user(days('90'))], left: ALL, read: 30 },
  { what: 'more than a whole number can be', files: [user('{"cleanupPeriodDays": 1e300}')], left: ALL, read: 30 },
  { what: 'no JSON', files: [user('{ broken')], left: ALL, read: 30 },
  { what: 'comments', files: [user('// why\n{"cleanupPeriodDays": 90}')], left: ALL, read: 90 },
  { what: 'a directory', prepare: (claude) => mkdirSync(join(claude.configDir, 'settings.json')), left: ALL, read: 30 },
];

/** Reported from outside: such runs deleted what was older than 30 days. This client deletes nothing in them. */
const WITHOUT_USER_SETTINGS: readonly Case[] = [
  { what: 'and nothing else', files: [user({})], args: WITHOUT_USER, left: ALL, read: 30 },
  { what: 'though those are long', files: [user(days(3_650))], args: WITHOUT_USER, left: ALL, read: 3_650 },
  { what: 'though those are short', files: [user(days(7))], args: WITHOUT_USER, left: ALL, read: 7 },
  {
    what: 'and a project’s that name no period',
    files: [user({}), project({ model: 'sonnet' })],
    args: ['--setting-sources', 'project'],
    left: ALL,
    read: 30,
  },
  {
    what: 'and a project’s that name one',
    files: [user(days(90)), project(days(7))],
    args: ['--setting-sources', 'project'],
    left: 6.9,
  },
  {
    what: 'and --settings that name one',
    files: [user(days(90))],
    args: [...WITHOUT_USER, '--settings', '{"cleanupPeriodDays":7}'],
    left: 6.9,
    read: 90,
  },
];

const DESKTOP: readonly Case[] = [
  { what: 'for ever', files: [user(days(7))], left: ALL },
  { what: 'up to a ceiling', files: [user({ desktopSessionCleanupPeriodDays: 60 })], left: 59.9 },
  { what: 'no shorter than others', files: [user({ desktopSessionCleanupPeriodDays: 7 })], left: 29.9 },
  { what: 'without a ceiling of a project’s', files: [project({ desktopSessionCleanupPeriodDays: 60 })], left: ALL },
].map((one) => ({ ...one, entrypoint: 'claude-desktop' }));

const MANAGED: readonly Case[] = [
  { what: 'shorter than the user’s', files: [user(days(90)), managed(days(7))], left: 6.9 },
  {
    what: 'longer than all others',
    files: [user(days(7)), project(days(7)), managed(days(90))],
    args: ['--settings', '{"cleanupPeriodDays":7}'],
    left: 89.9,
  },
  {
    what: 'the last of several',
    files: [
      managed(days(90)),
      ['managed', 'managed-settings.d/10-x.json', days(7)],
      ['managed', 'managed-settings.d/20-x.json', days(21)],
      ['managed', 'managed-settings.d/.30-x.json', days(1)],
    ],
    left: 20.9,
  },
  { what: '0, which is ignored', files: [user(days(90)), managed(days(0))], left: 89.9 },
  {
    what: 'in a run that loads no user settings',
    files: [user(days(90)), managed(days(7))],
    args: WITHOUT_USER,
    left: 6.9,
  },
  { what: 'where the user’s are broken', files: [user('{ broken'), managed(days(90))], left: 89.9 },
  {
    what: 'for the desktop apps too',
    files: [user({ desktopSessionCleanupPeriodDays: 90 }), managed(days(21))],
    entrypoint: 'claude-desktop',
    left: 20.9,
  },
];

/** Asked by runs that talk to the company's own API with a key or an organisation's login: these can reach nothing at all here. */
const SERVER: readonly Case[] = [
  { what: 'shorter than the user’s', files: [user(days(90)), server(days(7))], left: 6.9 },
  { what: 'before managed ones', files: [managed(days(7)), server(days(21))], left: 20.9, read: 7 },
  {
    what: 'instead of managed ones, though it names no period',
    files: [user(days(60)), managed(days(7)), server({ model: 'sonnet' })],
    left: 59.9,
    read: 7,
  },
  { what: 'not where it is empty', files: [user(days(60)), managed(days(7)), server({})], left: 6.9 },
];

function linkSettings(content: object): (claude: Claude) => void {
  return ({ configDir, projectDir }) => {
    writeAged(join(projectDir, '../dotfiles/claude.json'), JSON.stringify(content), Date.now());
    symlinkSync('../dotfiles/claude.json', join(configDir, 'settings.json'));
  };
}

/** Makes what the case has, starts the client, and waits until it has cleaned up or has said why it does not. */
async function check(one: Case, surroundings: (managedDir: string) => CliSurroundings = () => ({})): Promise<void> {
  const world = await openWorld();
  try {
    const { claude, api } = world;
    const managedDir = join(world.root, 'managed');
    mkdirSync(managedDir);
    make(one, claude, managedDir);
    const gate = new Gate();
    api.script('clean up', stall(gate, text('Cleaned up.')));
    const debug = join(world.root, 'debug.txt');
    const running = claude.startCliIn(surroundings(managedDir), 'clean up', '--debug-file', debug, ...(one.args ?? []));
    try {
      await until(`the clean-up: ${one.what}`, () => isDecided(claude, debug) || undefined);
      await until(`what is left: ${one.what}`, () => oldestLeft(claude) <= one.left || undefined);
    } finally {
      gate.open();
      if (surroundings('').without !== undefined) running.kill();
    }
    await running.finished;
    expect(oldestLeft(claude)).toBe(one.left);
    const shortest = shortestOf(cleanupPeriods(claude.configDir, managedDir));
    const read = one.entrypoint === undefined ? shortest.days : shortest.desktopDays;
    expect(read === 'ever' ? ALL : oldestOf(read)).toBe(one.read === undefined ? one.left : oldestOf(one.read));
  } finally {
    await world.close();
  }
}

function make({ files = [], prepare, entrypoint = 'sdk-cli' }: Case, claude: Claude, managedDir: string): void {
  const { configDir, projectDir } = claude;
  rmSync(join(configDir, 'settings.json'));
  const directories = { user: configDir, server: configDir, project: join(projectDir, '.claude'), managed: managedDir };
  for (const [place, name, content] of files) {
    const written = typeof content === 'string' ? content : JSON.stringify(content);
    writeAged(join(directories[place], name), written, Date.now());
  }
  writeAged(join(configDir, '.claude.json'), JSON.stringify({ projects: { [projectDir]: {} } }), Date.now());
  prepare?.(claude);
  for (const [index, age] of AGES.entries()) {
    const id = sessionIdOf(index);
    const line = { type: 'user', message: { role: 'user', content: 'hi' }, uuid: id, sessionId: id, entrypoint };
    makeSession(configDir, { id, ageMs: age * DAY_MS, content: `${JSON.stringify(line)}\n` });
  }
}

function isDecided({ configDir }: Claude, debug: string): boolean {
  if (existsSync(join(configDir, '.last-cleanup'))) return true;
  return existsSync(debug) && /Skipping (retention )?cleanup/.test(readFileSync(debug, 'utf8'));
}

function oldestLeft({ configDir }: Claude): number {
  const left = AGES.filter((_, index) => existsSync(join(configDir, `projects/-srv-app/${sessionIdOf(index)}.jsonl`)));
  return Math.max(...left);
}

function oldestOf(periodDays: number): number {
  return Math.max(...AGES.filter((age) => age < periodDays));
}

const WITH_MANAGED =
  'mount -t tmpfs tmpfs /mnt && cp -a /etc/. /mnt && cp -a "$0" /mnt/claude-code && mount --bind /mnt /etc';
const inNamespace = (managedDir: string) => ['sh', '-c', `${WITH_MANAGED} && exec "$@"`, managedDir];

describe.concurrent("Claude's clean-up goes by", () => {
  it.each(PLAIN)('$what', (one) => check(one));
});

describe.concurrent("Claude's clean-up is paused by", () => {
  it.each(PAUSED)('$what', (one) => check(one));
});

describe.concurrent("Claude's clean-up in a run that loads no user settings", () => {
  it.each(WITHOUT_USER_SETTINGS)('$what', (one) => check(one));
});

describe.concurrent("Claude's clean-up lets what the desktop apps write be", () => {
  it.each(DESKTOP)('$what', (one) => check(one));
});

describe.concurrent("Claude's clean-up comes once a day", () => {
  it.each([
    { what: 'not within 24 hours', ageMs: 23 * 3_600_000, left: ALL },
    { what: 'after 24 hours', ageMs: 25 * 3_600_000, left: 29.9 },
  ])('by the time of its marker alone: $what', async ({ what, ageMs, left }) => {
    const prepare = ({ configDir }: Claude) => {
      const marker = join(configDir, '.last-cleanup');
      writeAged(marker, new Date(0).toISOString(), Date.now() - ageMs);
      expect(nextCleanupMs(configDir) > Date.now()).toBe(left === ALL);
      if (left === ALL) return;
      utimesSync(marker, new Date(), new Date(Date.now() - ageMs));
    };
    await check({ what, prepare, left, read: 30 });
  });
});

describe.skipIf(!canMount).concurrent("Claude's clean-up goes by managed settings", () => {
  it.each(MANAGED)('$what', (one) =>
    check(one, (managedDir) => ({ within: ['unshare', '-m', ...inNamespace(managedDir)] })),
  );
});

describe.skipIf(!canMount).concurrent("Claude's clean-up goes by what a server has sent", () => {
  it.each(SERVER)('$what', (one) =>
    check(one, (managedDir) => ({
      within: ['unshare', '-n', '-m', ...inNamespace(managedDir)],
      without: ['ANTHROPIC_BASE_URL'],
    })),
  );
});
