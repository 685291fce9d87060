import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  OperatingError,
  openResumeMap,
  type ResumeMap,
  runWithSessionResume,
  type SessionResumeRun,
  SqliteSessionStore,
} from '../../src/library/index.ts';
import { StoredSessions } from '../../src/session-store/stored-sessions.ts';
import { tempDir } from '../support/temp-dir.ts';
import { trashSessions } from '../support/trashed.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf } from '../support/tree.ts';
import { until } from '../support/wait.ts';

const KEY = 'forgejo:architect:acme/my_app:12';
const [ID, NEW_ID] = [sessionIdOf(1), sessionIdOf(2)] as const;
const GONE_TEXT = `No conversation found with session ID: ${ID}`;

interface Message {
  readonly type: string;
  readonly session_id?: string;
  readonly text?: string;
  readonly is_error?: boolean;
  readonly errors?: readonly string[];
}

interface Asked {
  readonly resume: string | undefined;
  readonly prompt: string;
  readonly model: string | undefined;
}

type Options = { readonly resume?: string; readonly model?: string; readonly sessionStore?: object };
type Step = Message | Error;

const init = (id: string): Message => ({ type: 'system', session_id: id });
const answer = (id: string, text = 'hello'): Message => ({ type: 'assistant', session_id: id, text });
const goneResult: Message = { type: 'result', session_id: NEW_ID, is_error: true, errors: [GONE_TEXT] };
const goneError = new Error(`Claude Code returned an error result: ${GONE_TEXT}`);

/** A query whose attempts go as they are written down, and what it was asked. */
function scripted(...attempts: readonly (readonly Step[])[]) {
  const asked: Asked[] = [];
  const query = async function* ({
    prompt,
    options,
  }: {
    prompt: string | AsyncIterable<string>;
    options?: Options;
  }): AsyncGenerator<Message> {
    const steps = attempts[asked.length];
    const entry = { resume: options?.resume, prompt: '', model: options?.model };
    asked.push(entry);
    if (typeof prompt === 'string') Object.assign(entry, { prompt });
    else for await (const part of prompt) Object.assign(entry, { prompt: entry.prompt + part });
    for (const step of steps ?? [new Error('asked too often')]) {
      if (step instanceof Error) throw step;
      yield step;
    }
  };
  return { asked, query };
}

async function hostWith(id?: string) {
  const stateDir = tempDir();
  const map = await openResumeMap({ stateDir });
  onTestFinished(() => map.close());
  if (id !== undefined) await map.setSession(KEY, id);
  const row = () => {
    const database = new Database(join(stateDir, 'sessions.db'), { readonly: true });
    const found = database.prepare('SELECT session_id AS id, last_used_at AS usedAtMs FROM claude_sdk_sessions').get();
    database.close();
    return found as { id: string; usedAtMs: number } | undefined;
  };
  /** A day old: its transcript was there by then, if it ever was. */
  const makeOld = () => {
    const database = new Database(join(stateDir, 'sessions.db'));
    database
      .prepare('UPDATE claude_sdk_sessions SET last_used_at = :at, created_at = :at')
      .run({ at: Date.now() - DAY_MS });
    database.close();
  };
  const warnings: string[] = [];
  const log = { warn: (_fields: object, message: string) => void warnings.push(message) };
  return { stateDir, map, row, makeOld, warnings, log };
}

type Run = SessionResumeRun<Message, string, Options, AsyncGenerator<Message>>;

async function collect(run: Run): Promise<{ readonly messages: Message[]; readonly error: unknown }> {
  const messages: Message[] = [];
  try {
    for await (const message of runWithSessionResume(run)) messages.push(message);
    return { messages, error: undefined };
  } catch (error) {
    return { messages, error };
  }
}

const totals = async (map: ResumeMap) => [
  await map.getSessionResumeAttemptsTotal(),
  await map.getSessionResumeFailuresTotal(),
];

