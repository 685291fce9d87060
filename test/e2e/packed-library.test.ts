/** The packed library in a developer's hands: compiled against by strict TypeScript, taken in by `import` and by `require`. */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileStrictly, unpackLibrary } from '../support/packed-library.ts';
import { run } from '../support/process.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf } from '../support/tree.ts';

const ID = sessionIdOf(1);

/** Nothing of it compiles where the library's types are not found, or are `any`. */
const BOT = `
import {
  BusyError, ConfigError, OperatingError, openResumeMap, openThreadMap, parseSessionId, type ResumeMap, type ResumeMapOptions,
  runWithSessionResume, type SessionId, sessionKey, type SessionStoreEntry, SqliteSessionStore,
} from 'claude-session-sweeper';
import { BusyError as PostgresBusyError, openPostgresResumeMap, PostgresSessionStore } from 'claude-session-sweeper/postgres';

interface Message { readonly type: string; readonly session_id?: string }
interface Options { readonly resume?: string }
type Prompt = { readonly prompt: string | AsyncIterable<string>; readonly options?: Options };
async function* query({ options }: Prompt): AsyncGenerator<Message, void> {
  yield { type: 'result', session_id: options?.resume ?? '${ID}' };
}

const key: string = sessionKey({ forge: 'forgejo', agent: 'helper', repo: 'acme/app', issue: 12 });
// @ts-expect-error without its issue it is no key
const partOfKey = () => sessionKey({ forge: 'forgejo', agent: 'helper', repo: 'acme/app' });
// @ts-expect-error there is no such option
const options: ResumeMapOptions = { claudeDir: ['/srv/bot/.claude'] };

async function answer(map: ResumeMap): Promise<readonly string[]> {
  const types: string[] = [];
  for await (const message of runWithSessionResume({ map, key, query, prompt: 'all', deltaPrompt: 'new' })) {
    const type: string = message.type;
    // @ts-expect-error the messages are the query's own
    message.nothing;
    types.push(type);
  }
  return types;
}

async function main(directory: string): Promise<void> {
  await using map = await openResumeMap({ stateDir: directory, maxSessionAgeMs: 'never' });
  const answered: readonly string[] = await answer(map);
  const found: SessionId | null = await map.getSession(key);
  using store = new SqliteSessionStore(directory + '/entries.db', {
    foldSessionSummary: (_, { sessionId }) => ({ sessionId, mtime: 0, data: {} }),
  });
  await store.append({ projectKey: '-srv-app', sessionId: '${ID}' }, [{ type: 'user' }]);
  const loaded: SessionStoreEntry[] | null = await store.load({ projectKey: '-srv-app', sessionId: '${ID}' });
  await using threads = await openThreadMap({ databasePath: directory + '/threads.db' });
  const now = new Date();
  await threads.insert({
    threadTs: '1.2', sessionId: '${ID}', repo: 'app', repoPath: '/srv/app', channelId: 'C1', createdAt: now, lastActive: now,
  });
  await threads.update('1.2', (session) => { session.totalTurns += 1; });
  await threads.update('1.2', ({ totalTurns }) => ({ totalTurns: totalTurns + 1 }));
  // @ts-expect-error there is no such status
  const wrong = () => threads.update('1.2', { status: 'stopped' });
  const turns: number | undefined = (await threads.getByThread('1.2'))?.totalTurns;
  if (turns !== 2 || typeof wrong !== 'function') throw new Error(String(turns));
  // @ts-expect-error without its URL it is nowhere
  const nowhere = () => openPostgresResumeMap({ host: 'here' });
  const there = (url: string): Promise<ResumeMap> => openPostgresResumeMap({ url, maxSessionAgeMs: 'never' });
  if (typeof nowhere !== typeof there) throw new Error('no map of several hosts');
  // Its driver is an optional package, and is not here.
  await using shared = new PostgresSessionStore('postgres://nobody@127.0.0.1:1/none', { connectTimeoutMs: 9_000 });
  const isDriverHere: boolean = await shared.listSessions('-srv-app').then(() => true, (error: unknown) => {
    return !(error instanceof OperatingError && error.message.includes('npm install postgres')) || PostgresBusyError !== BusyError;
  });
  let refused: readonly string[] = [];
  try {
    await openResumeMap(options);
  } catch (error) {
    if (error instanceof ConfigError && error instanceof OperatingError && !(error instanceof BusyError)) {
      const kind: 'config' | string = error.kind;
      refused = [kind, ...error.faults];
    }
  }
  const isRefused = refused.length === 2 && typeof partOfKey === 'function';
  if (found !== parseSessionId('${ID}') || answered.length !== 1 || loaded?.length !== 1 || !isRefused || isDriverHere) {
    throw new Error(JSON.stringify({ found, answered, loaded, refused }));
  }
}

main(STATE_DIR).then(undefined, (error: unknown) => { throw error; });
`;

