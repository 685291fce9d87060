/** Clocks that jump, days that have 23 hours, machines that sleep: nothing goes before its time, and a day has one daily run. */

import { fileURLToPath } from 'node:url';
import { freshDirectory } from '../support/place.ts';
import { PROGRAM } from '../support/process.ts';
import { calendarScenarios } from './clock-calendar.ts';
import { type Fault, Host } from './clock-host.ts';
import { JUMP_SCENARIOS } from './clock-jumps.ts';
import type { Scenario } from './clock-scenario.ts';
import { type Harness, type HarnessOptions, type HarnessResult, inParallel } from './harness.ts';
import { compileIdleClock, machineMissing } from './machine.ts';

const HANDS = 2;
const NAIVE_SCHEDULER = fileURLToPath(new URL('./controls/naive-scheduler.js', import.meta.url));
/** Enough to see the control remove what it should not, run twice, and not run. */
const CONTROL_SCENARIOS = ['by hand with a clock 40 days ahead', 'repeat in Europe/Berlin', 'restart after 40 days'];
const SEEDS = 1_000;

export const clock: Harness = {
  name: 'clock',
  missing: machineMissing,
  run: runClock,
};

async function runClock(options: HarnessOptions): Promise<HarnessResult> {
  const idleClock = compileIdleClock(options.directory);
  const all = [...JUMP_SCENARIOS, ...calendarScenarios()];
  const chosen = all.filter(({ isShort }) => isShort || !options.isShort);
  const failures: string[] = [];
  await inParallel(chosen, HANDS, async (scenario) => {
    const faults = await playOne(scenario, PROGRAM, idleClock, options);
    failures.push(...faults.map(({ message }) => `${scenario.name}: ${message}`));
  });
  const controlFaults: Fault[] = [];
  const controls = all.filter(({ name }) => CONTROL_SCENARIOS.includes(name));
  await inParallel(controls, HANDS, async (scenario) => {
    controlFaults.push(...(await playOne(scenario, NAIVE_SCHEDULER, idleClock, options)));
  });
  const removals = controlFaults.filter(({ kind }) => kind === 'removal').length;
  const runs = controlFaults.filter(({ kind }) => kind === 'run').length;
  return {
    cases: chosen.length,
    failures,
    control: `naive scheduler: ${removals} wrong removals, ${runs} days with none or two runs`,
    isControlCaught: removals > 0 && runs > 0,
  };
}

async function playOne(
  scenario: Scenario,
  program: string,
  idleClock: string,
  { directory, seed }: HarnessOptions,
): Promise<readonly Fault[]> {
  const name = `${program === PROGRAM ? 'worker' : 'control'} ${scenario.name}`.replaceAll('/', ' ');
  const host = new Host({
    directory: freshDirectory(directory, name),
    idleClock,
    nowMs: scenario.fromMs,
    seed: seed % SEEDS,
    program,
  });
  try {
    if (scenario.isBare !== true) {
      await host.furnish();
      await host.runFirst();
    }
    await scenario.play(host);
  } catch (error) {
    host.fault('other', `${String(error)}; it logged ${host.log.slice(-500)}`);
  } finally {
    await host.machine.killAll();
  }
  return host.faults;
}
