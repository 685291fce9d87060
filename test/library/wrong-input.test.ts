import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  BusyError,
  ConfigError,
  OperatingError,
  openResumeMap,
  openThreadMap,
  type ResumeMapOptions,
  runWithSessionResume,
  type SessionKeyParts,
  type SessionResumeRun,
  SqliteSessionStore,
  type SqliteSessionStoreOptions,
  sessionKey,
  type ThreadMapOptions,
} from '../../src/library/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { makeClaudeDir, sessionIdOf } from '../support/tree.ts';

const KEY = 'forgejo:architect:acme/app:12';
const ID = sessionIdOf(1);

/** What a call fails with, however it fails. */
async function failure(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return undefined;
}

async function faultsOf(call: () => unknown): Promise<readonly string[]> {
  const error = await failure(call);
  expect(error).toBeInstanceOf(ConfigError);
  return (error as ConfigError).faults;
}

const opening = (options: object) => () => openResumeMap(options as ResumeMapOptions);
const running = (run: object) => () => runWithSessionResume(run as SessionResumeRun<never, never, never, never>).next();

describe('a host that opens the resume map', () => {
  const file = '/dev/null';

  it.each([
    [{ claudeDirs: ['~/.claude'] }, ['claudeDirs: "~/.claude": expected an absolute path (~ is not expanded)']],
    [{ claudeDirs: ['.claude'] }, ['claudeDirs: ".claude": expected an absolute path (~ is not expanded)']],
    [{ claudeDirs: ['/nope'] }, ['claudeDirs: "/nope": there is no such directory']],
    [{ claudeDirs: [file] }, [`claudeDirs: ${JSON.stringify(file)}: it is no directory`]],
    [
      { claudeDirs: [join(file, 'below')] },
      [`claudeDirs: ${JSON.stringify(join(file, 'below'))}: there is no such directory`],
    ],
    [{ claudeDirs: [] }, ['claudeDirs: []: expected a list of absolute paths']],
    [{ claudeDirs: '/srv' }, ['claudeDirs: "/srv": expected a list of absolute paths']],
    [{ stateDir: 'state' }, ['stateDir: "state": expected an absolute path (~ is not expanded)']],
    [{ stateDir: '/srv/a\0b' }, [expect.stringContaining('stateDir: ')]],
    [{ databasePath: '~/bot.db' }, ['databasePath: "~/bot.db": expected an absolute path (~ is not expanded)']],
    [{ maxSessionAgeMs: Number.NaN }, ["maxSessionAgeMs: NaN: expected milliseconds, more than 0, or 'never'"]],
    [{ maxSessionAgeMs: -1 }, ["maxSessionAgeMs: -1: expected milliseconds, more than 0, or 'never'"]],
    [{ maxSessionAgeMs: '24h' }, ['maxSessionAgeMs: "24h": expected milliseconds, more than 0, or \'never\'']],
    [{ maxSessionAgeMs: null }, ["maxSessionAgeMs: null: expected milliseconds, more than 0, or 'never'"]],
    [{ defaultForge: 'a:b' }, [expect.stringContaining('defaultForge: ')]],
    [{ claudeDir: ['/srv'] }, ['claudeDir: there is no such option; did you mean claudeDirs?']],
  ])('is told what is wrong with %j', async (options, faults) => {
    const stateDir = tempDir();
    expect(await faultsOf(opening({ stateDir, ...options }))).toEqual(
      faults.map((fault) => (typeof fault === 'string' ? `openResumeMap: ${fault}` : fault)),
    );
  });

  it('is told everything at once', async () => {
    const wrong = { claudeDirs: ['~/.claude', '/nope'], maxSesionAgeMs: 1, databasePath: 7 };
    expect(await faultsOf(opening(wrong))).toHaveLength(4);
  });
});

