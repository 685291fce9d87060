/** Hostile names everywhere: no label, log line or table is another for it, and nothing that is not to go is touched. */

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { byteSnapshot, type Files } from '../support/disk.ts';
import type { Place } from '../support/place.ts';
import { freshDirectory } from '../support/place.ts';
import { addressOf, type Exit, killed, PROGRAM, run, runProgram, start } from '../support/process.ts';
import { seriesValue } from '../support/prometheus-text.ts';
import { until } from '../support/wait.ts';
import type { Harness, HarnessOptions, HarnessResult } from './harness.ts';
import {
  logFaults,
  metricsFaults,
  secretIn,
  seriesIn,
  stderrFaults,
  stdoutFaults,
  treeFaults,
} from './names/checks.ts';
import {
  benignName,
  type Counts,
  fillMap,
  freshRows,
  hostileName,
  longestRunRecord,
  makeNamedPlace,
  type Naming,
  SECRET,
} from './names/hostile.ts';

const COUNTS: Counts = { names: 4_000, faults: 10_000 };
const COUNTS_SHORT: Counts = { names: 1_000, faults: 1_000 };

/** Each of the three jobs runs every other second. */
const OFTEN = ['prune', 'sweep', 'purge'].flatMap((job) => [`--schedule-${job}`, '*/2 * * * * *']);
const DAEMON = [...OFTEN, '--schedule-jitter', '1ms', '--listen', '127.0.0.1:0'];
/** Start, stop, and what a scrape may say once. */
const LINES_BESIDE_RUNS = 6;
/** A run's summary, twenty faults of each job and forty sessions. */
const TABLE_LINES_MAX = 150;
/** Three jobs and the end; or twenty faults. */
const LOG_LINES_MAX = 25;
const DEADLINE_MS = 240_000;
const RUN_RECORD_KIB_MAX = 64;

/** Root reads everything: without these, a directory that nobody may read is a fault. */
const PRIVILEGES = '-dac_override,-dac_read_search';
const UNPRIVILEGED = ['setpriv', '--bounding-set', PRIVILEGES, '--inh-caps', PRIVILEGES, process.execPath, PROGRAM];

export const names: Harness = { name: 'names', missing: namesMissing, run: runNames };

function namesMissing(): string | undefined {
  if (process.geteuid?.() !== 0) return 'needs root, to make what cannot be read and clean it up';
  return spawnSync('setpriv', ['-V']).status === 0
    ? undefined
    : 'setpriv is not installed (apt-get install util-linux)';
}

async function runNames({ isShort, directory }: HarnessOptions): Promise<HarnessResult> {
  const counts = isShort ? COUNTS_SHORT : COUNTS;
  const [benign, hostile] = await Promise.all([
    prepare(freshDirectory(directory, 'benign'), benignName, counts),
    prepare(freshDirectory(directory, 'hostile'), hostileName, counts),
  ]);
  const control = await runControl(benign, hostile);
  const failures = await commandFaults(hostile, counts, BEFORE);
  const [ofBenign, ofHostile] = await Promise.all([observeDaemon(benign), observeDaemon(hostile)]);
  failures.push(...ofBenign.faults.map((fault) => `benign names: ${fault}`), ...ofHostile.faults);
  failures.push(...seriesFaults(ofBenign.metrics, ofHostile.metrics));
  failures.push(...(await commandFaults(hostile, counts, AFTER)), ...(await recordFaults(hostile)));
  return {
    cases: counts.names * 5 + counts.faults * 2,
    failures,
    control: `naive metrics: ${control.join(', ')}`,
    isControlCaught: control.length === Object.keys(CONTROL_FINDS).length,
    figures: `${seriesIn(ofHostile.metrics).length} series for benign names and for hostile ones, ${ofHostile.lines} log lines of ${ofHostile.runs} runs with ${counts.faults} faults each`,
  };
}

