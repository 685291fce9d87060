/** What metrics, logs and tables must be like, whatever the names are that they come from. */

import { isDeepStrictEqual } from 'node:util';
import { LOG_LEVELS } from '../../../src/format/log-line.ts';
import type { FileState, Files } from '../../support/disk.ts';
import { isJson, RAW_CONTROLS } from '../inputs/verdict.ts';
import { SECRET } from './hostile.ts';

const JOBS = ['sweep-sessions', 'prune-transcripts', 'purge-trash'];

/** Every value that a label of ours can have, by the documentation. */
const LABEL_VALUES: Readonly<Record<string, RegExp>> = {
  job: new RegExp(`^(${JOBS.join('|')}|scrape)$`),
  outcome: /^(ok|partial|held|failed|skipped)$/,
  guard: /^(clock|unknown-map|emptied-source|mass-removal|mass-dangling|free-space)$/,
  source: /^[a-z][a-z0-9-]{0,39}$/,
  database: /^(ledger|resume-map|session-store)$/,
  place: /^(claude-dir|state-dir)$/,
  state: /^(live|retained|doubtful)$/,
  reason: /^(expired|over-size|orphan|dangling|asked|gone)$/,
  event: /^(restored|begun-anew-gone|begun-anew-dead-turns|dead-turn|mirror-error|writes-lost)$/,
  kind: /^(usage|bad-data|unavailable|internal|unsafe-root|io|locked|config)$/,
  version: /^\d+\.\d+\.\d+$/,
  le: /^([\d.]+|\+Inf)$/,
};
/** Of Node's own: its garbage collector, its heap spaces, its handles, its version. */
const NODE_LABEL_VALUE = /^[A-Za-z0-9_.+-]{1,40}$/;
const SERIES = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?/gy;
const OURS = /^(session_sweeper|claude_session)_/;

/** Series of ours, by name and labels. */
export function seriesIn(metrics: string): string[] {
  const lines = metrics.split('\n').filter((line) => OURS.test(line));
  return lines.map((line) => line.slice(0, line.lastIndexOf(' '))).sort();
}

export function metricsFaults(metrics: string): string[] {
  const faults: string[] = [];
  if (metrics.includes(SECRET)) faults.push('a secret is in the metrics');
  for (const line of metrics.split('\n')) {
    if (line === '' || line.startsWith('# ')) continue;
    const [, name = '', labels = ''] = SERIES.exec(line) ?? [];
    if (name === '') faults.push(`the metrics hold what is no series: ${JSON.stringify(line.slice(0, 100))}`);
    for (const [label, value] of labelsOf(labels)) {
      const allowed = OURS.test(name) ? LABEL_VALUES[label] : NODE_LABEL_VALUE;
      if (allowed?.test(value) !== true)
        faults.push(`a label of ${name} is ${label}=${JSON.stringify(value.slice(0, 60))}`);
    }
  }
  return faults;
}

function labelsOf(text: string): [string, string][] {
  return Array.from(text.matchAll(LABEL), ([, label = '', value = '']) => [label, value]);
}

/** @param linesMax how many lines the events are worth that were there */
export function logFaults(log: string, linesMax: number): string[] {
  const lines = log.split('\n').filter((line) => line !== '');
  const faults = lines.flatMap((line) => {
    if (!isEvent(line)) return [`the log holds a line that is no event: ${JSON.stringify(line.slice(0, 200))}`];
    return line.includes(SECRET) ? [`a secret is in the log: ${secretIn(line)}`] : [];
  });
  if (RAW_CONTROLS.test(log)) faults.push('raw control characters are in the log');
  if (lines.length > linesMax) faults.push(`the log has ${lines.length} lines, more than ${linesMax}`);
  if (log.length > linesMax * LINE_LENGTH_MAX) faults.push(`the log has ${log.length} characters`);
  return faults;
}

/** Twenty faults, each with a name of 255 bytes, every one of them escaped. */
const LINE_LENGTH_MAX = 40_000;

const LEVELS: readonly string[] = LOG_LEVELS;
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

function isEvent(line: string): boolean {
  if (!isJson(line)) return false;
  const { level, time, msg } = JSON.parse(line) as Record<string, unknown>;
  return LEVELS.includes(String(level)) && RFC_3339.test(String(time)) && typeof msg === 'string';
}

export function secretIn(text: string): string {
  const at = text.indexOf(SECRET);
  return JSON.stringify(text.slice(Math.max(0, at - 60), at + 40));
}

/** Of a command: events, and sentences for the person who called it. */
export function stderrFaults(stderr: string, linesMax: number): string[] {
  const lines = stderr.split('\n').filter((line) => line !== '');
  const sentences = lines.filter((line) => line.startsWith('claude-session-sweeper: '));
  const told = sentences.join('\n');
  return [
    ...(RAW_CONTROLS.test(told) ? [`raw control characters are on stderr: ${JSON.stringify(told.slice(0, 200))}`] : []),
    ...(told.includes(SECRET) ? [`a secret is on stderr: ${secretIn(told)}`] : []),
    ...(lines.length > linesMax ? [`stderr has ${lines.length} lines, more than ${linesMax}`] : []),
    ...logFaults(lines.filter((line) => !sentences.includes(line)).join('\n'), linesMax),
  ];
}

/** @param linesMax how long the output may be; undefined for a list of everything */
export function stdoutFaults(stdout: string, isDocument: boolean, linesMax: number | undefined): string[] {
  const faults: string[] = [];
  const lines = stdout.split('\n');
  if (isDocument && (lines.length !== 2 || !isJson(stdout)))
    faults.push(`stdout is no single document: ${JSON.stringify(stdout.slice(0, 100))}`);
  const raw = lines.find((line) => RAW_CONTROLS.test(line));
  // In a document JSON itself escapes what would break a line; the rest is data.
  if (!isDocument && raw !== undefined)
    faults.push(`raw control characters are on stdout: ${JSON.stringify(raw.slice(0, 200))}`);
  if (linesMax !== undefined && lines.length > linesMax)
    faults.push(`stdout has ${lines.length} lines, more than ${linesMax}`);
  return faults;
}

/** Old sessions lie in the trash as they were; everything else is where and as it was. */
export function treeFaults(before: Files, after: Files, isOld: (path: string) => boolean): string[] {
  const trashed = new Map<string, FileState>();
  for (const [path, state] of after) {
    const origin = /^session-sweeper\/trash\/[^/]+\/(.+)$/s.exec(path)?.[1];
    if (origin !== undefined) trashed.set(origin, state);
  }
  const faults: string[] = [];
  for (const [path, state] of before) {
    const [here, there] = isOld(path) ? [trashed, after] : [after, trashed];
    if (!isDeepStrictEqual(here.get(path), state)) faults.push(`${JSON.stringify(path)} is not what it was`);
    if (there.has(path)) faults.push(`${JSON.stringify(path)} is where it should not be`);
  }
  const strays = [...after.keys()].filter((path) => !before.has(path) && !path.startsWith('session-sweeper/'));
  return [...faults, ...strays.map((path) => `${JSON.stringify(path)} is new`)];
}
