/** Scenarios of the clock harness in which the clock is right, and the calendar, the zone or the process is not as every day. */

import { DAY_MS } from '../support/tree.ts';
import type { Host, Schedule } from './clock-host.ts';
import { expectOnceADay, HOUR_MS, MINUTE_MS, type Scenario } from './clock-scenario.ts';
import { type Change, type ChangeKind, localDate, nextChange } from './zones.ts';

const ZONES_FROM_MS = Date.UTC(2026, 6, 1);
const MORNING_MS = Date.UTC(2027, 4, 10, 4);
const DAILY: Schedule = { daily: '17 4 * * *', zone: 'UTC' };
const DUE_MS = Date.UTC(2027, 4, 10, 4, 17);

/** Zones that change in the night, at midnight, by half an hour, by two hours, and for Ramadan. */
const ZONES: readonly string[] = [
  ...['Europe/Berlin', 'America/New_York', 'America/Havana', 'Australia/Lord_Howe', 'Antarctica/Troll'],
  'Africa/Casablanca',
];
/** Zones are given up, and zone data differ from one Node to the next; so many of them change in any. */
const ZONES_MIN = 4;
const NIGHTLY: readonly string[] = ['Europe/Berlin', 'America/New_York'];

/** Made when they are needed, since the zone data of the running Node are searched for their changes. */
export function calendarScenarios(): readonly Scenario[] {
  const zones = ZONES.flatMap((zone) => changesOf(zone) ?? []);
  if (zones.length < ZONES_MIN) throw new Error(`the zone data know of changes in ${zones.length} zones alone`);
  return [
    ...zones.flatMap(({ zone, gap, repeat }) => [
      changeOfZone(zone, 'gap', gap),
      changeOfZone(zone, 'repeat', repeat),
      ...(NIGHTLY.includes(zone) ? [restartInRepeat(zone, repeat)] : []),
    ]),
    days('leap day', { daily: '17 4 * * *', zone: 'Europe/Berlin' }, Date.UTC(2028, 1, 28, 3, 17), 3),
    days('midnight', { daily: '0 0 * * *', zone: 'America/New_York' }, Date.UTC(2027, 4, 10, 4), 3),
    days('year end', { daily: '59 23 * * *', zone: 'UTC' }, Date.UTC(2027, 11, 30, 23, 59), 3),
    { name: 'suspend over several intervals', isShort: true, fromMs: MORNING_MS, play: suspendForDays },
    { name: 'restart after 40 days', isShort: true, fromMs: MORNING_MS, play: restartAfterDowntime },
    { name: 'reboot after 5 days', isShort: false, fromMs: MORNING_MS, play: rebootAfterDowntime },
    { name: 'restart on the same day', isShort: false, fromMs: MORNING_MS, play: restartOnSameDay },
    { name: 'quick restarts', isShort: true, fromMs: MORNING_MS, play: restartQuickly },
    { name: 'another zone after a restart', isShort: false, fromMs: MORNING_MS, play: moveZone },
  ];
}

interface ChangingZone {
  readonly zone: string;
  readonly gap: Change;
  readonly repeat: Change;
}

function changesOf(zone: string): ChangingZone | undefined {
  const [gap, repeat] = [nextChange(zone, ZONES_FROM_MS, 'gap'), nextChange(zone, ZONES_FROM_MS, 'repeat')];
  return gap === undefined || repeat === undefined ? undefined : { zone, gap, repeat };
}

/** On the day on which the wall clock skips or repeats the daily time, as on the days around it. */
function changeOfZone(zone: string, kind: ChangeKind, { atMs, daily }: Change): Scenario {
  const play = async (host: Host) => {
    await host.startDaemon({ daily, zone });
    for (const hours of [-25, -20, -10, -4]) await host.passTo(atMs + hours * HOUR_MS);
    for (let minutes = -120; minutes <= 150; minutes += 20) await host.passTo(atMs + minutes * MINUTE_MS);
    for (const hours of [4, 12, 22, 27, 40]) await host.passTo(atMs + hours * HOUR_MS);
    expectOnceADay(
      host,
      zone,
      [-DAY_MS, 0, DAY_MS].map((byMs) => localDate(atMs + byMs, zone)),
    );
    host.expectPruned();
  };
  const isShort = zone === 'Europe/Berlin';
  return { name: `${kind} in ${zone}`, isShort, fromMs: atMs - 30 * HOUR_MS, play };
}

/** A worker that starts in the repeated hour sees a daily time ahead that has been before. */
function restartInRepeat(zone: string, { atMs, daily }: Change): Scenario {
  const play = async (host: Host) => {
    await host.startDaemon({ daily, zone });
    for (const minutes of [-90, -45, -10, 10, 20, 45, 75]) {
      await host.passTo(atMs + minutes * MINUTE_MS);
      await host.stopDaemon();
      await host.startDaemon({ daily, zone });
    }
    await host.passTo(atMs + 4 * HOUR_MS);
    expectOnceADay(host, zone, [localDate(atMs, zone)]);
  };
  return { name: `restarts in the repeated hour of ${zone}`, isShort: false, fromMs: atMs - 4 * HOUR_MS, play };
}

