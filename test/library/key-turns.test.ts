import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  BusyError,
  ConversationBusyError,
  openResumeMap,
  type ResumeMap,
  runWithSessionResume,
} from '../../src/library/index.ts';
import { forkProgram } from '../support/forked.ts';
import { tempDir } from '../support/temp-dir.ts';
import { sessionIdOf } from '../support/tree.ts';
import { until } from '../support/wait.ts';

const LEASE_PROCESS = new URL('../resume-map/lease-process.mjs', import.meta.url);
const KEY = 'forgejo:architect:acme/my_app:12';
const HOST_TABLE = 'CREATE TABLE claude_sdk_sessions (key TEXT PRIMARY KEY, session_id, last_used_at, created_at)';

interface Asked {
  readonly prompt: string;
  readonly resume: string | undefined;
  readonly answer: () => void;
  readonly fail: (error: Error) => void;
}

/** A model that answers when it is told to: each conversation that is begun gets the next id. */
function model() {
  const asked: Asked[] = [];
  let begun = 0;
  const query = async function* ({ prompt, options }: { prompt: unknown; options?: { resume?: string } }) {
    const resume = options?.resume;
    begun += resume === undefined ? 1 : 0;
    const id = resume ?? sessionIdOf(begun);
    const answered = new Promise<void>((resolve, reject) => {
      asked.push({ prompt: String(prompt), resume, answer: resolve, fail: reject });
    });
    yield { type: 'system', session_id: id };
    await answered;
    yield { type: 'result', session_id: id };
  };
  return { asked, query };
}

async function mapIn(stateDir: string, databasePath?: string): Promise<ResumeMap> {
  const map = await openResumeMap({ stateDir, ...(databasePath === undefined ? {} : { databasePath }) });
  onTestFinished(() => map.close());
  return map;
}

function runOf(map: ResumeMap, query: ReturnType<typeof model>['query'], event: string, turnWaitMaxMs?: number) {
  const warnings: string[] = [];
  const run = runWithSessionResume({
    map,
    key: KEY,
    query,
    prompt: `all ${event}`,
    deltaPrompt: `new ${event}`,
    log: { warn: (_fields, message) => void warnings.push(message) },
    ...(turnWaitMaxMs === undefined ? {} : { turnWaitMaxMs }),
  });
  const ended = (async () => {
    for await (const _ of run);
    return warnings;
  })();
  ended.catch(() => undefined);
  return ended;
}

const askedTimes = (asked: readonly Asked[], times: number) => {
  return until(`the model to be asked ${times} times`, () => asked[times - 1]);
};