async function prepare(directory: string, naming: Naming, counts: Counts): Promise<Place> {
  const place = makeNamedPlace(directory, naming, counts);
  const made = await runProgram([...place.flags, 'map', 'set', 'first', '00000000-0000-4000-8000-000000000001']);
  if (made.code !== 0) throw new Error(`the resume map cannot be made: ${made.stderr}`);
  fillMap(place, naming, counts.names);
  return place;
}

interface Command {
  readonly args: readonly string[];
  readonly codes: readonly number[];
  /** A list of everything there is; all others must keep within bounds. */
  readonly isList?: boolean;
}

const BEFORE: readonly Command[] = [
  { args: ['--run-now', '--dry-run'], codes: [74] },
  { args: ['--run-now', '--dry-run', '--json'], codes: [74] },
  { args: ['status'], codes: [74] },
  { args: ['status', '--json'], codes: [74] },
  { args: ['map', 'list'], codes: [0], isList: true },
  { args: ['map', 'list', '--json'], codes: [0], isList: true },
  { args: ['map', 'drop-issue', '\u009b31m\u2028', '1'], codes: [0] },
];

const AFTER: readonly Command[] = [
  { args: ['trash', 'list'], codes: [0], isList: true },
  { args: ['trash', 'list', '--json'], codes: [0], isList: true },
  { args: ['pins'], codes: [0], isList: true },
  { args: ['--run-now', '--trash-keep', '1s'], codes: [74] },
];

async function commandFaults(place: Place, { names: count }: Counts, commands: readonly Command[]): Promise<string[]> {
  const faults: string[] = [];
  for (const { args, codes, isList } of commands) {
    const exit = await runUnprivileged(place, args);
    const found = exitFaults(exit, args.includes('--json'), isList ? count * 2 + TABLE_LINES_MAX : TABLE_LINES_MAX);
    if (!codes.includes(exit.code ?? -1)) found.push(`ended with ${exit.code}: ${exit.stderr.slice(0, 300)}`);
    faults.push(...found.map((fault) => `${args.join(' ')}: ${fault}`));
  }
  return faults;
}

function exitFaults({ stdout, stderr }: Exit, isDocument: boolean, linesMax: number): string[] {
  return [...stdoutFaults(stdout, isDocument, linesMax), ...stderrFaults(stderr, LOG_LINES_MAX)];
}

function runUnprivileged(place: Place, args: readonly string[]): Promise<Exit> {
  const [command = '', ...before] = UNPRIVILEGED;
  return run(command, [...before, ...place.flags, ...args], { timeout: DEADLINE_MS, killSignal: 'SIGKILL' });
}

interface Observed {
  readonly metrics: string;
  readonly faults: readonly string[];
  readonly lines: number;
  readonly runs: number;
}

