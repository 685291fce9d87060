/** A life: sixty days of one host, with all that befalls hosts, again and again. Nothing wanted is lost, no day goes without its prune, and what should go has gone. */

import { fileURLToPath } from 'node:url';
import { freshDirectory } from '../support/place.ts';
import { PROGRAM } from '../support/process.ts';
import { DAY_MS } from '../support/tree.ts';
import { type Harness, type HarnessOptions, type HarnessResult, inParallel } from './harness.ts';
import { type LifeReport, live } from './life/life.ts';
import type { WorkerForm } from './life/life-host.ts';
import { compileIdleClock, machineMissing } from './machine.ts';

const HANDS = 2;
const DAYS = 60;
const LIVES = { short: 1, full: 6 };
/** Until then either control has lost or left lying enough. */
const CONTROL_DAYS = 26;
const NAIVE_SCHEDULER = fileURLToPath(new URL('./controls/naive-scheduler.js', import.meta.url));

export const life: Harness = { name: 'life', missing: machineMissing, run: runLife };

async function runLife(options: HarnessOptions): Promise<HarnessResult> {
  const idleClock = compileIdleClock(options.directory);
  const one = (name: string, seed: number, form: WorkerForm, program: string, days: number): Promise<LifeReport> => {
    const directory = freshDirectory(options.directory, name);
    // From midnight on; the times that are given to files by the machine which runs this are older than that.
    const nowMs = Math.ceil(Date.now() / DAY_MS) * DAY_MS;
    return live({ directory, idleClock, nowMs, seed, form, program, days });
  };
  const { seed } = options;
  const lives: LifeReport[] = [];
  const broken: string[] = [];
  const ours = Array.from({ length: options.isShort ? LIVES.short : LIVES.full }, (_, number) => async () => {
    try {
      lives.push(await one(`life ${number}`, seed + number, number % 2 === 0 ? 'timer' : 'daemon', PROGRAM, DAYS));
    } catch (error) {
      broken.push(String(error));
    }
  });
  const controls: LifeReport[] = [];
  const naive = async () => void controls.push(await one('naive', seed, 'timer', NAIVE_SCHEDULER, CONTROL_DAYS));
  const nobody = async () => void controls.push(await one('nobody', seed, 'nobody', PROGRAM, CONTROL_DAYS));
  await inParallel([...ours, naive, nobody], HANDS, (work) => work());
  return judged(lives, broken, controls);
}

function judged(
  lives: readonly LifeReport[],
  broken: readonly string[],
  controls: readonly LifeReport[],
): HarnessResult {
  const count = (reports: readonly LifeReport[], of: (report: LifeReport) => number) =>
    reports.reduce((sum, report) => sum + of(report), 0);
  const lost = count(controls, ({ losses }) => losses.length);
  const missed = count(controls, ({ missedDays }) => missedDays.length);
  const left = count(controls, ({ others }) => others.length);
  const sessions = count(lives, (report) => report.sessions);
  const removed = count(lives, (report) => report.removed);
  const byClaude = count(lives, ({ deletedByClaude }) => deletedByClaude);
  return {
    cases: count(lives, ({ days }) => days),
    failures: [...broken, ...lives.flatMap(({ losses, missedDays, others }) => [...losses, ...missedDays, ...others])],
    control: `naive pruner, then none at all: ${lost} lost, ${missed} days without a prune, ${left} left lying`,
    isControlCaught: lost > 0 && missed > 0 && left > 0,
    figures: `days of ${lives.length} hosts, of which ${count(lives, ({ dueDays }) => dueDays)} with a prune due; ${sessions} sessions, ${removed} removed, ${byClaude} deleted by Claude with no name on them`,
  };
}