function days(name: string, schedule: Schedule, dueMs: number, count: number): Scenario {
  const dues = Array.from({ length: count }, (_, day) => dueMs + day * DAY_MS);
  const play = async (host: Host) => {
    await host.startDaemon(schedule);
    for (const due of dues) await host.passThrough(due);
    expectOnceADay(
      host,
      schedule.zone,
      dues.map((due) => localDate(due, schedule.zone)),
    );
    host.expectPruned();
  };
  return { name, isShort: false, fromMs: dueMs - 17 * MINUTE_MS, play };
}

async function suspendForDays(host: Host): Promise<void> {
  await host.startDaemon(DAILY);
  await host.passThrough(DUE_MS);
  await host.suspend(3 * DAY_MS + 6 * HOUR_MS);
  await host.pass(HOUR_MS);
  await host.passThrough(DUE_MS + 4 * DAY_MS);
  expectOnceADay(host, 'UTC', ['2027-05-10', '2027-05-13', '2027-05-14']);
  host.expectPruned();
}

async function restartAfterDowntime(host: Host): Promise<void> {
  await host.startDaemon(DAILY);
  await host.passThrough(DUE_MS);
  await host.stopDaemon();
  await host.machine.pass(40 * DAY_MS);
  await host.startDaemon(DAILY);
  await host.pass(HOUR_MS);
  await host.passThrough(DUE_MS + 41 * DAY_MS);
  expectOnceADay(host, 'UTC', ['2027-05-10', '2027-06-19', '2027-06-20']);
  host.expectPruned();
}

async function rebootAfterDowntime(host: Host): Promise<void> {
  await host.startDaemon(DAILY);
  await host.passThrough(DUE_MS);
  await host.stopDaemon();
  await host.machine.reboot(5 * DAY_MS);
  await host.startDaemon(DAILY);
  await host.pass(HOUR_MS);
  await host.passThrough(DUE_MS + 6 * DAY_MS);
  expectOnceADay(host, 'UTC', ['2027-05-10', '2027-05-15', '2027-05-16']);
  host.expectPruned();
}

async function restartOnSameDay(host: Host): Promise<void> {
  await host.startDaemon(DAILY);
  await host.passThrough(DUE_MS);
  for (const passedMs of [MINUTE_MS, 5 * HOUR_MS, 14 * HOUR_MS]) {
    await host.stopDaemon();
    await host.machine.pass(passedMs);
    await host.startDaemon(DAILY);
  }
  expectOnceADay(host, 'UTC', ['2027-05-10']);
}

/** How far from the daily time the worker is started, each time to be ended at once; as real time goes on, that much or later. */
const RESTARTS_AT_MS = [-2_000, -500, -100, -20, -5, -1, 0, 1, 20, 100, 500, 2_000];

/** Whenever an end comes, before the run, in it or after it: in the end the day has had its run. */
async function restartQuickly(host: Host): Promise<void> {
  for (const [restart, offsetMs] of RESTARTS_AT_MS.entries()) {
    await host.machine.pass(Math.max(0, DUE_MS + offsetMs - host.machine.wallMs));
    await host.startBusyDaemon(DAILY);
    await host.stopDaemon(restart % 2 === 0 ? 'SIGKILL' : 'SIGTERM');
  }
  await host.startDaemon(DAILY);
  await host.pass(HOUR_MS);
  expectOnceADay(host, 'UTC', ['2027-05-10']);
  host.expectPruned();
}

/** Each date of the zone that is in force at the time has one run. */
async function moveZone(host: Host): Promise<void> {
  await host.startDaemon({ ...DAILY, zone: 'Europe/Berlin' });
  await host.passThrough(Date.UTC(2027, 4, 11, 2, 17));
  await host.stopDaemon();
  await host.startDaemon({ ...DAILY, zone: 'America/New_York' });
  await host.pass(HOUR_MS);
  await host.passThrough(Date.UTC(2027, 4, 11, 8, 17));
  await host.stopDaemon();
  await host.startDaemon({ ...DAILY, zone: 'Asia/Tokyo' });
  await host.pass(HOUR_MS);
  await host.passThrough(Date.UTC(2027, 4, 11, 19, 17));
  const times = host.prunes().map(({ startedAtMs }) => new Date(startedAtMs).toISOString().slice(5, 16));
  const expected = ['05-11T02:17', '05-11T08:17', '05-11T19:17'];
  const ran = times.slice(-3).join();
  host.expect(ran === expected.join(), 'run', () => `runs at ${ran}, not at ${expected}`);
}