interface Kind {
  readonly name: string;
  readonly file: string;
  readonly module: string;
  readonly moduleResolution: string;
}

const KINDS: readonly Kind[] = [
  { name: 'ESM under nodenext', file: 'esm-nodenext.mts', module: 'nodenext', moduleResolution: 'nodenext' },
  { name: 'CommonJS under nodenext', file: 'cjs-nodenext.cts', module: 'nodenext', moduleResolution: 'nodenext' },
  { name: 'ESM under node16', file: 'esm-node16.mts', module: 'node16', moduleResolution: 'node16' },
  { name: 'CommonJS under node16', file: 'cjs-node16.cts', module: 'node16', moduleResolution: 'node16' },
  { name: 'ESM under bundler', file: 'bundler.mts', module: 'esnext', moduleResolution: 'bundler' },
];

let installed: string;

beforeAll(async () => {
  installed = mkdtempSync(join(tmpdir(), 'sweeper-packed-'));
  await unpackLibrary(installed);
});

afterAll(() => rmSync(installed, { recursive: true, force: true }));

describe('the packed library', () => {
  it.each(KINDS)('compiles into a strict bot and works in it: $name', async ({ file, module, moduleResolution }) => {
    const stateDir = join(installed, `state of ${file}`);
    mkdirSync(stateDir);
    const source = BOT.replace('STATE_DIR', JSON.stringify(stateDir));
    expect(await compileStrictly(installed, file, source, { module, moduleResolution })).toBe('');
    const compiled = join(installed, file.replaceAll('.', '-'), 'out', file.replace(/ts$/, 'js'));
    expect(await run(process.execPath, [compiled])).toMatchObject({ code: 0, stderr: '' });
  });

  it('is one and the same by import and by require, with nothing said on stderr', async () => {
    const script = join(installed, 'both.mjs');
    writeFileSync(
      script,
      `import { createRequire } from 'node:module';
       import * as imported from 'claude-session-sweeper';
       const required = createRequire(import.meta.url)('claude-session-sweeper');
       const names = (library) => Object.keys(library).filter((name) => name !== '__esModule').sort().join();
       if (names(imported) !== names(required)) throw new Error(names(required));
       for (const name of Object.keys(imported)) if (imported[name] !== required[name]) throw new Error(name);`,
    );
    expect(await run(process.execPath, [script])).toMatchObject({ code: 0, stderr: '' });
  });

  it('has an example of housekeeping that looks, removes, and brings back', async () => {
    const claudeDir = makeClaudeDir(join(installed, 'housekept'));
    const session = makeSession(claudeDir, { id: ID, ageMs: 40 * DAY_MS });
    const isHere = () => existsSync(join(claudeDir, session.files[0] ?? ''));
    const example = join(installed, 'node_modules/claude-session-sweeper/examples/housekeeping.mjs');
    const env = { HOME: join(installed, 'home') };
    const call = (...args: string[]) => run(process.execPath, [example, claudeDir, ...args], { env });
    expect(await call()).toMatchObject({ code: 0, stdout: `${ID} would go: expired\nkept: {}\n`, stderr: '' });
    expect(await call('remove', ID)).toMatchObject({ code: 0, stdout: `${ID} is in the trash, with 0 others\n` });
    expect(isHere()).toBe(false);
    expect(await call('restore', ID)).toMatchObject({ code: 0, stdout: `${ID} is back, and pinned\n` });
    expect(isHere()).toBe(true);
    expect(await call('remove', ID)).toMatchObject({ code: 64, stderr: `remove ${ID}: it stays, as pinned\n` });
  });

  it('holds every file that its manifest leads to', () => {
    const ours = join(installed, 'node_modules/claude-session-sweeper');
    const manifest = JSON.parse(readFileSync(join(ours, 'package.json'), 'utf8')) as Record<string, unknown>;
    const paths = [manifest.main, manifest.types, manifest.exports, manifest.bin].flatMap(leaves);
    expect(paths).toHaveLength(12);
    for (const path of paths) expect([path, existsSync(join(ours, path))]).toEqual([path, true]);
  });
});

function leaves(value: unknown): readonly string[] {
  return typeof value === 'string' ? [value] : Object.values(value as object).flatMap(leaves);
}
