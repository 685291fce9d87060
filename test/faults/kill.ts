/** SIGKILL at every mutating system call of every job, then a second run; and a second kill in that one. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freshDirectory, Place } from '../support/place.ts';
import { PROGRAM, run } from '../support/process.ts';
import { seededRandom, spread } from '../support/samples.ts';
import { DAY_MS } from '../support/tree.ts';
import { type Harness, type HarnessOptions, type HarnessResult, inParallel } from './harness.ts';
import { integrityFault, leftOvers, locate, type Prints } from './oracle.ts';
import {
  copyPlace,
  migrate,
  prepareTree,
  printsOfPresent,
  prune,
  purge,
  restore,
  type Scenario,
  shieldedNow,
  sweep,
  type Template,
  TREE_SEED,
} from './scenarios.ts';
import { countCalls, runInjected, straceMissing } from './strace.ts';
import { threads } from './thread-scenario.ts';

const MUTATING_CALLS = [
  'rename',
  'renameat2',
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
const TREES = 1;

const SCENARIOS: readonly Scenario[] = [prune, purge, restore, sweep, migrate, threads];

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
    const place = new Place(join(options.directory, `place-${hand}`));
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
  const template = await scenario.prepare(freshDirectory(options.directory, name), TREE_SEED + tree);
  const place = new Place(join(options.directory, `${name}-count`));
  copyPlace(template, place);
  const command = commandOf(scenario, scenario.args(place, template));
  const counts = await countCalls(MUTATING_CALLS, command, options.directory);
  rmSync(place.directory, { recursive: true });
  const kills = Array.from(counts, ([call, count]) =>
    Array.from({ length: count }, (_, index) => `${call}:signal=KILL:when=${index + 1}`),
  ).flat();
  return (options.isShort ? spread(kills, POINTS_SHORT) : kills).map((point) => ({
    scenario,
    template,
    kills: [point],
  }));
}

function commandOf({ script = PROGRAM }: Scenario, args: readonly string[]): readonly string[] {
  return [process.execPath, script, ...args];
}

async function runCase({ scenario, template, kills }: Case, place: Place): Promise<string[]> {
  copyPlace(template, place);
  // A copy has times of whole microseconds; what counts is that they do not change any more.
  const { claudeDir } = place;
  const prints = new Map([...template.prints, ...printsOfPresent(claudeDir, template)]);
  const args = scenario.args(place, template);
  const command = commandOf(scenario, args);
  const faults: string[] = [];
  for (const point of kills) {
    await runInjected(point, command);
    const killed = [...lostFaults(scenario, template, claudeDir, prints), ...(scenario.judgeKilled?.(place) ?? [])];
    faults.push(...killed.map((fault) => `after the kill: ${fault}`));
  }
  const rerun = await run(process.execPath, command.slice(1));
  // A restore that had been through before the kill finds nothing to restore.
  if (rerun.code !== 0 && !(scenario === restore && rerun.code === 65)) {
    faults.push(`the second run ended with ${rerun.code}: ${rerun.stderr.slice(0, 300)}`);
  }
  const { places, faults: torn } = locate(claudeDir, template.sessions, prints, shieldedNow(template));
  faults.push(...torn, ...(scenario.judge?.(place, template) ?? []), ...leftOvers(place.stateDir));
  for (const [id, expected] of scenario.expected(template)) {
    if (places.get(id) !== expected) faults.push(`session ${id} is ${places.get(id)}, not ${expected}`);
  }
  for (const name of ['sessions.db', 'ledger.db']) {
    const fault = integrityFault(join(place.stateDir, name));
    if (fault !== undefined) faults.push(fault);
  }
  return faults;
}

/** In the moment of the kill a unit may be under way; what is to stay must be there, and nothing may be lost. */
function lostFaults(scenario: Scenario, template: Template, claudeDir: string, prints: Prints): string[] {
  const { places } = locate(claudeDir, template.sessions, prints, shieldedNow(template));
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
async function runControl({ directory }: HarnessOptions): Promise<number> {
  const template = await prepareTree(freshDirectory(directory, 'control'), TREE_SEED);
  const place = new Place(join(directory, 'control-place'));
  const script = fileURLToPath(new URL('./controls/naive-prune.js', import.meta.url));
  const command = () => [
    process.execPath,
    script,
    place.claudeDir,
    join(place.stateDir, 'sessions.db'),
    place.at('session-sweeper/trash/naive'),
    String(30 * DAY_MS),
  ];
  let torn = 0;
  for (let point = 2; point <= 8; point += 1) {
    copyPlace(template, place);
    await runInjected(`rename:signal=KILL:when=${point}`, command());
    await runInjected('rename:signal=0', command()).catch(() => undefined);
    torn += locate(place.claudeDir, template.sessions, printsOfPresent(place.claudeDir, template)).faults.length;
  }
  return torn;
}
