import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type FreshStart, openResumeMap, type ResumeMap, runWithSessionResume } from '../../src/library/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { sessionIdOf } from '../support/tree.ts';

const KEY = 'forgejo:architect:acme/my_app:12';
const [ID, NEW_ID] = [sessionIdOf(1), sessionIdOf(2)] as const;
const HOST_TABLE = 'CREATE TABLE claude_sdk_sessions (key TEXT PRIMARY KEY, session_id, last_used_at, created_at)';
const USED_MS = Date.now() - 3_600_000;

type Turn = 'dead' | 'too-long' | 'thrown' | 'passing' | 'answered';
const RESULTS: Readonly<Record<Exclude<Turn, 'thrown'>, object>> = {
  dead: { subtype: 'success', is_error: true, result: 'API Error: 400 messages.3: no', api_error_status: 400 },
  'too-long': { subtype: 'success', is_error: false, result: 'Prompt is too long' },
  passing: { subtype: 'success', is_error: true, result: 'API Error: 529 Overloaded', api_error_status: 529 },
  answered: { subtype: 'success', is_error: false, result: 'Done.' },
};

interface Place {
  readonly path: string;
  readonly open: () => Promise<ResumeMap>;
}

function ownMap(): Place {
  const stateDir = tempDir();
  return { path: join(stateDir, 'sessions.db'), open: () => openResumeMap({ stateDir }) };
}

function hostsMap(): Place {
  const [stateDir, path] = [tempDir(), join(tempDir(), 'host.db')];
  new Database(path).exec(HOST_TABLE).close();
  return { path, open: () => openResumeMap({ stateDir, databasePath: path }) };
}

async function hostIn(place: Place) {
  const first = await place.open();
  onTestFinished(() => first.close());
  await first.setSession(KEY, ID);
  const database = new Database(place.path);
  onTestFinished(() => void database.close());
  database.prepare('UPDATE claude_sdk_sessions SET last_used_at = ?').run(USED_MS);
  const usedAtMs = () => database.prepare('SELECT last_used_at FROM claude_sdk_sessions').pluck().get();
  const starts: FreshStart[] = [];
  const resumed: (string | undefined)[] = [];
  /** A run of these turns. */
  const run = async (turns: readonly Turn[], { map = first, deadTurnsMax = 3, touchIntervalMs = 300_000 } = {}) => {
    const query = async function* ({ options }: { options?: { resume?: string } }) {
      resumed.push(options?.resume);
      const id = options?.resume ?? NEW_ID;
      for (const turn of turns) {
        yield { type: 'system', session_id: id };
        if (turn === 'thrown') throw new Error('Claude Code returned an error result: API Error: 400 messages.3: no');
        yield { type: 'result', session_id: id, ...RESULTS[turn] };
      }
    };
    const log = { warn: () => undefined };
    const onFreshStart = (start: FreshStart) => void starts.push(start);
    const asked = { map, key: KEY, query, prompt: 'all', log, deadTurnsMax, touchIntervalMs, onFreshStart };
    try {
      for await (const _ of runWithSessionResume(asked));
    } catch (error) {
      expect(turns).toContain('thrown');
      expect(String(error)).toContain('400');
    }
  };
  return { map: first, run, resumed, starts, usedAtMs };
}

const totals = async (map: ResumeMap) => [
  await map.getSessionResumeAttemptsTotal(),
  await map.getSessionResumeFailuresTotal(),
];

describe.each([
  { what: 'a map of its own', place: ownMap },
  { what: "a host's own database", place: hostsMap },
])('a session in $what that can never answer again', ({ place }) => {
  it.each<Turn>(['dead', 'too-long', 'thrown'])(
    'is given up after three turns (%s), counted, and told',
    async (turn) => {
      const { map, run, resumed, starts, usedAtMs } = await hostIn(place());
      for (const _ of [1, 2, 3]) {
        await run([turn]);
        expect([starts, usedAtMs()]).toEqual([[], USED_MS]);
      }
      await run(['answered']);
      expect(resumed).toEqual([ID, ID, ID, undefined]);
      expect(starts).toEqual([{ reason: 'dead-turns', key: KEY, sessionId: ID }]);
      expect(await totals(map)).toEqual([4, 1]);
      expect(await map.getSession(KEY)).toBe(NEW_ID);
      await run(['answered']);
      expect(resumed.at(-1)).toBe(NEW_ID);
    },
  );

  it('is given up after as many turns as the host says', async () => {
    const { run, resumed } = await hostIn(place());
    for (const _ of [1, 2]) await run(['dead'], { deadTurnsMax: 1 });
    expect(resumed).toEqual([ID, undefined]);
  });

  it('is not one that answers in between', async () => {
    const { run, resumed, usedAtMs } = await hostIn(place());
    for (const turn of ['dead', 'dead', 'answered', 'dead', 'dead', 'passing'] as const) await run([turn]);
    await run(['answered']);
    expect(resumed).toEqual(Array(7).fill(ID));
    expect(usedAtMs()).toBeGreaterThan(USED_MS);
  });

  it('is not one that faults keep from answering, however often', async () => {
    const { map, run, resumed } = await hostIn(place());
    for (const _ of [1, 2, 3, 4, 5]) await run(['passing']);
    expect([resumed, await totals(map)]).toEqual([Array(5).fill(ID), [5, 0]]);
  });

  it('is told by the turns of one run, too', async () => {
    const { run, resumed } = await hostIn(place());
    await run(['dead', 'dead', 'dead']);
    await run(['answered']);
    expect(resumed).toEqual([ID, undefined]);
  });

  it('begins its count anew with a new conversation', async () => {
    const { run, resumed } = await hostIn(place());
    for (const _ of [1, 2, 3, 4, 5, 6, 7]) await run(['dead']);
    expect(resumed).toEqual([ID, ID, ID, undefined, NEW_ID, NEW_ID, undefined]);
  });
});

describe('the count of dead turns', () => {
  it('outlives the host', async () => {
    const place = ownMap();
    const { run, resumed } = await hostIn(place);
    for (const _ of [1, 2, 3, 4]) {
      const map = await place.open();
      await run(['dead'], { map });
      await map.close();
    }
    expect(resumed).toEqual([ID, ID, ID, undefined]);
  });

  it('is none of a session that the host has set meanwhile', async () => {
    const { map, run, resumed } = await hostIn(ownMap());
    for (const _ of [1, 2, 3]) await run(['dead']);
    await map.setSession(KEY, sessionIdOf(9));
    await run(['dead']);
    expect(resumed.at(-1)).toBe(sessionIdOf(9));
  });
});
