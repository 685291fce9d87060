/** The plan of a tree that no disk here holds, by simulation of the table that a scan fills. */

import { execFileSync } from 'node:child_process';
import { MB, median, programOf } from '../measure.ts';
import { type BenchOptions, type Measured, type Row, showSeconds } from '../row.ts';

const SESSIONS = { full: 10_000_000, short: 20_000 };
const SHARE = 10;

export const simulate: Row = { name: 'simulate', run: runSimulate };

interface Simulated {
  readonly tableMs: number;
  readonly planMs: number;
  readonly peakBytes: number;
}

async function runSimulate({ isShort, repeat, tell }: BenchOptions): Promise<readonly Measured[]> {
  const sessions = SESSIONS[isShort ? 'short' : 'full'];
  const [many, few] = [measure(sessions, repeat, tell), measure(sessions / SHARE, repeat, tell)];
  const [manySessions, fewSessions] = [sessions, sessions / SHARE].map((count) => count.toLocaleString('en'));
  const compared = (name: string, show: (value: number) => string, of: (one: Simulated) => number): Measured => {
    const [ours, beside] = [median(many.map(of)), median(few.map(of))];
    return {
      name: `simulate: ${name}`,
      ours: `${show(ours)} (${manySessions} sessions)`,
      beside: `${show(beside)} (${fewSessions})`,
      ratio: ours / beside,
      reach: '-',
      isReached: undefined,
    };
  };
  const seconds = (ms: number) => showSeconds(ms / 1_000);
  return [
    compared('table', seconds, ({ tableMs }) => tableMs),
    compared('plan', seconds, ({ planMs }) => planMs),
    compared(
      'memory',
      (bytes) => `${(bytes / MB).toFixed(0)} MB`,
      ({ peakBytes }) => peakBytes,
    ),
  ];
}

function measure(sessions: number, repeat: number, tell: (line: string) => void): Simulated[] {
  return Array.from({ length: repeat }, () => {
    const text = execFileSync(process.execPath, [programOf('simulate-plan'), String(sessions)], { encoding: 'utf8' });
    tell(`${sessions} sessions: ${text.trim()}`);
    return JSON.parse(text) as Simulated;
  });
}
