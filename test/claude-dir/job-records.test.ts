import { describe, expect, it } from 'vitest';
import { judgeUnreadableRoster, judgeWorker, parseJobState, parseRoster } from '../../src/claude-dir/job-records.ts';
import { CLOCK_MARGIN_MS, UNCHECKED_PROTECTS_MS } from '../../src/claude-dir/process-records.ts';
import { otherMachine } from '../support/other-machine.ts';
import { DAY_MS, sessionIdOf } from '../support/tree.ts';
import { NOW } from '../support/units.ts';

const [A, B, C] = [sessionIdOf(1), sessionIdOf(2), sessionIdOf(3)];

function isFinished(fields: unknown): boolean {
  return parseJobState(JSON.stringify(fields), false).isFinished;
}

describe('a job', () => {
  it.each([
    ...['done', 'failed', 'stopped', 'error', 'errored', 'cancelled', 'canceled', 'completed', 'complete', 'killed'],
    ...['aborted', 'archived', 'closed', 'ended', 'exited', 'expired', 'failure', 'finished', 'succeeded', 'success'],
    ...['terminated', 'timeout', 'timed_out', 'Done', 'STOPPED', ' done ', 'done\n'],
  ])('in the state %j has ended', (state) => {
    expect(isFinished({ sessionId: A, state })).toBe(true);
    expect(isFinished({ sessionId: A, state, tempo: 'idle' })).toBe(true);
  });

  it.each(['working', 'blocked', 'starting', 'resuming', 'crashed', 'running', 'hibernating', '', 'not done', 'done?'])(
    'in the state %j counts as at work',
    (state) => {
      expect(isFinished({ sessionId: A, state })).toBe(false);
    },
  );

  it.each([undefined, null, 7, true, ['done'], { done: true }])('in the state %j counts as at work', (state) => {
    expect(isFinished({ sessionId: A, state })).toBe(false);
  });

  it('that was given more to do after its end is at work', () => {
    expect(isFinished({ sessionId: A, state: 'done', tempo: 'active' })).toBe(false);
  });

  it('names all its sessions', () => {
    const text = JSON.stringify({
      sessionId: A,
      resumeSessionId: B,
      forkSessionId: C,
      bridgeSessionId: 'cse_1',
      intent: A,
    });
    expect(parseJobState(text, false).sessionIds).toEqual([A, B, C]);
    expect(parseJobState(JSON.stringify({ resumeSessionId: B.toUpperCase() }), false).sessionIds).toEqual([B]);
    expect(parseJobState(JSON.stringify({ state: 'working' }), false).sessionIds).toEqual([]);
    expect(parseJobState(`\uFEFF${text}`, false)).toMatchObject({ sessionIds: [A, B, C], isWhole: true });
  });

  it('that is cut off is at work, on what can be made out', () => {
    const text = JSON.stringify({ state: 'done', sessionId: A, resumeSessionId: B });
    expect(parseJobState(text.slice(0, -5), false)).toMatchObject({
      sessionIds: [A],
      isFinished: false,
      isWhole: false,
    });
    expect(parseJobState(text, true)).toMatchObject({ sessionIds: [A, B], isFinished: false, isWhole: false });
  });

  it.each(['', 'null', '[]', '7', '\0\0'])('that holds %j says nothing', (text) => {
    expect(parseJobState(text, false)).toMatchObject({ sessionIds: [], isFinished: false, isWhole: false });
  });

  it('is of a state that this release knows, or not', () => {
    const isKnown = (state: unknown) => parseJobState(JSON.stringify({ state }), false).isKnown;
    expect(['working', 'blocked', 'done', 'Stopped'].map(isKnown)).toEqual([true, true, true, true]);
    expect(['hibernating', undefined, 7].map(isKnown)).toEqual([false, false, false]);
  });
});