describe('a run of a key without a session', () => {
  it('is told everything, and its session is stored with its first message', async () => {
    const { map, row, log } = await hostWith();
    const { asked, query } = scripted([init(NEW_ID), answer(NEW_ID)]);
    let storedAtFirst: string | undefined;
    const run = { map, key: KEY, query, prompt: 'all', deltaPrompt: 'new', log };
    // What it yields is typed by the query: nobody has to say it, nor to cast it.
    for await (const { type, session_id: id } of runWithSessionResume(run)) {
      if (type === 'system' && id === NEW_ID) storedAtFirst = row()?.id;
    }
    expect(asked).toEqual([{ resume: undefined, prompt: 'all', model: undefined }]);
    expect(storedAtFirst).toBe(NEW_ID);
    expect(await totals(map)).toEqual([0, 0]);
  });

  it('passes its messages and its options on as they are', async () => {
    const { map, log } = await hostWith();
    const { asked, query } = scripted([init(NEW_ID), answer(NEW_ID, 'one'), answer(NEW_ID, 'two')]);
    const { messages } = await collect({ map, key: KEY, query, prompt: 'all', options: { model: 'm' }, log });
    expect(messages).toEqual([init(NEW_ID), answer(NEW_ID, 'one'), answer(NEW_ID, 'two')]);
    expect(asked[0]?.model).toBe('m');
  });
});

describe('a run of a key with a session', () => {
  it.each([
    { deltaPrompt: 'new', prompt: 'new' },
    { deltaPrompt: undefined, prompt: 'all' },
  ])('resumes it and is told $prompt', async ({ deltaPrompt, prompt }) => {
    const { map, log } = await hostWith(ID);
    const { asked, query } = scripted([init(ID), answer(ID)]);
    await collect({ map, key: KEY, query, prompt: 'all', ...(deltaPrompt && { deltaPrompt }), log });
    expect(asked).toEqual([{ resume: ID, prompt, model: undefined }]);
    expect(await totals(map)).toEqual([1, 0]);
  });

  it('stores the id that a fork goes on under', async () => {
    const { map, row, log } = await hostWith(ID);
    const { query } = scripted([init(NEW_ID), answer(NEW_ID)]);
    await collect({ map, key: KEY, query, prompt: 'all', log });
    expect(row()?.id).toBe(NEW_ID);
  });

  it('marks the session as used while it runs and when it ends', async () => {
    const { map, row, stateDir, log } = await hostWith(ID);
    const query = async function* () {
      yield init(ID);
      const database = new Database(join(stateDir, 'sessions.db'));
      database.prepare('UPDATE claude_sdk_sessions SET last_used_at = 0').run();
      await until('the row to be marked as used', () => (row()?.usedAtMs ?? 0) !== 0);
      database.prepare('UPDATE claude_sdk_sessions SET last_used_at = 0').run();
      database.close();
    };
    await collect({ map, key: KEY, query, prompt: 'all', touchIntervalMs: 10, log });
    expect(row()?.usedAtMs).toBeGreaterThan(Date.now() - 60_000);
  });

  it('does not bring back a row that the host has dropped meanwhile', async () => {
    const { map, row, log } = await hostWith(ID);
    const touches = vi.spyOn(map, 'touchSession');
    const query = async function* () {
      yield init(ID);
      await map.dropAllForIssue('acme/my_app', 12);
      const before = touches.mock.calls.length;
      await until('the row to be marked as used twice more', () => touches.mock.calls.length >= before + 2);
    };
    await collect({ map, key: KEY, query, prompt: 'all', touchIntervalMs: 1, log });
    expect(row()).toBeUndefined();
  });
});