describe('a host that runs with resume', () => {
  it.each([
    [{ prompt: 7 }, 'prompt: 7: expected text, or an async iterable'],
    [{ claudeDirs: ['~/.claude'] }, 'claudeDirs: "~/.claude": expected an absolute path (~ is not expanded)'],
    [{ claudeDirs: ['/nope'] }, 'claudeDirs: "/nope": there is no such directory'],
    [{ touchIntervalMs: Number.NaN }, 'touchIntervalMs: NaN: expected milliseconds, more than 0'],
    [{ query: undefined }, 'query: must be given'],
    [{ deltaprompt: 'new' }, 'deltaprompt: there is no such option; did you mean deltaPrompt?'],
  ])('is told what is wrong with %j, and nothing is asked of anybody', async (options, fault) => {
    const map = await openResumeMap({ stateDir: tempDir() });
    onTestFinished(() => map.close());
    const query = () => {
      throw new Error('asked');
    };
    const run = { map, key: KEY, query, prompt: 'all', ...options };
    expect(await faultsOf(running(run))).toEqual([`runWithSessionResume: ${fault}`]);
    expect(await map.getSessionResumeAttemptsTotal()).toBe(0);
  });
});

describe('a host that opens the thread map', () => {
  it.each([
    [{}, 'databasePath: must be given'],
    [{ databasePath: 'threads.db' }, 'databasePath: "threads.db": expected an absolute path (~ is not expanded)'],
    [{ databasePath: '/srv/threads.db', onWarning: 'log' }, 'onWarning: "log": expected a function'],
    [
      { databasePath: '/srv/threads.db', databasPath: '/srv' },
      'databasPath: there is no such option; did you mean databasePath?',
    ],
  ])('is told what is wrong with %j', async (options, fault) => {
    expect(await faultsOf(() => openThreadMap(options as ThreadMapOptions))).toEqual([`openThreadMap: ${fault}`]);
  });

  it('is told what is wrong with a call, and nothing is asked of the database', async () => {
    const map = await openThreadMap({ databasePath: join(tempDir(), 'threads.db') });
    onTestFinished(() => map.close());
    const notText = 7 as unknown as string;
    expect(await faultsOf(() => map.getByThread(notText))).toEqual(['getByThread: threadTs: 7: expected text']);
    expect(await faultsOf(() => map.hasSessionId(''))).toEqual(['hasSessionId: sessionId: "": expected text']);
    expect(await faultsOf(() => map.update(notText, {}))).toEqual(['update: threadTs: 7: expected text']);
    expect(await faultsOf(() => map.pruneExpired('7' as unknown as number))).toHaveLength(1);
  });
});

describe('a host that opens a session store', () => {
  it.each([
    ['entries.db', {}, 'path: "entries.db": expected an absolute path (~ is not expanded)'],
    [undefined, {}, 'path: must be given'],
    ['/srv/e.db', { fold: 1 }, 'fold: there is no such option; did you mean path?'],
    ['/srv/e.db', { foldSessionSummary: 'sdk' }, 'foldSessionSummary: "sdk": expected a function'],
  ])('is told what is wrong with %j and %j', async (path, options, fault) => {
    const open = () => new SqliteSessionStore(path as string, options as SqliteSessionStoreOptions);
    expect((await faultsOf(open))[0]).toBe(`SqliteSessionStore: ${fault}`);
  });

  it.each([undefined, null, {}, { projectKey: 'a' }, { projectKey: 'a', sessionId: 7 }])(
    'is told that %j is no key',
    async (key) => {
      const store = new SqliteSessionStore(join(tempDir(), 'entries.db'));
      onTestFinished(() => store.close());
      const asKey = key as { projectKey: string; sessionId: string };
      for (const call of [() => store.load(asKey), () => store.append(asKey, []), () => store.listSubkeys(asKey)]) {
        expect(await failure(call)).toMatchObject({ name: 'OperatingError', kind: 'usage' });
      }
    },
  );
});

