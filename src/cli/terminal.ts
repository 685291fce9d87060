/** Tables, colours and a progress bar where a person looks on; plain text where a program does. */

import { createRequire } from 'node:module';
import type { SingleBar } from 'cli-progress';
import pc from 'picocolors';
import { formatBytes } from '../format/byte-size.ts';
import { formatDurationRounded } from '../format/duration.ts';
import { escapeControls } from '../format/shown-text.ts';
import type { JobProgress } from '../jobs/job.ts';

/** Of what only some output needs. */
const load = createRequire(import.meta.url);

/** The part of a stream that output needs; `process.stdout` has this shape. */
export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export type Colors = ReturnType<typeof pc.createColors>;

/** https://no-color.org: any value that is not empty turns colours off. */
export function colorsFor(stream: OutputStream, environment: Readonly<Record<string, string | undefined>>): Colors {
  const isWanted = stream.isTTY === true && !environment.NO_COLOR && environment.TERM !== 'dumb';
  return pc.createColors(isWanted);
}

/** Columns with two spaces between, no frame: good for eyes and for `awk`. */
export function renderTable(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  colors: Colors,
  rightAligned: readonly number[] = [],
): string {
  const Table = load('cli-table3') as typeof import('cli-table3');
  const table = new Table({
    head: heading.map((title) => colors.bold(title)),
    colAligns: heading.map((_, column) => (rightAligned.includes(column) ? 'right' : 'left')),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '',
    },
  });
  for (const row of rows) table.push(row.map(escapeControls));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

export function formatAge(timeMs: number, nowMs: number): string {
  if (!Number.isFinite(timeMs)) return '?';
  return timeMs > nowMs ? 'in the future' : `${formatDurationRounded(nowMs - timeMs)} ago`;
}

export function formatTime(timeMs: number | undefined): string {
  const date = new Date(timeMs ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? '-' : `${date.toISOString().slice(0, 16)}Z`;
}

export function formatCount(count: number, one: string, many = `${one}s`): string {
  return `${grouped(count)} ${count === 1 ? one : many}`;
}

/** `1234567` → `1,234,567`; loading the locales that Node has for it takes longer than a small run. */
function grouped(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

export function formatAmount(amount: {
  readonly sessions: number;
  readonly files?: number;
  readonly bytes: number;
}): string {
  const files = amount.files === undefined ? '' : `, ${formatCount(amount.files, 'file')}`;
  return `${formatCount(amount.sessions, 'session')}${files}, ${formatBytes(amount.bytes)}`;
}

/** `3 expired, 1 orphan`; what is 0 is left out. */
export function formatReasons(countByReason: Readonly<Record<string, number>>): string {
  const entries = Object.entries(countByReason).filter(([, count]) => count > 0);
  return entries
    .sort(([, left], [, right]) => right - left)
    .map(([reason, count]) => `${grouped(count)} ${reason}`)
    .join(', ');
}

export interface ProgressDisplay {
  show(progress: JobProgress): void;
  clear(): void;
}

const PHASES: Readonly<Record<JobProgress['phase'], string>> = {
  scan: 'looking at sessions',
  remove: 'moving to the trash',
  purge: 'purging',
  sweep: 'looking at rows',
};

/** A bar on a terminal's stderr, and nothing anywhere else. */
export function progressOn(stream: NodeJS.WriteStream): ProgressDisplay {
  if (!stream.isTTY) return { show: () => undefined, clear: () => undefined };
  let bar: SingleBar | undefined;
  const clear = () => {
    bar?.stop();
    bar = undefined;
  };
  return {
    clear,
    show: ({ phase, done, total }) => {
      if (bar === undefined) {
        const { Presets, SingleBar } = load('cli-progress') as typeof import('cli-progress');
        bar = new SingleBar(
          { stream, clearOnComplete: true, hideCursor: true, format: '{phase} {bar} {value}{of}' },
          Presets.shades_classic,
        );
        bar.start(total ?? done, 0, { phase: '', of: '' });
      }
      bar.setTotal(total ?? done);
      bar.update(done, { phase: PHASES[phase], of: total === undefined ? '' : ` of ${total}` });
    },
  };
}