describe('a resume whose conversation is gone', () => {
  it.each<{ what: string; failed: readonly Step[] }>([
    { what: 'a result and an error', failed: [goneResult, goneError] },
    { what: 'an error alone', failed: [goneError] },
    { what: 'a result alone', failed: [goneResult] },
  ])('by $what is begun anew, once, with everything, and counted', async ({ failed }) => {
    const { map, row, warnings, log } = await hostWith(ID);
    const { asked, query } = scripted(failed, [init(NEW_ID), answer(NEW_ID)]);
    const { messages, error } = await collect({ map, key: KEY, query, prompt: 'all', deltaPrompt: 'new', log });
    expect({ messages, error }).toEqual({ messages: [init(NEW_ID), answer(NEW_ID)], error: undefined });
    expect(asked.map(({ resume, prompt }) => [resume, prompt])).toEqual([
      [ID, 'new'],
      [undefined, 'all'],
    ]);
    expect(row()?.id).toBe(NEW_ID);
    expect(await totals(map)).toEqual([1, 1]);
    expect(warnings).toEqual(['conversation gone: begun anew']);
  });

  it('gives the second attempt what the first one had taken of a streaming prompt', async () => {
    const { map, log } = await hostWith(ID);
    const prompt = (async function* () {
      yield 'one ';
      yield 'two';
    })();
    const { asked, query } = scripted([goneError], [answer(NEW_ID)]);
    await collect({ map, key: KEY, query, prompt, log });
    expect(asked.map((one) => one.prompt)).toEqual(['one two', 'one two']);
  });

  it('is begun anew without the options that would lead it to an older conversation', async () => {
    const { map, log } = await hostWith(ID);
    const given: object[] = [];
    const query = async function* ({ options }: { options?: object }) {
      given.push({ ...options });
      if (given.length === 1) throw goneError;
      yield answer(NEW_ID);
    };
    const options = { model: 'm', forkSession: true, resume: 'x', resumeSessionAt: 'y', continue: true };
    for await (const _ of runWithSessionResume({ map, key: KEY, query, prompt: 'all', options, log }));
    expect(given).toEqual([
      { ...options, resume: ID },
      { model: 'm', forkSession: true },
    ]);
  });

  it.each([
    { what: 'left out beside a resume', options: { sessionId: NEW_ID }, resumed: {}, begun: { sessionId: NEW_ID } },
    { what: 'left out where it is the one that is gone', options: { sessionId: ID }, resumed: {}, begun: {} },
    {
      what: 'the name of a fork',
      options: { sessionId: NEW_ID, forkSession: true },
      resumed: { sessionId: NEW_ID, forkSession: true },
      begun: { sessionId: NEW_ID, forkSession: true },
    },
    {
      what: 'no name of a fork of itself',
      options: { sessionId: ID, forkSession: true },
      resumed: { forkSession: true },
      begun: { forkSession: true },
    },
  ])('a session id of the host’s own is $what', async ({ options, resumed, begun }) => {
    const { map, log } = await hostWith(ID);
    const given: object[] = [];
    const query = async function* (asked: { options?: object }) {
      given.push({ ...asked.options });
      if (given.length === 1) throw goneError;
      yield answer(NEW_ID);
    };
    for await (const _ of runWithSessionResume({ map, key: KEY, query, prompt: 'all', options, log }));
    expect(given).toEqual([{ ...resumed, resume: ID }, begun]);
  });

  it('is passed on where the second attempt fails too', async () => {
    const { map, log } = await hostWith(ID);
    const { asked, query } = scripted([goneError], [goneError]);
    expect((await collect({ map, key: KEY, query, prompt: 'all', log })).error).toBe(goneError);
    expect(asked).toHaveLength(2);
  });
});

