import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openResumeMap, type ResumeMap, runWithSessionResume } from '../../src/library/index.ts';
import { eventIn } from '../../src/library/message-events.ts';
import { tempDir } from '../support/temp-dir.ts';
import { trashSessions } from '../support/trashed.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf } from '../support/tree.ts';

const KEY = 'forgejo:architect:acme/my_app:12';
const [ID, NEW_ID] = [sessionIdOf(1), sessionIdOf(2)] as const;

interface Message {
  readonly type: string;
  readonly subtype?: string;
  readonly session_id?: string;
  readonly lost?: readonly string[];
  readonly is_error?: boolean;
  readonly result?: string;
  readonly api_error_status?: number;
}

const MIRROR_ERROR: Message = { type: 'system', subtype: 'mirror_error', session_id: ID };
const WRITES_LOST: Message = { type: 'system', subtype: 'session_writes_lost', session_id: ID, lost: ['transcript'] };
const DEAD: Message = {
  ...{ type: 'result', subtype: 'success', is_error: true, session_id: ID },
  ...{ result: 'API Error: 400 messages.3: no', api_error_status: 400 },
};
const ANSWERED: Message = { type: 'result', subtype: 'success', session_id: NEW_ID, result: 'Done.' };

async function host(rowOf: string | undefined) {
  const stateDir = tempDir();
  const map = await openResumeMap({ stateDir });
  onTestFinished(() => map.close());
  if (rowOf !== undefined) await map.setSession(KEY, rowOf);
  const database = new Database(join(stateDir, 'sessions.db'));
  onTestFinished(() => void database.close());
  // A day old: its transcript was there by then, if it ever was.
  database.exec(
    `UPDATE claude_sdk_sessions SET last_used_at = last_used_at - ${DAY_MS}, created_at = created_at - ${DAY_MS}`,
  );
  const run = async (messages: readonly Message[], options: { claudeDirs?: string[]; map?: ResumeMap } = {}) => {
    const warnings: string[] = [];
    const query = async function* (): AsyncGenerator<Message> {
      yield* messages;
    };
    const log = { warn: (_fields: object, message: string) => void warnings.push(message) };
    const got: Message[] = [];
    for await (const message of runWithSessionResume({ map, key: KEY, query, prompt: 'all', log, ...options }))
      got.push(message);
    return { got, warnings };
  };
  const events = () => {
    const rows = database
      .prepare("SELECT name, value FROM claude_sdk_session_counters WHERE name LIKE 'event_%'")
      .all();
    return Object.fromEntries(
      (rows as { name: string; value: number }[]).map(({ name, value }) => [name.slice(6), value]),
    );
  };
  return { map, run, events };
}

describe('what befalls a conversation is counted beside its row', () => {
  it('where the Agent SDK says that entries were lost, and the message goes on to the host', async () => {
    const { run, events } = await host(ID);
    const { got } = await run([MIRROR_ERROR, MIRROR_ERROR, WRITES_LOST, ANSWERED]);
    expect(events()).toEqual({ 'mirror-error': 2, 'writes-lost': 1 });
    expect(got).toEqual([MIRROR_ERROR, MIRROR_ERROR, WRITES_LOST, ANSWERED]);
  });

  it('where turns are dead, and where it is begun anew for that', async () => {
    const { run, events } = await host(ID);
    for (const _ of [1, 2, 3]) await run([DEAD]);
    expect(events()).toEqual({ 'dead-turn': 3 });
    await run([ANSWERED]);
    expect(events()).toEqual({ 'dead-turn': 3, 'begun-anew-dead-turns': 1 });
  });

  it('where it is gone, and begun anew', async () => {
    const { run, events } = await host(ID);
    const claudeDir = makeClaudeDir(tempDir());
    makeSession(claudeDir, { id: sessionIdOf(3), ageMs: DAY_MS });
    await run([ANSWERED], { claudeDirs: [claudeDir] });
    expect(events()).toEqual({ 'begun-anew-gone': 1 });
  });

  it('where it comes back from the trash', async () => {
    const { run, events } = await host(ID);
    const claudeDir = makeClaudeDir(tempDir());
    for (const id of [ID, NEW_ID]) makeSession(claudeDir, { id, ageMs: 40 * DAY_MS });
    trashSessions(claudeDir, [ID], Date.now());
    await run([ANSWERED], { claudeDirs: [claudeDir] });
    expect(events()).toEqual({ restored: 1 });
  });

  it('and nothing where nothing befell it', async () => {
    const { run, events } = await host(undefined);
    await run([ANSWERED]);
    expect(events()).toEqual({});
  });

  it('but a count that fails, or a map that has none, ends no run', async () => {
    const { run, map } = await host(ID);
    const failing = new Proxy(map, {
      get: (of, name) => {
        if (name === 'events') return { count: () => Promise.reject(new Error('disk full')) };
        const member: unknown = Reflect.get(of, name);
        return typeof member === 'function' ? member.bind(of) : member;
      },
    });
    const failed = await run([MIRROR_ERROR, ANSWERED], { map: failing });
    expect(failed.got).toEqual([MIRROR_ERROR, ANSWERED]);
    expect(failed.warnings).toEqual(['could not count what befell it (mirror-error)']);
    const without = new Proxy(failing, {
      get: (of, name) => (name === 'events' ? undefined : Reflect.get(of, name)),
    });
    const silent = await run([MIRROR_ERROR, ANSWERED], { map: without });
    expect([silent.got, silent.warnings]).toEqual([[MIRROR_ERROR, ANSWERED], []]);
  });
});

describe('a message tells of a loss', () => {
  it.each([
    [{ type: 'system', subtype: 'mirror_error' }, 'mirror-error'],
    [{ type: 'system', subtype: 'session_writes_lost', lost: ['global_config', 'transcript'] }, 'writes-lost'],
    [{ type: 'system', subtype: 'session_writes_lost' }, 'writes-lost'],
    [{ type: 'system', subtype: 'session_writes_lost', lost: ['global_config'] }, undefined],
    [{ type: 'assistant', subtype: 'mirror_error' }, undefined],
    [{ type: 'system', subtype: 'init' }, undefined],
    [{ type: 'system' }, undefined],
  ] as const)('%j: %s', (message, event) => expect(eventIn(message)).toBe(event));
});
