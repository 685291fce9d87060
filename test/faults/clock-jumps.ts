/** Scenarios of the clock harness in which the wall clock is wrong, becomes wrong or is set right. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Exit } from '../support/process.ts';
import { DAY_MS } from '../support/tree.ts';
import { type Host, LONGEST_WAIT_MS, type Schedule } from './clock-host.ts';
import { expectOnceADay, HOUR_MS, MINUTE_MS, type Scenario } from './clock-scenario.ts';

const DAILY: Schedule = { daily: '17 4 * * *', zone: 'UTC' };
const HOURLY: Schedule = { daily: '17 * * * *', zone: 'UTC' };
const MORNING_MS = Date.UTC(2027, 4, 10, 4);
const DUE_MS = Date.UTC(2027, 4, 10, 4, 17);
const JUMP_MS = 40 * DAY_MS;
const HELD = 77;

const scenario = (name: string, play: Scenario['play'], options: Partial<Scenario> = {}): Scenario => {
  return { name, isShort: false, fromMs: MORNING_MS, play, ...options };
};

export const JUMP_SCENARIOS: readonly Scenario[] = [
  scenario('forward 40 days', jumpForward, { isShort: true }),
  scenario('forward 40 days, looked at every hour', jumpForwardHourly),
  scenario('forward 40 days and back', jumpForwardAndBack),
  scenario('back 40 days', jumpBack, { isShort: true }),
  scenario('back 40 days and forward', jumpBackAndForward),
  scenario('back by 90 s after the daily run', stepBack),
  scenario('forward by 90 s over the daily time', stepForward),
  scenario('set 40 days ahead while the worker is down', startAhead),
  scenario('start of the machine with a clock 40 days ahead', bootAhead, { isShort: true }),
  scenario('start of the machine in 1970', bootIn1970),
  scenario('first start with a clock 40 days ahead', firstStartAhead, { isBare: true }),
  scenario('set right by 40 days', setRight, { isBare: true }),
  scenario('ledger from the future', futureLedger, { isBare: true }),
  scenario('by hand with a ledger from the future', futureLedgerByHand, { isBare: true }),
  scenario('by hand with a clock 40 days ahead', runNowAhead, { isShort: true }),
  scenario('by hand after the start of the machine with a clock 40 days ahead', runNowAfterBootAhead),
  scenario('by hand when the machine was off for 40 days', runNowAfterAbsence),
];

async function jumpForward(host: Host): Promise<void> {
  await host.startDaemon(DAILY);
  await host.passThrough(DUE_MS);
  expectOnceADay(host, 'UTC', ['2027-05-10']);
  await host.jump(JUMP_MS);
  for (let hour = 0; hour < 6; hour += 1) await host.pass(HOUR_MS);
  expectLeftOut(host);
  await host.stopDaemon();
}

async function jumpForwardHourly(host: Host): Promise<void> {
  await host.startDaemon(HOURLY);
  await host.pass(HOUR_MS);
  await host.jump(JUMP_MS);
  for (let hour = 0; hour < 12; hour += 1) await host.pass(HOUR_MS);
  expectLeftOut(host);
  await host.stopDaemon();
}

async function jumpForwardAndBack(host: Host): Promise<void> {
  await host.startDaemon(DAILY);
  await host.passThrough(DUE_MS);
  await host.jump(JUMP_MS);
  await host.pass(HOUR_MS);
  await host.jump(-JUMP_MS);
  await expectRecovery(host);
}

async function jumpBack(host: Host): Promise<void> {
  await host.startDaemon(DAILY);
  await host.passThrough(DUE_MS);
  await host.jump(-JUMP_MS);
  await expectDailyByWall(host);
  await host.stopDaemon();
}

async function jumpBackAndForward(host: Host): Promise<void> {
  await host.startDaemon(DAILY);
  await host.passThrough(DUE_MS);
  await host.jump(-JUMP_MS);
  await host.pass(HOUR_MS);
  await host.jump(JUMP_MS);
  await expectRecovery(host);
}

/** What NTP does to a clock that is a little fast: the daily time comes again, the run does not. */
async function stepBack(host: Host): Promise<void> {
  await host.startDaemon(DAILY);
  await host.passThrough(DUE_MS);
  await host.pass(LONGEST_WAIT_MS);
  await host.jump(-90_000);
  for (let minute = 0; minute < 5; minute += 1) await host.pass(MINUTE_MS);
  await host.stopDaemon();
  await host.startDaemon(DAILY);
  await host.passThrough(DUE_MS + DAY_MS);
  expectOnceADay(host, 'UTC', ['2027-05-10', '2027-05-11']);
  host.expectPruned();
}

async function stepForward(host: Host): Promise<void> {
  await host.startDaemon(DAILY);
  await host.passTo(DUE_MS - MINUTE_MS);
  await host.jump(90_000);
  await host.pass(HOUR_MS);
  await host.passThrough(DUE_MS + DAY_MS);
  expectOnceADay(host, 'UTC', ['2027-05-10', '2027-05-11']);
  host.expectPruned();
}

async function startAhead(host: Host): Promise<void> {
  await host.machine.pass(HOUR_MS);
  await host.machine.jump(JUMP_MS);
  await startWrongThenCorrect(host);
}

async function bootAhead(host: Host): Promise<void> {
  await host.machine.reboot(HOUR_MS);
  await host.machine.jump(JUMP_MS);
  await startWrongThenCorrect(host);
}

