import { describe, expect, it } from 'vitest';
import {
  CLOCK_MARGIN_MS,
  judgeProcessRecord,
  parseProcessRecord,
  parseRecordName,
  type RecordVerdict,
  UNCHECKED_PROTECTS_MS,
} from '../../src/claude-dir/process-records.ts';
import { HERE, type OtherMachine, otherMachine } from '../support/other-machine.ts';
import { DAY_MS, sessionIdOf } from '../support/tree.ts';
import { NOW } from '../support/units.ts';

const ID = sessionIdOf(1);
const OTHER = sessionIdOf(2);
const PID = 4242;
/** As Claude Code 2.1.329 wrote it. */
const WRITTEN = {
  pid: PID,
  sessionId: ID,
  cwd: '/srv/app',
  startedAt: NOW - 2 * DAY_MS,
  procStart: '500',
  version: '2.1.329',
  peerProtocol: 1,
  peerFeatures: ['notify_idle'],
  kind: 'interactive',
  entrypoint: 'cli',
  pidDomain: HERE,
  status: 'idle',
  updatedAt: NOW - DAY_MS,
};

function textOf(overrides: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ ...WRITTEN, ...overrides });
}

/** A record's text up to a field, as a power cut leaves it. */
function cutBefore(field: string): string {
  return textOf().slice(0, textOf().indexOf(`"${field}"`));
}

function judge(
  text: string,
  { ageMs = DAY_MS, ...machine }: OtherMachine & { readonly ageMs?: number } = {},
): RecordVerdict {
  return judgeProcessRecord(parseProcessRecord(text, false), PID, NOW - ageMs, otherMachine(machine), NOW);
}

describe('the name of a record', () => {
  it('gives the pid', () => {
    expect(['1.json', '4242.json', '4194304.json'].map(parseRecordName)).toEqual([1, 4242, 4194304]);
  });

  it.each([
    'README',
    'x.json',
    '0.json',
    '0100.json',
    '-1.json',
    '100.json.tmp',
    '100.JSON',
    `4242.${'a'.repeat(64)}.key`,
  ])('is not %s', (name) => {
    expect(parseRecordName(name)).toBeUndefined();
  });
});

describe('the text of a record', () => {
  it('is read as Claude writes it', () => {
    expect(parseProcessRecord(textOf(), false)).toEqual({
      sessionIds: [ID],
      procStart: '500',
      pidDomain: HERE,
      startedAtMs: NOW - 2 * DAY_MS,
      version: '2.1.329',
      isWhole: true,
    });
  });

  it('names every session of its fields, in any case and behind a byte order mark', () => {
    const text = `\uFEFF${textOf({ sessionId: ID.toUpperCase(), resumeSessionId: OTHER, messagingSocketPath: sessionIdOf(3) })}`;
    expect(parseProcessRecord(text, false)).toMatchObject({ sessionIds: [ID, OTHER], isWhole: true });
  });

  it('that is cut off gives what can be made out, and only what has its end', () => {
    expect(parseProcessRecord(cutBefore('kind'), false)).toMatchObject({
      sessionIds: [ID],
      procStart: '500',
      pidDomain: undefined,
      isWhole: false,
    });
    const inTheMidstOfStart = textOf().slice(0, textOf().indexOf('"500"') + 3);
    expect(parseProcessRecord(inTheMidstOfStart, false)).toMatchObject({ sessionIds: [ID], procStart: undefined });
    expect(parseProcessRecord(textOf(), true)).toMatchObject({ sessionIds: [ID], pidDomain: HERE, isWhole: false });
  });

  it.each([
    '',
    '\0\0\0\0',
    'null',
    '7',
    '"x"',
    '[]',
    '[[[',
    '{"pid":4242,"sessionId":"',
    'x'.repeat(1_000),
    '{'.repeat(60_000),
  ])('that is %j gives nothing', (text) => {
    expect(parseProcessRecord(text, false)).toMatchObject({ sessionIds: [], isWhole: false });
  });
});

