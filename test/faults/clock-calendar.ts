/** Scenarios of the clock harness in which the clock is right, and the calendar, the zone or the process is not as every day. */

import { setTimeout as sleep } from 'node:timers/promises';
import { DAY_MS } from '../support/tree.ts';
import type { Host, Schedule } from './clock-host.ts';
import { expectOnceADay, HOUR_MS, MINUTE_MS, type Scenario } from './clock-scenario.ts';
import { type ChangeKind, localDate, nextChange } from './zones.ts';

const ZONES_FROM_MS = Date.UTC(2026, 6, 1);
const MORNING_MS = Date.UTC(2027, 4, 10, 4);
const DAILY: Schedule = { daily: '17 4 * * *', zone: 'UTC' };
const DUE_MS = Date.UTC(2027, 4, 10, 4, 17);

/** Zones that change in the night, at midnight, by half an hour, and for Ramadan. */
const ZONES = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'America/Havana', 'Africa/Casablanca'];

/** Made when they are needed, since the zone data are searched for their changes. */
export function calendarScenarios(): readonly Scenario[] {
  return [
    ...ZONES.flatMap((zone) => [changeOfZone(zone, 'gap'), changeOfZone(zone, 'repeat')]),
    restartInRepeat('Europe/Berlin'),
    restartInRepeat('America/New_York'),
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

/** On the day on which the wall clock skips or repeats the daily time, as on the days around it. */
function changeOfZone(zone: string, kind: ChangeKind): Scenario {
  const { atMs, daily } = nextChange(zone, ZONES_FROM_MS, kind);
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
function restartInRepeat(zone: string): Scenario {
  const { atMs, daily } = nextChange(zone, ZONES_FROM_MS, 'repeat');
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

async function restartQuickly(host: Host): Promise<void> {
  await host.machine.pass(DUE_MS - 2_000 - host.machine.wallMs);
  for (let restart = 0; host.machine.wallMs < DUE_MS + 2_000; restart += 1) {
    await host.startDaemon(DAILY);
    await sleep(restart % 3 === 0 ? 0 : 150);
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