describe('the roster', () => {
  const worker = (sessionId: unknown, more: object = {}) => ({ sessionId, pid: 42, procStart: '7', ...more });
  const idsIn = (value: unknown) =>
    parseRoster(JSON.stringify(value), false).workers.map(({ sessionIds }) => sessionIds);

  it.each<[string, unknown]>([
    ['by name', { proto: 1, workers: { a: worker(A), b: worker(B) } }],
    ['in a list', { workers: [worker(A), worker(B)] }],
    ['at the top', [worker(A), worker(B)]],
    ['among what is none', { workers: { a: worker(A), x: null, y: 7, z: 'x', w: {}, v: [], b: worker(B) } }],
  ])('names its workers %s', (_, value) => {
    expect(idsIn(value)).toEqual([[A], [B]]);
  });

  it('names what a worker was sent to do', () => {
    expect(idsIn({ workers: { a: worker('x', { dispatch: { sessionId: A, resumeSessionId: B } }) } })).toEqual([
      [A, B],
    ]);
  });

  it.each([{}, { workers: null }, { workers: 7 }, null, 7, 'x'])(
    'of %j names nobody, and is of no known form',
    (value) => {
      expect(parseRoster(JSON.stringify(value), false)).toEqual({ workers: [], isUnderstood: false });
    },
  );

  it('without workers names nobody', () => {
    expect(parseRoster('{"workers":{}}', false)).toEqual({ workers: [], isUnderstood: true });
  });

  it('that is cut off names what can be made out', () => {
    const text = JSON.stringify({ workers: { a: worker(A), b: worker(B) } }).slice(0, -10);
    expect(parseRoster(text, false)).toEqual({
      workers: [{ sessionIds: [A, B], pid: undefined, procStart: undefined }],
      isUnderstood: false,
    });
    expect(parseRoster('', false)).toEqual({ workers: [], isUnderstood: false });
  });

  it('that cannot be opened holds back what was written since the boot, while it may be of this boot', () => {
    const booted = otherMachine({ bootedAtMs: NOW - 10 * DAY_MS });
    const sinceMs = NOW - 10 * DAY_MS - CLOCK_MARGIN_MS;
    expect(judgeUnreadableRoster(NOW - DAY_MS, booted, NOW)).toEqual({ kind: 'unnamed', sinceMs });
    expect(judgeUnreadableRoster(NOW - 12 * DAY_MS, booted, NOW)).toMatchObject({ kind: 'stale' });
    expect(judgeUnreadableRoster(NOW - 31 * DAY_MS, otherMachine(), NOW)).toMatchObject({ kind: 'stale' });
    expect(judgeUnreadableRoster(NOW, otherMachine(), NOW)).toEqual({
      kind: 'unnamed',
      sinceMs: Number.NEGATIVE_INFINITY,
    });
  });
});

describe('a worker', () => {
  const machine = otherMachine({ running: { 42: '7', 43: { startTicks: '9', startedAtMs: NOW - DAY_MS } } });
  const judge = (pid: number | undefined, procStart?: string, ageMs = 0) => {
    return judgeWorker({ sessionIds: [A], pid, procStart }, NOW - ageMs, machine, NOW);
  };

  it('protects while its very process runs', () => {
    expect(judge(42, '7', 400 * DAY_MS)).toEqual({ kind: 'running', sessionIds: [A] });
    expect(judge(42)).toEqual({ kind: 'running', sessionIds: [A] });
  });

  it('is stale where its process has ended, or its pid is another by now', () => {
    expect(judge(41, '7')).toEqual({ kind: 'stale', reason: 'its process has ended' });
    expect(judge(42, '8')).toEqual({ kind: 'stale', reason: 'its pid is another process by now' });
    expect(judge(43, undefined, 40 * DAY_MS)).toEqual({ kind: 'stale', reason: 'its pid is another process by now' });
  });

  it('without a process protects for thirty days after it was last written', () => {
    expect(judge(undefined, undefined, DAY_MS)).toEqual({
      kind: 'unchecked',
      sessionIds: [A],
      untilMs: NOW - DAY_MS + UNCHECKED_PROTECTS_MS,
    });
    expect(judge(undefined, undefined, 31 * DAY_MS)).toMatchObject({ kind: 'stale' });
  });

  it.each([0, -1, '0', '', null, 1.5, 'x', 2 ** 60, {}])('whose pid is %j has no process', (pid) => {
    const [worker] = parseRoster(JSON.stringify({ workers: [{ sessionId: A, pid }] }), false).workers;
    expect(worker).toEqual({ sessionIds: [A], pid: undefined, procStart: undefined });
  });
});
