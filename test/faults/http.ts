/** The daemon's HTTP server under attack, while a prune of a big tree is at work and a good scraper goes on scraping. */

import { mkdirSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freshDirectory } from '../support/place.ts';
import { PROGRAM } from '../support/process.ts';
import type { Scrape, Scrapes } from '../support/programs/http-scrape.ts';
import { percentile } from '../support/samples.ts';
import { DAY_MS, sessionIdOf, writeAgedIn } from '../support/tree.ts';
import type { Harness, HarnessOptions, HarnessResult } from './harness.ts';
import { besiege, EXIT_MAX_MS, leakFaults, QUIET_MS, type Siege, type Target } from './http-siege.ts';

const ATTACK_MS = 90_000;
/** Longer than a connection may be held. */
const ATTACK_SHORT_MS = 9_000;
const ATTACK_CONTROL_MS = 4_000;
const SESSIONS = 240_000;
const SESSIONS_SHORT = 40_000;
const SESSIONS_A_PROJECT = 400;

/**
 * How long one scrape in a hundred may take at most. The few scrapes of the short form, on whatever machine it may run, are no measure
 * of that: it asks whether the server starves, as the control does.
 */
const SCRAPE_P99_MAX_MS = { short: 500, full: 50 };
/** On a machine that is busy with other things, so many times what a server takes there that has nothing else to do. */
const SCRAPE_P99_MAX_TIMES = 10;
/** A head must be whole within five seconds; they are looked at every second. */
const HELD_MAX_MS = 8_000;
/** The prune must have been at work for a good part of the attack, or this shows nothing. The short form's is over soon. */
const PRUNING_SHARE_MIN = { short: 0.1, full: 0.2 };
const LOG_MESSAGES = [
  ...['daemon started', 'signal heard: stopping', 'daemon stopping', 'daemon stopped'],
  ...['job finished', 'job finished in part', 'job skipped'],
];
const LOG_LINES_A_SECOND_MAX = 1;

export const http: Harness = {
  name: 'http',
  run: runHttp,
};

async function runHttp(options: HarnessOptions): Promise<HarnessResult> {
  const sessions = options.isShort ? SESSIONS_SHORT : SESSIONS;
  const claudeDir = makeOldSessions(join(freshDirectory(options.directory, 'place'), 'claude'), sessions);
  const flags = ['--claude-dir', claudeDir, '--state-dir', join(options.directory, 'place/state')];
  const schedule = ['--schedule-jitter', '1ms', '--schedule-prune', '*/2 * * * * *'];
  const product: Target = {
    command: [PROGRAM, ...flags, ...schedule, '--listen', '127.0.0.1:0'],
    attackMs: options.isShort ? ATTACK_SHORT_MS : ATTACK_MS,
    pruningShareMin: PRUNING_SHARE_MIN[options.isShort ? 'short' : 'full'],
    p99MaxMs: scrapeP99MaxMs(options),
  };
  const siege = await besiege(product, options.seed);
  const control = await runControl(options);
  const { attack, quiet, besieged } = siege;
  return {
    cases: attack.connections + besieged.scrapes.length + besieged.failures.length,
    failures: siegeFaults(siege, product),
    ...control,
    figures: [
      `${attack.connections} connections, ${attack.shots} of them single requests; scrapes ${timesOf(besieged.scrapes)}`,
      `a prune at work in ${Math.round(100 * pruningShare(besieged))} % of them`,
      `without attack ${timesOf(quiet.scrapes)}; an idle server meanwhile ${percentile(besieged.idleMs, 0.99).toFixed(1)} ms at p99`,
      `main thread busy for ${Math.round(siege.busyShare * 100)} %`,
      `held ${Math.round(attack.heldMsMax)} ms at most`,
      `resident ${siege.before.rssMb} MB before, ${siege.rssMbMax} at most, ${siege.after.rssMb} after`,
      `exit in ${Math.round(siege.exitMs)} ms`,
    ].join('; '),
  };
}