describe('events of one new key that come at once', () => {
  it.each([
    { what: 'by one map', maps: (stateDir: string) => mapIn(stateDir).then((map) => [map, map, map] as const) },
    {
      what: 'by three openings of one map',
      maps: (stateDir: string) => Promise.all([mapIn(stateDir), mapIn(stateDir), mapIn(stateDir)]),
    },
    {
      what: "by three openings of a host's own database",
      maps: (stateDir: string) => {
        const path = `${stateDir}/host.db`;
        new Database(path).exec(HOST_TABLE).close();
        return Promise.all([mapIn(stateDir, path), mapIn(stateDir, path), mapIn(stateDir, path)]);
      },
    },
  ])('begin one conversation, and the others go on in it, in their order, $what', async ({ maps }) => {
    const { asked, query } = model();
    const runs = (await maps(tempDir())).map((map, index) => runOf(map, query, `event ${index + 1}`));
    for (const times of [1, 2, 3]) {
      const { answer } = await askedTimes(asked, times);
      expect(asked).toHaveLength(times);
      answer();
      await runs[times - 1];
    }
    expect(asked.map(({ prompt, resume }) => [prompt, resume])).toEqual([
      ['all event 1', undefined],
      ['new event 2', sessionIdOf(1)],
      ['new event 3', sessionIdOf(1)],
    ]);
  });

  it('go on where the one before fails', async () => {
    const { asked, query } = model();
    const map = await mapIn(tempDir());
    const [first, second] = [runOf(map, query, 'event 1'), runOf(map, query, 'event 2')];
    (await askedTimes(asked, 1)).fail(new Error('fetch failed'));
    await expect(first).rejects.toThrow('fetch failed');
    (await askedTimes(asked, 2)).answer();
    expect(await second).toEqual([]);
    expect(asked[1]?.resume).toBe(sessionIdOf(1));
  });

  it('go on where the consumer of the one before leaves', async () => {
    const { asked, query } = model();
    const map = await mapIn(tempDir());
    for await (const _ of runWithSessionResume({ map, key: KEY, query, prompt: 'all' })) break;
    const second = runOf(map, query, 'event 2', 0);
    (await askedTimes(asked, 2)).answer();
    expect(await second).toEqual([]);
  });

  it('do not wait for those of another key', async () => {
    const { asked, query } = model();
    const map = await mapIn(tempDir());
    const first = runOf(map, query, 'event 1');
    await askedTimes(asked, 1);
    const other = runWithSessionResume({ map, key: `${KEY}3`, query, prompt: 'other', turnWaitMaxMs: 0 });
    expect((await other.next()).value).toMatchObject({ type: 'system' });
    await other.return();
    asked[0]?.answer();
    await first;
  });

  it('wait no longer than they may: then they fail as busy, ask nothing, and may come again', async () => {
    const { asked, query } = model();
    const map = await mapIn(tempDir());
    const first = runOf(map, query, 'event 1');
    await askedTimes(asked, 1);
    const error = await runOf(map, query, 'event 2', 1).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConversationBusyError);
    expect(error).toBeInstanceOf(BusyError);
    expect(error).toMatchObject({ code: 'busy', kind: 'unavailable' });
    expect(asked).toHaveLength(1);

    const third = runOf(map, query, 'event 3');
    asked[0]?.answer();
    await first;
    (await askedTimes(asked, 2)).answer();
    expect(await third).toEqual([]);
    expect(asked[1]).toMatchObject({ prompt: 'new event 3', resume: sessionIdOf(1) });
  });

  it.each([Number.NaN, -1])('are refused where they may wait for %d ms', async (waitMs) => {
    const { asked, query } = model();
    await expect(runOf(await mapIn(tempDir()), query, 'event', waitMs)).rejects.toMatchObject({ kind: 'config' });
    expect(asked).toEqual([]);
  });
});

describe('an event of a key that another process is at work on', () => {
  it('is busy while that lives, and begins no second conversation; it goes on as soon as that is killed', async () => {
    const stateDir = tempDir();
    const { asked, query } = model();
    const map = await mapIn(stateDir);
    await map.setSession(KEY, sessionIdOf(7));
    const rows = await map.listSessions();
    const holder = forkProgram(LEASE_PROCESS, [`${stateDir}/sessions.db`, KEY]);
    expect(await holder.message()).toBe('leased');
    await expect(runOf(map, query, 'event', 0)).rejects.toBeInstanceOf(ConversationBusyError);
    expect([asked, await map.listSessions()]).toEqual([[], rows]);

    const waiting = runOf(map, query, 'event');
    holder.kill('SIGKILL');
    (await askedTimes(asked, 1)).answer();
    expect(await waiting).toEqual([]);
    expect(asked[0]?.resume).toBe(sessionIdOf(7));
  });

  it('gives its own lease back at its end', async () => {
    const stateDir = tempDir();
    const { asked, query } = model();
    const run = runOf(await mapIn(stateDir), query, 'event');
    const { answer } = await askedTimes(asked, 1);
    const lease = async () => forkProgram(LEASE_PROCESS, [`${stateDir}/sessions.db`, KEY]).message();
    expect(await lease()).toBe('busy');
    answer();
    await run;
    expect(await lease()).toBe('leased');
  });
});