describe('a record of this machine', () => {
  const alive: OtherMachine = { running: { [PID]: '500' } };

  it('protects while its very process runs, however old it is', () => {
    expect(judge(textOf(), { ...alive, ageMs: 400 * DAY_MS })).toEqual({ kind: 'running', sessionIds: [ID] });
    expect(judge(textOf({ procStart: 500 }), alive)).toEqual({ kind: 'running', sessionIds: [ID] });
  });

  it('is stale where the process has ended', () => {
    expect(judge(textOf())).toEqual({ kind: 'stale', reason: 'its process has ended' });
  });

  it('is stale where the pid is another process by now', () => {
    const reused = { kind: 'stale', reason: 'its pid is another process by now' };
    expect(judge(textOf(), { running: { [PID]: '501' } })).toEqual(reused);
  });

  it.each([null, '', {}, [], true, 'soon'])('whose start is %j protects while what runs may be it', (procStart) => {
    const startedAt = (startedAtMs: number): OtherMachine => {
      return { running: { [PID]: { startTicks: '900', startedAtMs } } };
    };
    const text = textOf({ procStart });
    expect(judge(text, alive)).toMatchObject({ kind: 'running' });
    // Written a day ago.
    expect(judge(text, startedAt(NOW - 2 * DAY_MS))).toMatchObject({ kind: 'running' });
    expect(judge(text, { ...startedAt(NOW - DAY_MS / 2), ageMs: DAY_MS })).toMatchObject({ kind: 'running' });
    expect(judge(text, { ...startedAt(NOW - DAY_MS), ageMs: 3 * DAY_MS })).toMatchObject({ kind: 'stale' });
  });

  it('is judged by the boot where /proc hides the process', () => {
    const hidden = { running: { [PID]: { startTicks: undefined, startedAtMs: undefined } } };
    expect(judge(textOf(), { ...hidden, bootedAtMs: NOW - 5 * DAY_MS })).toMatchObject({ kind: 'running' });
    expect(judge(textOf(), { ...hidden, bootedAtMs: NOW - 5 * DAY_MS, ageMs: 7 * DAY_MS })).toMatchObject({
      kind: 'stale',
    });
    expect(judge(textOf(), { ...hidden, ageMs: 400 * DAY_MS })).toMatchObject({ kind: 'running' });
  });

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['no session', { sessionId: undefined }],
    ['an id that is none', { sessionId: '../../etc' }],
    ['a number', { sessionId: 7 }],
    ['a list', { sessionId: [ID] }],
  ])('that names %s holds back what was written since its process began', (_, overrides) => {
    const running = { [PID]: { startTicks: '500', startedAtMs: NOW - 10 * DAY_MS } };
    expect(judge(textOf(overrides), { running })).toEqual({
      kind: 'unnamed',
      sinceMs: NOW - 10 * DAY_MS - CLOCK_MARGIN_MS,
    });
    expect(judge(textOf(overrides))).toMatchObject({ kind: 'stale' });
  });
});

describe('a record that is empty or cut off', () => {
  it.each(['', '\0\0', '{"pid":4242', '[]'])('is stale where no process runs under its pid: %j', (text) => {
    expect(judge(text)).toEqual({ kind: 'stale', reason: 'its process has ended' });
    expect(judge(text, { ageMs: 0 })).toMatchObject({ kind: 'stale' });
  });

  it('is stale where what runs under its pid is younger: it is from before the boot, or from another process', () => {
    const running = { [PID]: { startTicks: '5', startedAtMs: NOW - DAY_MS } };
    expect(judge('', { running, ageMs: 40 * DAY_MS })).toEqual({
      kind: 'stale',
      reason: 'its pid is another process by now',
    });
  });

  it('of a process that may be at work holds back what was written since that began', () => {
    const running = { [PID]: { startTicks: '5', startedAtMs: NOW - 50 * DAY_MS } };
    expect(judge('', { running, ageMs: 40 * DAY_MS })).toEqual({
      kind: 'unnamed',
      sinceMs: NOW - 50 * DAY_MS - CLOCK_MARGIN_MS,
    });
  });

  it('holds back everything where not even the boot can be told', () => {
    expect(judge('', { running: { [PID]: '5' } })).toEqual({ kind: 'unnamed', sinceMs: Number.NEGATIVE_INFINITY });
  });

  it('protects the session that can be made out in it, and no other', () => {
    const running = { [PID]: '500' };
    expect(judge(cutBefore('cwd'), { running })).toEqual({ kind: 'running', sessionIds: [ID] });
    expect(judge(cutBefore('kind'), { running: { [PID]: '501' } })).toMatchObject({ kind: 'stale' });
    expect(judge(textOf().slice(0, -1), { machineId: 'b-machine' })).toMatchObject({ kind: 'unchecked' });
  });
});