/** A machine without a battery: until NTP has an answer, the time is that of the beginning of all times. */
async function bootIn1970(host: Host): Promise<void> {
  await host.machine.reboot(HOUR_MS);
  await host.machine.jump(20_000 - host.machine.wallMs);
  await startWrongThenCorrect(host);
}

async function firstStartAhead(host: Host): Promise<void> {
  await host.furnish();
  await host.machine.jump(JUMP_MS);
  await startWrongThenCorrect(host);
}

/** What was missed by the wrong clock is due at once. */
async function startWrongThenCorrect(host: Host): Promise<void> {
  await host.startDaemon(DAILY);
  await sleep(50);
  await host.pass(3 * MINUTE_MS);
  await host.jump(-host.machine.errorMs);
  await expectRecovery(host);
}

/** The clock was behind for as long as the ledger knows, and is right from now on. */
async function setRight(host: Host): Promise<void> {
  await host.machine.jump(-JUMP_MS);
  await host.runFirst();
  await host.furnish();
  await host.startDaemon(DAILY);
  await host.pass(MINUTE_MS);
  await host.jump(JUMP_MS);
  host.expect(host.removedCount() === 0, 'removal', () => `${host.removedCount()} sessions go before a second look`);
  await expectRecovery(host);
}

async function makeFutureLedger(host: Host): Promise<void> {
  await host.machine.jump(JUMP_MS);
  await host.runFirst();
  await host.machine.jump(-JUMP_MS);
  await host.furnish();
}

async function futureLedger(host: Host): Promise<void> {
  await makeFutureLedger(host);
  await host.startDaemon(DAILY);
  await host.passThrough(DUE_MS);
  host.expect(host.removedCount() === 0, 'removal', () => `${host.removedCount()} sessions go before a second look`);
  expectLeftOut(host);
  await expectRecovery(host);
}

async function futureLedgerByHand(host: Host): Promise<void> {
  await makeFutureLedger(host);
  expectRefused(host, await host.runNow(), 0);
  expectDone(host, await host.runNow('--allow-mass-removal'));
}

async function runNowAhead(host: Host): Promise<void> {
  await host.machine.pass(HOUR_MS);
  const removed = host.removedCount();
  await host.machine.jump(JUMP_MS);
  expectRefused(host, await host.runNow(), removed);
  expectRefused(host, await host.runNow(), removed);
  await host.machine.jump(-JUMP_MS);
  await host.machine.pass(HOUR_MS);
  expectDone(host, await host.runNow());
}

async function runNowAfterBootAhead(host: Host): Promise<void> {
  const removed = host.removedCount();
  await host.machine.reboot(HOUR_MS);
  await host.machine.jump(JUMP_MS);
  expectRefused(host, await host.runNow(), removed);
  await host.machine.jump(-JUMP_MS);
  expectDone(host, await host.runNow());
}

/** Whatever it says at first: an operator who knows better has the last word. */
async function runNowAfterAbsence(host: Host): Promise<void> {
  await host.machine.reboot(JUMP_MS);
  await host.runNow();
  expectDone(host, await host.runNow('--allow-mass-removal'));
}

/** The clock is right now: within two days the daily run is what it was, and at no time was there a second one on one day. */
async function expectRecovery(host: Host): Promise<void> {
  await expectDailyByWall(host);
  host.expectPruned();
}

async function expectDailyByWall(host: Host): Promise<void> {
  const runsBefore = host.prunes().length;
  const dueMs = Math.ceil((host.machine.wallMs - DUE_MS) / DAY_MS) * DAY_MS + DUE_MS;
  for (const day of [0, 1]) await host.passThrough(dueMs + day * DAY_MS);
  const outcomes = host
    .prunes()
    .slice(runsBefore)
    .map(({ outcome }) => outcome)
    .filter((outcome) => outcome !== 'held');
  const isDaily = outcomes.length > 0 && outcomes.length <= 2 && outcomes.at(-1) === 'ok';
  host.expect(isDaily, 'run', () => `in two days there are ${outcomes.length} prunes: ${outcomes.join(', ')}`);
}

/** The last prune was none, and the log says that it is for the clock. */
function expectLeftOut(host: Host): void {
  const outcome = host.prunes().at(-1)?.outcome;
  const isLeftOut = outcome === 'held';
  host.expect(isLeftOut, 'run', () => `the last prune by a clock that is not to be believed is ${outcome ?? 'none'}`);
  const isSaid = host.log.split('\n').some((line) => /"job":"prune-transcripts","outcome":"held".*clock/.test(line));
  host.expect(isSaid, 'other', () => 'the log does not say that the clock is the reason');
}

function expectRefused(host: Host, { code, stdout, stderr }: Exit, removed: number): void {
  host.expect(code === HELD, 'run', () => `it ends with ${code}, not with ${HELD}`);
  const isSaid = /clock/.test(stdout + stderr) && /--allow-mass-removal/.test(stdout + stderr);
  host.expect(isSaid, 'other', () => `it does not say why, or how to allow it: ${stdout.slice(0, 300)}`);
  const count = host.removedCount();
  host.expect(
    count === removed,
    'removal',
    () => `${count - removed} sessions go by a clock that is not to be believed`,
  );
}

function expectDone(host: Host, { code, stdout }: Exit): void {
  host.expect(code === 0, 'run', () => `with a clock that is right, it ends with ${code}: ${stdout.slice(0, 300)}`);
  host.expectPruned();
}