async function runControl(options: HarnessOptions): Promise<Pick<HarnessResult, 'control' | 'isControlCaught'>> {
  const claudeDir = makeOldSessions(join(freshDirectory(options.directory, 'control'), 'claude'), SESSIONS_SHORT);
  const script = fileURLToPath(new URL('./controls/plain-server.js', import.meta.url));
  const target: Target = {
    command: [script, claudeDir, String(30 * DAY_MS), String(QUIET_MS + 1_000)],
    attackMs: ATTACK_CONTROL_MS,
    pruningShareMin: undefined,
    p99MaxMs: scrapeP99MaxMs(options),
  };
  const siege = await besiege(target, options.seed);
  const { scrapes, failures } = siege.besieged;
  return {
    control: `plain server: scrapes ${timesOf(scrapes)}, ${failures.length} failed, ${siege.attack.heldAtEnd} connections pile up`,
    isControlCaught: scrapeFaults(siege.besieged, target).length > 0 && siegeFaults(siege, target).length > 1,
  };
}

/** Old sessions of one file each. */
function makeOldSessions(claudeDir: string, count: number): string {
  const mtimeMs = Date.now() - 40 * DAY_MS;
  let project = '';
  for (let number = 0; number < count; number += 1) {
    if (number % SESSIONS_A_PROJECT === 0) {
      project = join(claudeDir, `projects/-srv-project-${number / SESSIONS_A_PROJECT}`);
      mkdirSync(project, { recursive: true });
    }
    writeAgedIn(join(project, `${sessionIdOf(number)}.jsonl`), '{}\n', mtimeMs);
  }
  return claudeDir;
}

function timesOf(scrapes: readonly Scrape[]): string {
  const times = scrapes.map(({ ms }) => ms);
  const [p50, p99, most] = [0.5, 0.99, 1].map((share) => percentile(times, share).toFixed(1));
  return `p50 ${p50}, p99 ${p99}, max ${most} ms`;
}

/** How much of the attack a prune was at work in, by what the scrapes say. */
function pruningShare({ scrapes }: Scrapes): number {
  return scrapes.filter(({ isPruning }) => isPruning).length / scrapes.length;
}

function siegeFaults(siege: Siege, target: Target): string[] {
  const { attack, besieged, before, after, exitCode, exitMs } = siege;
  const pruning = pruningShare(besieged);
  return [
    ...attack.failures,
    ...scrapeFaults(besieged, target),
    ...leakFaults(before, after),
    ...logFaults(siege),
    ...(attack.heldMsMax <= HELD_MAX_MS
      ? []
      : [`a connection without a request was held for ${Math.round(attack.heldMsMax)} ms`]),
    ...(exitCode === 0 && exitMs <= EXIT_MAX_MS
      ? []
      : [`SIGTERM ended it with ${exitCode} after ${Math.round(exitMs)} ms`]),
    ...(target.pruningShareMin === undefined || pruning >= target.pruningShareMin
      ? []
      : [`a prune was at work in only ${Math.round(pruning * 100)} % of the attack`]),
  ];
}

function scrapeP99MaxMs({ isShort }: HarnessOptions): number {
  return SCRAPE_P99_MAX_MS[isShort ? 'short' : 'full'];
}

function scrapeFaults({ scrapes, failures, idleMs }: Scrapes, { p99MaxMs }: Target): string[] {
  const times = scrapes.map(({ ms }) => ms);
  const p99Ms = percentile(times, 0.99);
  const idleP99Ms = idleMs.length > 0 ? percentile(idleMs, 0.99) : 0;
  const load = loadavg()[0]?.toFixed(1);
  return [
    ...failures,
    ...(p99Ms <= Math.max(p99MaxMs, SCRAPE_P99_MAX_TIMES * idleP99Ms)
      ? []
      : [
          `one scrape in a hundred takes ${p99Ms.toFixed(1)} ms or more; of an idle server ${idleP99Ms.toFixed(1)} ms (load average ${load})`,
        ]),
    ...(scrapes.length > 0 ? [] : ['no scrape was answered']),
  ];
}

function logFaults({ log, seconds }: Siege): string[] {
  const lines = log.split('\n').filter((line) => line !== '');
  const strange = lines.filter((line) => !LOG_MESSAGES.includes(messageIn(line)));
  const isFlood = lines.length > LOG_MESSAGES.length + seconds * LOG_LINES_A_SECOND_MAX;
  return [
    ...strange.slice(0, 5).map((line) => `the log says ${line.slice(0, 300)}`),
    ...(isFlood ? [`${lines.length} log lines in ${Math.round(seconds)} s`] : []),
  ];
}

function messageIn(line: string): string {
  try {
    return String((JSON.parse(line) as { msg?: unknown }).msg);
  } catch {
    return '';
  }
}