describe('a record that cannot be checked', () => {
  const elsewhere: readonly (readonly [string, Readonly<Record<string, unknown>>, OtherMachine])[] = [
    ['of another machine', { pidDomain: 'linux:b-machine:pid:[1]' }, {}],
    ['of another pid namespace', { pidDomain: 'linux:a-machine:pid:[2]' }, {}],
    ['that does not say where', { pidDomain: undefined }, {}],
    ['that says nonsense of where', { pidDomain: 7 }, {}],
    ['on a machine that does not know its own name', {}, { machineId: undefined }],
    ['whose pid is another process here', { pidDomain: 'linux:b-machine:pid:[1]' }, { running: { [PID]: '501' } }],
  ];

  it.each(elsewhere)('%s protects for thirty days and no longer', (_, overrides, machine) => {
    const untilMs = NOW - DAY_MS + UNCHECKED_PROTECTS_MS;
    expect(judge(textOf(overrides), machine)).toEqual({ kind: 'unchecked', sessionIds: [ID], untilMs });
    expect(judge(textOf(overrides), { ...machine, ageMs: 30 * DAY_MS })).toMatchObject({ kind: 'unchecked' });
    expect(judge(textOf(overrides), { ...machine, ageMs: 30 * DAY_MS + 1 })).toEqual({
      kind: 'stale',
      reason: 'it is too old to be believed',
    });
  });

  it('protects at any age where this very process runs here, whatever it says of where', () => {
    for (const overrides of [{ pidDomain: undefined }, { pidDomain: 'linux::pid:[1]' }]) {
      const text = textOf(overrides);
      const running = { [PID]: '500' };
      expect(judge(text, { running, ageMs: 400 * DAY_MS })).toEqual({ kind: 'running', sessionIds: [ID] });
      expect(judge(text, { running, machineId: undefined, ageMs: 400 * DAY_MS })).toMatchObject({ kind: 'running' });
      expect(judge(text, { running: { [PID]: '501' }, ageMs: 400 * DAY_MS })).toMatchObject({ kind: 'stale' });
    }
  });

  it('and says neither where it belongs nor whom it names is judged as one that is damaged', () => {
    expect(judge('{}')).toMatchObject({ kind: 'stale' });
    const running = { [PID]: { startTicks: '5', startedAtMs: NOW - 50 * DAY_MS } };
    expect(judge('{}', { running, ageMs: 40 * DAY_MS })).toMatchObject({ kind: 'unnamed' });
  });

  it('and names no session holds back what was written since its process began, for as long', () => {
    const text = textOf({ pidDomain: 'linux:b-machine:pid:[1]', sessionId: undefined });
    expect(judge(text)).toEqual({ kind: 'unnamed', sinceMs: NOW - 2 * DAY_MS - CLOCK_MARGIN_MS });
    expect(judge(text, { ageMs: 31 * DAY_MS })).toMatchObject({ kind: 'stale' });
  });

  it('protects where it was written in the future: its age cannot be told', () => {
    expect(judge(textOf({ pidDomain: 'x' }), { ageMs: -400 * DAY_MS })).toMatchObject({ kind: 'unchecked' });
  });
});