describe('any other failure', () => {
  it.each<{ what: string; steps: readonly Step[] }>([
    { what: 'before the first message', steps: [new Error('fetch failed')] },
    { what: 'in the middle', steps: [init(ID), answer(ID), new Error('fetch failed')] },
  ])('$what is passed on, and the session stays', async ({ steps }) => {
    const { map, row, log } = await hostWith(ID);
    const { asked, query } = scripted(steps);
    const { error } = await collect({ map, key: KEY, query, prompt: 'all', log });
    expect(error).toEqual(new Error('fetch failed'));
    expect([asked.length, row()?.id]).toEqual([1, ID]);
    expect(await totals(map)).toEqual([1, 0]);
  });

  it('that speaks of a missing conversation in the middle of a run is no reason to begin anew', async () => {
    const { map, row, log } = await hostWith(ID);
    const { asked, query } = scripted([answer(ID), goneError]);
    expect((await collect({ map, key: KEY, query, prompt: 'all', log })).error).toBe(goneError);
    expect([asked.length, row()?.id]).toEqual([1, ID]);
  });

  it('of the resume map while the run goes on is told, and does not end it', async () => {
    const { map, warnings, log } = await hostWith(ID);
    const { query } = scripted([init(NEW_ID), answer(NEW_ID)]);
    const broken: ResumeMap = Object.assign(Object.create(map) as ResumeMap, {
      getSession: () => map.getSession(KEY),
      incrementSessionResumeAttempts: () => Promise.reject(new Error('disk full')),
      setSession: () => Promise.reject(new Error('disk full')),
      touchSession: () => Promise.reject(new Error('disk full')),
    });
    const { messages, error } = await collect({ map: broken, key: KEY, query, prompt: 'all', log });
    expect({ count: messages.length, error }).toEqual({ count: 2, error: undefined });
    expect(warnings).toContain('could not store the session');
  });

  it('is none where the consumer leaves: the query is ended and the session stays', async () => {
    const { map, row, log } = await hostWith(ID);
    let isEnded = false;
    const query = async function* () {
      try {
        yield init(ID);
        yield answer(ID);
      } finally {
        isEnded = true;
      }
    };
    for await (const _ of runWithSessionResume({ map, key: KEY, query, prompt: 'all', log })) break;
    expect([isEnded, row()?.id]).toEqual([true, ID]);
  });
});

