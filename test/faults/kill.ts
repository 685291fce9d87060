/** SIGKILL at every mutating system call of every job, then a second run; and a second kill in that one. */

import { cpSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { DAY_MS, type MadeSession, makeTree, seededRandom, sessionIdOf } from '../support/tree.ts';
import {
  freshDirectory,
  type Harness,
  type HarnessOptions,
  type HarnessResult,
  inParallel,
  PROGRAM,
  runSweeper,
  spread,
} from './harness.ts';
import { integrityFault, leftOvers, locate, type Prints, printsOf, trashRuns, type Whereabouts } from './oracle.ts';
import { countCalls, runInjected, straceMissing } from './strace.ts';

const MUTATING_CALLS = [
  'rename',
  'link',
  'unlink',
  'mkdir',
  'rmdir',
  'pwrite64',
  'fsync',
  'fdatasync',
  'ftruncate',
  'write',
];
const HANDS = 2;
const POINTS_SHORT = 6;
const DOUBLES = 220;
const DOUBLES_SHORT = 8;
const TREES = 4;

/** A place as it is before the program runs; every case works on a copy of it. */
interface Template {
  readonly directory: string;
  readonly sessions: readonly MadeSession[];
  readonly prints: Prints;
}

interface Scenario {
  readonly name: string;
  prepare(directory: string, seed: number): Promise<Template>;
  /** @param place the copy that the case works on */
  args(place: string, template: Template): readonly string[];
  /** Where each session must be after the second run; undefined for what is no matter of sessions. */
  expected(template: Template): ReadonlyMap<string, Whereabouts>;
  /** What else must be true after the second run. */
  judge?(place: string, template: Template): readonly string[];
}

const common = (place: string) => ['--claude-dir', join(place, 'claude'), '--state-dir', join(place, 'state')];

const isOld = (session: MadeSession) => Date.now() - session.mtimeMs > 30 * DAY_MS;

/** The first old session is live: a row names it. */
function liveOf(sessions: readonly MadeSession[]): MadeSession | undefined {
  return sessions.find(isOld);
}

async function prepareTree(directory: string, seed: number): Promise<Template> {
  const sessions = makeTree(join(directory, 'claude'), { sessions: 14, seed });
  const live = liveOf(sessions);
  if (live !== undefined) {
    await runSweeper([...common(directory), 'sessions', 'set', 'forgejo:a:acme/app:1', live.id]);
  }
  return { directory, sessions, prints: printsOf(join(directory, 'claude'), sessions) };
}

async function prepareTrash(directory: string, seed: number): Promise<Template> {
  const template = await prepareTree(directory, seed);
  await runSweeper([...common(directory), '--run-now', '--job', 'prune-transcripts']);
  return template;
}

const prune: Scenario = {
  name: 'prune',
  prepare: prepareTree,
  args: (place) => [...common(place), '--run-now', '--job', 'prune-transcripts'],
  expected: ({ sessions }) => {
    const live = liveOf(sessions);
    return new Map(sessions.map((one) => [one.id, isOld(one) && one !== live ? 'trashed' : 'here']));
  },
};

const purge: Scenario = {
  name: 'purge',
  prepare: async (directory, seed) => {
    const template = await prepareTrash(directory, seed);
    // One of the trashed is live again: its row must save it.
    const revived = template.sessions.filter(isOld)[1];
    if (revived !== undefined) {
      await runSweeper([...common(directory), 'sessions', 'set', 'forgejo:a:acme/app:2', revived.id]);
    }
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    return template;
  },
  args: (place) => [...common(place), '--run-now', '--job', 'purge-trash', '--trash-keep', '1s'],
  expected: ({ sessions }) => {
    const [live, revived] = sessions.filter(isOld);
    return new Map(
      sessions.map((one) => [one.id, !isOld(one) || one === live ? 'here' : one === revived ? 'trashed' : 'gone']),
    );
  },
};

const restore: Scenario = {
  name: 'restore',
  prepare: prepareTrash,
  args: (place, { sessions }) => [
    ...common(place),
    'trash',
    'restore',
    ...sessions.filter((one) => isOld(one) && one !== liveOf(sessions)).map((one) => one.id),
  ],
  expected: ({ sessions }) => new Map(sessions.map((one) => [one.id, 'here'])),
};

const STALE_ROWS = 700;
const FRESH_ROWS = 300;

const sweep: Scenario = {
  name: 'sweep',
  prepare: async (directory, seed) => {
    const template = await prepareTree(directory, seed);
    const database = new Database(join(directory, 'state/sessions.db'));
    const insert = database.prepare('INSERT INTO claude_sdk_sessions VALUES (?, ?, ?, ?)');
    database.transaction(() => {
      for (let row = 0; row < STALE_ROWS + FRESH_ROWS; row += 1) {
        const usedAtMs = Date.now() - (row < STALE_ROWS ? 3 * DAY_MS : 60_000);
        insert.run(`forgejo:a:acme/sweep:${row}`, sessionIdOf(90_000_000 + row), usedAtMs, usedAtMs);
      }
    })();
    database.close();
    return template;
  },
  args: (place) => [...common(place), '--run-now', '--job', 'sweep-sessions'],
  expected: ({ sessions }) => new Map(sessions.map((one) => [one.id, 'here'])),
  judge: (place) => {
    const rows = countRows(place, "key LIKE 'forgejo:a:acme/sweep:%'");
    return rows === FRESH_ROWS ? [] : [`${rows} rows are left of ${FRESH_ROWS} fresh ones`];
  },
};

const IMPORTED_ROWS = 300;

const migrate: Scenario = {
  name: 'migrate',
  prepare: async (directory, seed) => {
    const sessions = makeTree(join(directory, 'claude'), { sessions: 4, seed });
    freshDirectory(directory, 'state');
    const rows = Array.from({ length: IMPORTED_ROWS }, (_, row) => {
      const value = row % 2 === 0 ? sessionIdOf(row) : { id: sessionIdOf(row), last_used_at: Date.now() };
      return [`foreman:acme/app:${row}`, value] as const;
    });
    writeFileSync(join(directory, 'state/sessions.json'), JSON.stringify(Object.fromEntries(rows)));
    return { directory, sessions, prints: printsOf(join(directory, 'claude'), sessions) };
  },
  args: (place) => [...common(place), '--run-now', '--job', 'sweep-sessions', '--sessions-max-age', 'never'],
  expected: ({ sessions }) => new Map(sessions.map((one) => [one.id, 'here'])),
  judge: (place) => {
    const rows = countRows(place, "key LIKE 'forgejo:architect:acme/app:%'");
    const names = readdirSync(join(place, 'state')).filter((name) => name.startsWith('sessions.json'));
    return [
      ...(rows === IMPORTED_ROWS ? [] : [`${rows} rows are imported of ${IMPORTED_ROWS}`]),
      ...(names.join() === 'sessions.json.bak' ? [] : [`beside the database there are ${names.join(', ')}`]),
    ];
  },
};

const SCENARIOS: readonly Scenario[] = [prune, purge, restore, sweep, migrate];

function countRows(place: string, where: string): number {
  const database = new Database(join(place, 'state/sessions.db'), { readonly: true });
  try {
    return Number(database.prepare(`SELECT count(*) FROM claude_sdk_sessions WHERE ${where}`).pluck().get());
  } finally {
    database.close();
  }
}

interface Case {
  readonly scenario: Scenario;
  readonly template: Template;
  readonly kills: readonly string[];
}

export const kill: Harness = {
  name: 'kill',
  missing: straceMissing,
  run: runKill,
};

async function runKill(options: HarnessOptions): Promise<HarnessResult> {
  const random = seededRandom(options.seed);
  const singles: Case[] = [];
  for (const scenario of SCENARIOS) {
    const trees = options.isShort ? 1 : TREES;
    for (let tree = 0; tree < trees; tree += 1) singles.push(...(await casesOf(scenario, tree, options)));
  }
  const doubles = Array.from({ length: options.isShort ? DOUBLES_SHORT : DOUBLES }, (): Case => {
    const first = singles[Math.floor(random() * singles.length)] as Case;
    const others = singles.filter((one) => one.scenario === first.scenario && one.template === first.template);
    const second = others[Math.floor(random() * others.length)] as Case;
    return { ...first, kills: [...first.kills, ...second.kills] };
  });
  const failures: string[] = [];
  await inParallel([...singles, ...doubles], HANDS, async (one, hand) => {
    const place = join(options.directory, `place-${hand}`);
    for (const fault of await runCase(one, place))
      failures.push(`${one.scenario.name}, ${one.kills.join(' then ')}: ${fault}`);
  });
  const control = await runControl(options);
  return {
    cases: singles.length + doubles.length,
    failures,
    control: `naive pruner: ${control} torn`,
    isControlCaught: control > 0,
    figures: `${singles.length} points, ${doubles.length} double kills`,
  };
}

async function casesOf(scenario: Scenario, tree: number, options: HarnessOptions): Promise<Case[]> {
  const name = `${scenario.name}-${tree}`;
  const template = await scenario.prepare(freshDirectory(options.directory, name), (options.seed % 1_000) + tree);
  const place = join(options.directory, `${name}-count`);
  copyPlace(template, place);
  const command = [process.execPath, PROGRAM, ...scenario.args(place, template)];
  const counts = await countCalls(MUTATING_CALLS, command, options.directory);
  rmSync(place, { recursive: true });
  const kills = Array.from(counts, ([call, count]) =>
    Array.from({ length: count }, (_, index) => `${call}:signal=KILL:when=${index + 1}`),
  ).flat();
  return (options.isShort ? spread(kills, POINTS_SHORT) : kills).map((point) => ({
    scenario,
    template,
    kills: [point],
  }));
}

function copyPlace(template: Template, place: string): void {
  rmSync(place, { recursive: true, force: true });
  cpSync(template.directory, place, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
}

async function runCase({ scenario, template, kills }: Case, place: string): Promise<string[]> {
  copyPlace(template, place);
  // A copy has times of whole microseconds; what counts is that they do not change any more.
  const claudeDir = join(place, 'claude');
  const prints = new Map([...template.prints, ...printsOfPresent(claudeDir, template)]);
  const args = scenario.args(place, template);
  const command = [process.execPath, PROGRAM, ...args];
  const faults: string[] = [];
  for (const point of kills) {
    await runInjected(point, command);
    faults.push(...lostFaults(scenario, template, claudeDir, prints).map((fault) => `after the kill: ${fault}`));
  }
  const rerun = await runSweeper(args);
  // A restore that had been through before the kill finds nothing to restore.
  if (rerun.code !== 0 && !(scenario === restore && rerun.code === 65)) {
    faults.push(`the second run ended with ${rerun.code}: ${rerun.stderr.slice(0, 300)}`);
  }
  const { places, faults: torn } = locate(claudeDir, template.sessions, prints);
  faults.push(...torn, ...(scenario.judge?.(place, template) ?? []), ...leftOvers(join(place, 'state')));
  for (const [id, expected] of scenario.expected(template)) {
    if (places.get(id) !== expected) faults.push(`session ${id} is ${places.get(id)}, not ${expected}`);
  }
  for (const name of ['sessions.db', 'ledger.db']) {
    const fault = integrityFault(join(place, 'state', name));
    if (fault !== undefined) faults.push(fault);
  }
  return faults;
}

function printsOfPresent(claudeDir: string, { sessions }: Template): Prints {
  const runs = trashRuns(claudeDir);
  const prints = new Map<string, Prints extends ReadonlyMap<string, infer P> ? P : never>();
  for (const root of [claudeDir, ...runs]) {
    for (const session of sessions) {
      const files = session.files.filter((file) => existsSync(join(root, file)));
      for (const [file, print] of printsOf(root, [{ ...session, files }])) prints.set(file, print);
    }
  }
  return prints;
}

/** In the moment of the kill a unit may be under way; what is to stay must be there, and nothing may be lost. */
function lostFaults(scenario: Scenario, template: Template, claudeDir: string, prints: Prints): string[] {
  const { places } = locate(claudeDir, template.sessions, prints);
  const faults: string[] = [];
  for (const [id, expected] of scenario.expected(template)) {
    const place = places.get(id);
    const mayMove = scenario === restore;
    if (expected === 'here' && place !== 'here' && !mayMove) faults.push(`session ${id}, which stays, is ${place}`);
    if (expected !== 'gone' && place === 'gone') faults.push(`session ${id} is lost`);
  }
  return faults;
}

/** The naive pruner at a few kill points: it must leave something torn behind, or this harness sees nothing. */
async function runControl({ directory, seed }: HarnessOptions): Promise<number> {
  const template = await prepareTree(freshDirectory(directory, 'control'), seed % 1_000);
  const place = join(directory, 'control-place');
  const script = fileURLToPath(new URL('./controls/naive-prune.js', import.meta.url));
  const command = () => [
    process.execPath,
    script,
    join(place, 'claude'),
    join(place, 'state/sessions.db'),
    join(place, 'claude/session-sweeper/trash/naive'),
    String(30 * DAY_MS),
  ];
  let torn = 0;
  for (let point = 2; point <= 8; point += 1) {
    copyPlace(template, place);
    await runInjected(`rename:signal=KILL:when=${point}`, command());
    await runInjected('rename:signal=0', command()).catch(() => undefined);
    torn += locate(join(place, 'claude'), template.sessions, printsOfPresent(join(place, 'claude'), template)).faults
      .length;
  }
  return torn;
}