describe('a key of a conversation', () => {
  it.each([
    [{ forge: 'forgejo', agent: 'architect', repo: 'acme/app' }, 'issue is missing'],
    [{ agent: 'architect' }, 'forge is missing; repo is missing; issue is missing'],
    [undefined, 'forge is missing; agent is missing; repo is missing; issue is missing'],
    [{ forge: 'f', agent: 'a', repo: 'r', issue: Number.NaN }, 'issue NaN must be a whole number'],
    [{ forge: 'f', agent: 'a', repo: 'r', issue: null }, 'issue null must be text'],
  ])('is not made of %j', async (parts, message) => {
    const error = await failure(() => sessionKey(parts as SessionKeyParts));
    expect(error).toMatchObject({ name: 'OperatingError', kind: 'usage', message: expect.stringContaining(message) });
  });

  it('is not taken for every one where the issue of a drop is missing', async () => {
    const map = await openResumeMap({ stateDir: tempDir() });
    onTestFinished(() => map.close());
    await map.setSession(KEY, ID);
    const dropping = () => map.dropAllForIssue('acme/app', undefined as unknown as number);
    expect(await failure(dropping)).toMatchObject({
      kind: 'usage',
      message: expect.stringContaining('issue is missing'),
    });
    expect(await map.getSession(KEY)).toBe(ID);
  });
});

describe('after close()', () => {
  it('every call of the resume map is refused with an OperatingError, and closing again is fine', async () => {
    const map = await openResumeMap({
      stateDir: tempDir(),
      claudeDirs: [makeClaudeDir(tempDir())],
      maxSessionAgeMs: 'never',
    });
    // Statements that were prepared before are no way around it.
    await map.setSession(KEY, ID);
    await map.getSession(KEY);
    await map.close();
    await map.close();
    await map[Symbol.asyncDispose]();
    const calls = {
      getSession: () => map.getSession(KEY),
      setSession: () => map.setSession(KEY, ID),
      touchSession: () => map.touchSession(KEY, ID),
      dropSession: () => map.dropSession(KEY),
      dropAllForIssue: () => map.dropAllForIssue('acme/app', 12),
      listSessions: () => map.listSessions(),
      listLiveSessionIds: () => map.listLiveSessionIds(),
      sweepStaleSessions: () => map.sweepStaleSessions(),
      setMaxSessionAgeMs: () => map.setMaxSessionAgeMs(1_000),
      incrementSessionResumeAttempts: () => map.incrementSessionResumeAttempts(),
      incrementSessionResumeFailures: () => map.incrementSessionResumeFailures(),
      getSessionResumeAttemptsTotal: () => map.getSessionResumeAttemptsTotal(),
      getSessionResumeFailuresTotal: () => map.getSessionResumeFailuresTotal(),
    };
    for (const [name, call] of Object.entries(calls)) {
      const error = await failure(call);
      expect([name, error]).toEqual([name, expect.objectContaining({ name: 'OperatingError', kind: 'usage' })]);
      expect(String(error)).toContain('it was closed');
    }
  });

  it('every call of a session store is refused with an OperatingError, and closing again is fine', async () => {
    const store = new SqliteSessionStore(join(tempDir(), 'entries.db'));
    const key = { projectKey: '-srv-app', sessionId: ID };
    await store.append({ ...key, subpath: 'a' }, [{ type: 'user' }]);
    await store.load(key);
    store.close();
    store.close();
    store[Symbol.dispose]();
    const calls = {
      append: () => store.append({ ...key, subpath: 'a' }, [{ type: 'user' }]),
      appendOfNothing: () => store.append(key, []),
      load: () => store.load(key),
      listSessions: () => store.listSessions('-srv-app'),
      listSessionSummaries: () => store.listSessionSummaries('-srv-app'),
      listSubkeys: () => store.listSubkeys(key),
      delete: () => store.delete(key),
    };
    for (const [name, call] of Object.entries(calls)) {
      expect([name, await failure(call)]).toEqual([
        name,
        expect.objectContaining({ name: 'OperatingError', kind: 'usage' }),
      ]);
    }
  });
});

it('a busy database is told from other failures by its class', async () => {
  const stateDir = tempDir();
  const path = join(stateDir, 'bot.db');
  const other = new Database(path);
  onTestFinished(() => void other.close());
  other.exec(
    'CREATE TABLE claude_sdk_sessions (key TEXT PRIMARY KEY, session_id TEXT, last_used_at INTEGER, created_at INTEGER)',
  );
  other.exec('BEGIN EXCLUSIVE');
  const error = await failure(opening({ stateDir, databasePath: path }));
  expect([error instanceof BusyError, error instanceof OperatingError]).toEqual([true, true]);
});