describe('with the Claude directories of the host', () => {
  async function hostWithTranscript(shape: { readonly trashed?: boolean; readonly content?: string } = {}) {
    const host = await hostWith(ID);
    const claudeDir = makeClaudeDir(tempDir());
    makeSession(claudeDir, { id: ID, ageMs: 40 * DAY_MS, ...(shape.content === undefined ? {} : shape) });
    if (shape.trashed) trashSessions(claudeDir, [ID], Date.now());
    const transcript = join(claudeDir, `projects/-srv-app/${ID}.jsonl`);
    return { ...host, claudeDir, transcript };
  }

  /** Mounted, and in use: only there does it mean something that a transcript is not to be found. */
  function claudeDirOfOthers(): string {
    const claudeDir = makeClaudeDir(tempDir());
    makeSession(claudeDir, { id: sessionIdOf(99), ageMs: DAY_MS });
    return claudeDir;
  }

  it('a session whose transcript is there is resumed', async () => {
    const { map, claudeDir, log } = await hostWithTranscript();
    const { asked, query } = scripted([answer(ID)]);
    await collect({ map, key: KEY, query, prompt: 'all', claudeDirs: [claudeDir], log });
    expect(asked.map(({ resume }) => resume)).toEqual([ID]);
  });

  it('one that lies in the trash is restored first, and resumed with its context', async () => {
    const { map, claudeDir, transcript, warnings, log } = await hostWithTranscript({ trashed: true });
    expect(existsSync(transcript)).toBe(false);
    const { asked, query } = scripted([answer(ID)]);
    await collect({ map, key: KEY, query, prompt: 'all', deltaPrompt: 'new', claudeDirs: [claudeDir], log });
    expect(readFileSync(transcript, 'utf8')).toContain(ID);
    expect(asked.map(({ resume, prompt }) => [resume, prompt])).toEqual([[ID, 'new']]);
    expect(warnings).toEqual(['conversation restored from the trash']);
    expect(await totals(map)).toEqual([1, 1]);
  });

  it('one that lies in the trash is restored where titles and tags alone stand in its place, and these follow it', async () => {
    const { map, claudeDir, transcript, log } = await hostWithTranscript({ trashed: true });
    const title = `{"type":"custom-title","customTitle":"Mine","sessionId":"${ID}"}\n`;
    mkdirSync(dirname(transcript), { recursive: true });
    writeFileSync(transcript, title);
    const { asked, query } = scripted([answer(ID)]);
    await collect({ map, key: KEY, query, prompt: 'all', deltaPrompt: 'new', claudeDirs: [claudeDir], log });
    expect(asked.map(({ resume, prompt }) => [resume, prompt])).toEqual([[ID, 'new']]);
    const lines = readFileSync(transcript, 'utf8').split(/(?<=\n)/);
    expect(lines).toEqual([expect.stringContaining('"file"'), title]);
  });

  it.each([{ content: '' }, { content: undefined }])(
    'one that is gone is not even asked for ($content)',
    async ({ content }) => {
      const { map, row, claudeDir, log, makeOld } = await (content === undefined
        ? hostWith(ID).then((host) => ({ ...host, claudeDir: claudeDirOfOthers() }))
        : hostWithTranscript({ content }));
      makeOld();
      const { asked, query } = scripted([answer(NEW_ID)]);
      await collect({ map, key: KEY, query, prompt: 'all', deltaPrompt: 'new', claudeDirs: [claudeDir], log });
      expect(asked.map(({ resume, prompt }) => [resume, prompt])).toEqual([[undefined, 'all']]);
      expect(row()?.id).toBe(NEW_ID);
      expect(await totals(map)).toEqual([1, 1]);
    },
  );

  it('one that was begun a moment ago and is nowhere is asked for: its transcript may be late', async () => {
    const { map, row, log } = await hostWith(ID);
    const { asked, query } = scripted([answer(ID)]);
    await collect({ map, key: KEY, query, prompt: 'all', claudeDirs: [claudeDirOfOthers()], log });
    expect([asked.map(({ resume }) => resume), row()?.id]).toEqual([[ID], ID]);
    const gone = scripted([goneError], [answer(NEW_ID)]);
    await collect({ map, key: KEY, query: gone.query, prompt: 'all', claudeDirs: [claudeDirOfOthers()], log });
    expect([gone.asked.map(({ resume }) => resume), row()?.id]).toEqual([[ID, undefined], NEW_ID]);
  });

  it('one is resumed where the directory cannot be looked into: that proves nothing', async () => {
    const { map, log } = await hostWith(ID);
    const { asked, query } = scripted([answer(ID)]);
    await collect({ map, key: KEY, query, prompt: 'all', claudeDirs: [tempDir()], log });
    expect(asked.map(({ resume }) => resume)).toEqual([ID]);
  });

  it('one that a run keeps from coming back out of the trash is not forgotten: the host is told, and may try again', async () => {
    const { map, row, claudeDir, transcript, log } = await hostWithTranscript({ trashed: true });
    const asRun = { map, key: KEY, prompt: 'all', claudeDirs: [claudeDir], log };
    rmSync(join(claudeDir, 'session-sweeper/run.lock'), { force: true });
    mkdirSync(join(claudeDir, 'session-sweeper/run.lock'));
    const { error } = await collect({ ...asRun, query: scripted([answer(NEW_ID)]).query });
    expect(error).toBeInstanceOf(OperatingError);
    expect(row()?.id).toBe(ID);
    rmdirSync(join(claudeDir, 'session-sweeper/run.lock'));
    const { asked, query } = scripted([answer(ID)]);
    await collect({ ...asRun, query });
    expect([asked.map(({ resume }) => resume), existsSync(transcript)]).toEqual([[ID], true]);
  });

  it('one is not forgotten where the trash that may hold it cannot be read', async () => {
    const { map, row, claudeDir, log } = await hostWithTranscript({ trashed: true });
    const trash = join(claudeDir, 'session-sweeper/trash');
    const [folder = ''] = readdirSync(trash);
    appendFileSync(join(trash, folder, 'manifest.jsonl'), '{"type":"compressed"}\n');
    renameSync(join(trash, folder, 'manifest.jsonl'), join(trash, folder, 'aside'));
    symlinkSync('aside', join(trash, folder, 'manifest.jsonl'));
    const { query } = scripted([goneError]);
    const { error } = await collect({ map, key: KEY, query, prompt: 'all', claudeDirs: [claudeDir], log });
    expect(error).toMatchObject({ kind: 'unavailable' });
    expect(row()?.id).toBe(ID);
  });

  it('one is begun anew where the directory holds no transcript at all and the client finds none', async () => {
    const { map, row, log } = await hostWith(ID);
    let calls = 0;
    const query = async function* () {
      calls += 1;
      if (calls === 1) throw goneError;
      yield answer(NEW_ID);
    };
    await collect({ map, key: KEY, query, prompt: 'all', claudeDirs: [makeClaudeDir(tempDir())], log });
    expect([calls, row()?.id]).toEqual([2, NEW_ID]);
  });

  it('one is resumed where the directory holds no transcript at all: it may not be mounted yet', async () => {
    const { map, row, log } = await hostWith(ID);
    const { asked, query } = scripted([answer(ID)]);
    await collect({ map, key: KEY, query, prompt: 'all', claudeDirs: [makeClaudeDir(tempDir())], log });
    expect([asked.map(({ resume }) => resume), row()?.id]).toEqual([[ID], ID]);
  });

  it('one is resumed where it is resumed from a session store: that it is in no directory proves nothing', async () => {
    const { map, log } = await hostWith(ID);
    const { asked, query } = scripted([answer(ID)]);
    const claudeDirs = [makeClaudeDir(tempDir())];
    await collect({ map, key: KEY, query, prompt: 'all', options: { sessionStore: {} }, claudeDirs, log });
    expect(asked.map(({ resume }) => resume)).toEqual([ID]);
  });

  it('one that its session store hides is shown again before the client could resume an older copy of it', async () => {
    const { map, log, warnings } = await hostWith(ID);
    const path = join(tempDir(), 'entries.db');
    const foldSessionSummary = (_: unknown, { sessionId }: { sessionId: string }) => ({
      sessionId,
      mtime: 0,
      data: {},
    });
    const store = new SqliteSessionStore(path, { foldSessionSummary });
    onTestFinished(() => store.close());
    const key = { projectKey: '-srv-app', sessionId: ID };
    await store.append(key, [{ type: 'user' }]);
    const stored = StoredSessions.open(path);
    onTestFinished(() => stored.close());
    for (const session of stored.sessions()) stored.trash(session, 'expired', Date.now());
    expect(await store.load(key)).toBeNull();
    let loaded: unknown;
    const query = async function* (): AsyncGenerator<Message> {
      loaded = await store.load(key);
      yield answer(ID);
    };
    await collect({ map, key: KEY, query, prompt: 'all', options: { sessionStore: store }, log });
    expect([loaded, warnings]).toEqual([[{ type: 'user' }], ['conversation restored from the trash of its store']]);
  });

  it('the map never gives out a session whose transcript is gone, and keeps the row of one in the trash', async () => {
    const claudeDir = makeClaudeDir(tempDir());
    for (const number of [1, 2, 3]) makeSession(claudeDir, { id: sessionIdOf(number), ageMs: 40 * DAY_MS });
    trashSessions(claudeDir, [sessionIdOf(2)], Date.now());
    writeFileSync(join(claudeDir, `projects/-srv-app/${sessionIdOf(3)}.jsonl`), '');
    const stateDir = tempDir();
    const forgotten: string[] = [];
    const onForgotten = ({ key, reason }: { key: string; reason: string }) => void forgotten.push(`${key} ${reason}`);
    const map = await openResumeMap({ stateDir, claudeDirs: [claudeDir], onForgotten });
    onTestFinished(() => map.close());
    for (const number of [1, 2, 3, 4]) await map.setSession(`k:${number}`, sessionIdOf(number));
    const database = new Database(join(stateDir, 'sessions.db'));
    database.exec(
      'UPDATE claude_sdk_sessions SET last_used_at = last_used_at - 7200000, created_at = created_at - 7200000',
    );
    database.close();
    const got = [];
    for (const number of [1, 2, 3, 4]) got.push(await map.getSession(`k:${number}`));
    expect(got).toEqual([sessionIdOf(1), null, null, null]);
    expect(forgotten).toEqual(['k:3 gone', 'k:4 gone']);
    expect(await map.getForgottenTotals()).toEqual({ expired: 0, gone: 2 });
    expect((await map.listSessions()).map(({ key }) => key)).toEqual(['k:1', 'k:2']);
    expect(await map.getSession('k:2', { evenIfGone: true })).toBe(sessionIdOf(2));
  });
});