/** A daemon from its start until every job has run, and then its end; everything that it says is looked at. */
async function observeDaemon(place: Place): Promise<Observed> {
  const before = { tree: byteSnapshot(place.claudeDir), rows: freshRows(place) };
  const [command = '', ...args] = UNPRIVILEGED;
  const daemon = start(command, [...args, ...place.flags, ...DAEMON]);
  const faults: string[] = [];
  try {
    const address = await addressOf(daemon);
    const read = async (path: string) => (await fetch(`${address}${path}`)).text();
    faults.push(...metricsFaults(await read('/metrics')));
    const metrics = await until('all jobs to have run', async () => withAllRuns(await read('/metrics')));
    const answers = [
      metrics,
      await read('/readyz'),
      await read('/healthz'),
      await read(`/metrics/${encodeURIComponent(SECRET)}`),
    ];
    faults.push(...metricsFaults(metrics));
    for (const answer of answers) if (answer.includes(SECRET)) faults.push(`HTTP tells a secret: ${secretIn(answer)}`);
    daemon.kill('SIGTERM');
    const { code, stderr: log } = await daemon.exit;
    if (code !== 0) faults.push(`the daemon ended with ${code}`);
    const runs = log.split('\n').filter((line) => /"msg":"job /.test(line)).length;
    faults.push(...logFaults(log, runs + LINES_BESIDE_RUNS), ...afterwards(place, before));
    return { metrics, faults, lines: log.split('\n').length - 1, runs };
  } finally {
    await killed(daemon);
  }
}

function afterwards(place: Place, before: { readonly tree: Files; readonly rows: string }): string[] {
  const faults = treeFaults(before.tree, byteSnapshot(place.claudeDir), isOldSession);
  if (freshRows(place) !== before.rows) faults.push('rows in use are not what they were');
  const kib = longestRunRecord(place);
  return kib <= RUN_RECORD_KIB_MAX ? faults : [...faults, `the ledger takes ${Math.round(kib)} KiB for one run`];
}

/** By the shape of the tree: sessions of even number are old. */
function isOldSession(path: string): boolean {
  return /^projects\/.*\/00000000-0000-4000-8000-[0-9a-f]{11}[02468ace]\.jsonl$/s.test(path);
}

function withAllRuns(metrics: string): string | undefined {
  const jobs = ['sweep-sessions', 'prune-transcripts', 'purge-trash'];
  return jobs.every(
    (job) => (seriesValue(metrics, `session_sweeper_run_last_timestamp_seconds{job="${job}"}`) ?? 0) > 0,
  )
    ? metrics
    : undefined;
}

function seriesFaults(benign: string, hostile: string): string[] {
  const [ofBenign, ofHostile] = [new Set(seriesIn(benign)), new Set(seriesIn(hostile))];
  const more = [...ofHostile].filter((series) => !ofBenign.has(series));
  const less = [...ofBenign].filter((series) => !ofHostile.has(series));
  return [
    ...more.map((series) => `hostile names make the series ${series.slice(0, 100)}`),
    ...less.map((series) => `hostile names lose the series ${series.slice(0, 100)}`),
  ];
}

/** Records of processes that may run and name no session: what was written since stays, and the run says so without the names. */
async function recordFaults(place: Place): Promise<string[]> {
  for (let number = 0; number < 100; number += 1) {
    const record = JSON.stringify({ pid: 1, sessionId: `${hostileName(number)}${SECRET}`, pidDomain: 'linux:other' });
    writeFileSync(join(place.claudeDir, 'sessions', `${100_000 + number}.json`), record);
  }
  const exit = await runUnprivileged(place, ['--run-now', '--job', 'prune-transcripts']);
  const faults = exitFaults(exit, false, TABLE_LINES_MAX);
  if (exit.code !== 74) faults.push(`ended with ${exit.code}: ${exit.stderr.slice(0, 300)}`);
  if (exit.stdout.includes(SECRET)) faults.push(`a secret is on stdout: ${secretIn(exit.stdout)}`);
  return faults.map((fault) => `records of running processes: ${fault}`);
}

const CONTROL_FINDS: Readonly<Record<string, RegExp>> = {
  'series too many': /^hostile names make the series/,
  'names in labels': /^a label of/,
  'secrets in metrics': /^a secret is in the metrics/,
  'secrets in the log': /^a secret is in the log/,
  'broken lines': /^the log holds a line that is no event/,
  'control characters': /^raw control characters are in the log/,
  floods: /^the log has \d+ lines/,
};

async function runControl(benign: Place, hostile: Place): Promise<string[]> {
  const script = fileURLToPath(new URL('./controls/naive-metrics.js', import.meta.url));
  const [ofBenign, ofHostile] = await Promise.all(
    [benign, hostile].map(({ claudeDir, stateDir }) =>
      run(process.execPath, [script, claudeDir, join(stateDir, 'sessions.db')]),
    ),
  );
  if (ofBenign === undefined || ofHostile === undefined) return [];
  const found = [
    ...seriesFaults(ofBenign.stdout, ofHostile.stdout),
    ...metricsFaults(ofHostile.stdout),
    ...logFaults(ofHostile.stderr, LINES_BESIDE_RUNS),
  ];
  return Object.entries(CONTROL_FINDS).flatMap(([what, pattern]) => {
    const count = found.filter((fault) => pattern.test(fault)).length;
    return count === 0 ? [] : [`${count} ${what}`];
  });
}
