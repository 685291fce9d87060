/**
 * What `runWithSessionResume` does with the SDK's real `query`: a conversation that is gone is begun anew and nobody is told of the
 * attempt that failed, one in the trash comes back with all its messages, and no other failure costs a conversation.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Options, query, type SDKMessage, type SDKUserMessage } from '@anthropic-ai/claude-agent-sdk';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openResumeMap, type ResumeMap, runWithSessionResume } from '../../src/library/index.ts';
import { startProgram } from '../support/forked.ts';
import { addressOf } from '../support/process.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';
import { ageAtRest, unitOf } from './ages.ts';
import { type Claude, heard, type SdkResult, userMessage } from './client.ts';
import { badRequest, cut, Gate, overloaded, type Reply, serverError, stall, text, tool } from './replies.ts';
import { expectResumed, type Told, toldAfter } from './told.ts';
import { LARGE_RESULT, scriptWithSubagent } from './turns.ts';
import { openWorld, prune, sweeper, type World } from './world.ts';

const KEY = 'forgejo:architect:acme/app:12';
const HOUR_MS = 3_600_000;
/** Without it, the client tries for minutes before it gives up. */
const NO_RETRIES = { CLAUDE_CODE_MAX_RETRIES: '0' };

let world: World;
/** 40 days old, and in no resume map. */
let told: Told;

beforeAll(async () => {
  world = await openWorld();
  const { api, claude } = world;
  scriptWithSubagent(api, 'first', LARGE_RESULT, text('The first answer.'));
  told = toldAfter(api, 'first', await claude.sdk('first'));
  await ageAtRest(claude.configDir, told.sessionId, 40 * DAY_MS);
});

afterAll(() => world?.close());

/** A host of its own, with the same session. */
interface Host extends World {
  readonly name: string;
  readonly map: ResumeMap;
}

async function hostOf(name: string): Promise<Host> {
  const stateDir = join(world.root, `state of ${name}`);
  const map = await openResumeMap({ stateDir });
  onTestFinished(() => map.close());
  return { ...world, name, claude: world.claude.copy(`claude of ${name}`), stateDir, map };
}

async function hostWithout(name: string, place: 'gone' | 'in the trash'): Promise<Host> {
  const host = await hostOf(name);
  expect((await prune(host, host.claude)).removed).toEqual([told.sessionId]);
  if (place === 'gone') await sweeper(host, host.claude, '--trash-keep', '1ms', 'trash', 'purge');
  // A directory without a single transcript may not be mounted yet: then the client is asked all the same.
  makeSession(host.claude.configDir, { id: sessionIdOf(1), ageMs: DAY_MS });
  await host.map.setSession(KEY, told.sessionId);
  // Of a row that was just made, the transcript may be late: there, too, the client is asked all the same.
  const database = new Database(join(host.stateDir, 'sessions.db'));
  const made = database.prepare('UPDATE claude_sdk_sessions SET last_used_at = :at, created_at = :at');
  made.run({ at: Date.now() - DAY_MS });
  database.close();
  return host;
}

interface Ask {
  readonly usesClaudeDirs?: boolean;
  readonly isStreaming?: boolean;
  readonly options?: Options;
  readonly onMessage?: (message: SDKMessage) => void;
}

interface Answer extends SdkResult {
  readonly queries: number;
  readonly warnings: readonly string[];
}

/** Asks `all of NAME` in a conversation that is begun, `new of NAME` in one that goes on. */
async function ask({ map, name, claude }: Host, { usesClaudeDirs, isStreaming, options, onMessage }: Ask) {
  const prompted = (prompt: string) => (isStreaming ? stream(prompt) : prompt);
  const warnings: string[] = [];
  let queries = 0;
  const run = runWithSessionResume({
    map,
    key: KEY,
    query,
    prompt: prompted(`all of ${name}`),
    deltaPrompt: prompted(`new of ${name}`),
    options: { ...claude.options(), ...options },
    ...(usesClaudeDirs ? { claudeDirs: [claude.configDir] } : {}),
    log: { warn: (_fields, message) => void warnings.push(message) },
    onQuery: (begun) => {
      queries += 1;
      onTestFinished(() => begun.close());
    },
  });
  const result: Answer = { ...(await heard(run, onMessage)), queries, warnings };
  return result;
}

async function* stream(prompt: string): AsyncGenerator<SDKUserMessage> {
  yield userMessage(prompt);
}

function script({ api, name }: Host, ...replies: readonly Reply[]): void {
  for (const prompt of [`all of ${name}`, `new of ${name}`]) api.script(prompt, ...replies);
}

async function rowOf({ map }: Host) {
  return (await map.listSessions()).find(({ key }) => key === KEY);
}

async function resumesOf({ map }: Host) {
  return { attempts: await map.getSessionResumeAttemptsTotal(), failures: await map.getSessionResumeFailuresTotal() };
}

/** What a monitoring reads, of a daemon that looks after the host. */
async function scrape({ claude, stateDir }: Host): Promise<string> {
  const place = ['--claude-dir', claude.configDir, '--state-dir', stateDir];
  const daemon = startProgram([...place, '--listen', '127.0.0.1:0', '--schedule-prune', '0 0 1 1 *']);
  return (await fetch(`${await addressOf(daemon)}/metrics`)).text();
}

describe('a run over a session that was pruned and purged', () => {
  it.each([
    { name: 'a blind host', ask: {}, queries: 2 },
    { name: 'a blind host that streams', ask: { isStreaming: true }, queries: 2 },
    {
      name: 'a blind host with options of a resume',
      ask: { options: { forkSession: true, resumeSessionAt: '00000000-0000-4000-8000-000000000001' } },
      queries: 2,
    },
    { name: 'a host that looks', ask: { usesClaudeDirs: true }, queries: 1 },
    { name: 'a host that looks and streams', ask: { usesClaudeDirs: true, isStreaming: true }, queries: 1 },
  ])('begins anew and hides the failed attempt, by $name', async ({ name, ask: how, queries }) => {
    const host = await hostWithout(name, 'gone');
    script(host, text('Begun anew.'));
    const answer = await ask(host, how);
    expect(answer).toMatchObject({ said: 'Begun anew.', isError: false, thrown: undefined, queries });
    expect(answer.warnings).toEqual(['conversation gone: begun anew']);

    const ids = new Set(answer.messages.map(({ session_id: id }) => id));
    expect(ids.size).toBe(1);
    expect(ids).not.toContain(told.sessionId);
    expect(answer.messages.filter(({ type }) => type === 'result')).toHaveLength(1);
    const asked = world.api.requests.filter(({ prompt }) => prompt?.endsWith(`of ${name}`));
    expect(asked).toMatchObject([{ prompt: `all of ${name}`, conversation: [`user: all of ${name}`] }]);

    expect(await rowOf(host)).toMatchObject({ sessionId: answer.sessionId });
    const metrics = await scrape(host);
    expect(metrics).toContain('\nclaude_session_resume_attempts_total 1\n');
    expect(metrics).toContain('\nclaude_session_resume_failures_total 1\n');
  });
});

describe('a run over a session that lies in the trash', () => {
  it.each([
    { name: 'a restoring host', isStreaming: false },
    { name: 'a restoring host that streams', isStreaming: true },
  ])('restores it and goes on with all its messages, by $name', async ({ name, isStreaming }) => {
    const host = await hostWithout(name, 'in the trash');
    script(host, text('I remember.'));
    const answer = await ask(host, { usesClaudeDirs: true, isStreaming });
    expect(answer).toMatchObject({ queries: 1, thrown: undefined });
    expect(answer.warnings).toEqual(['conversation restored from the trash']);
    expectResumed(world.api, told, `new of ${name}`, answer);
    expect(await rowOf(host)).toMatchObject({ sessionId: told.sessionId });
    expect(await resumesOf(host)).toEqual({ attempts: 1, failures: 1 });
    // The next run by hand finds it live, though its files may be old.
    expect(await prune(host, host.claude)).toMatchObject({ removed: [] });
  });
});

describe('a run over a session that is there', () => {
  it('goes on in it, run after run, where the host sets the session id itself', async () => {
    const host = await hostOf('a host with ids of its own');
    const sessionId = sessionIdOf(77);
    for (const said of ['First.', 'Second.', 'Third.']) {
      script(host, text(said));
      const answer = await ask(host, { options: { sessionId } });
      expect(answer).toMatchObject({ said, isError: false, thrown: undefined, sessionId });
    }
    expect(await rowOf(host)).toMatchObject({ sessionId });
  });

  it('marks it as used once more at its end', async () => {
    const host = await hostOf('a host that takes its time');
    await host.map.setSession(KEY, told.sessionId);
    script(host, text('That took 20 hours.'));
    const startedAt = Date.now();
    const onMessage = ({ type }: SDKMessage) => void (type === 'result' && ageRow(host, 20 * HOUR_MS));
    expectResumed(world.api, told, `new of ${host.name}`, await ask(host, { onMessage }));
    expect((await rowOf(host))?.lastUsedAtMs).toBeGreaterThan(startedAt);
    expect(await resumesOf(host)).toEqual({ attempts: 1, failures: 0 });
  });

  it.each([
    { name: 'an outage', failure: serverError(), isStreaming: false },
    { name: 'a broken connection', failure: cut(), isStreaming: true },
  ])('keeps it where $name of the model ends the run', async ({ name, failure, isStreaming }) => {
    const host = await hostOf(name);
    await host.map.setSession(KEY, told.sessionId);
    script(host, tool('Bash', { command: 'echo so far', description: 'Go so far' }), failure);
    const env = { ...host.claude.options().env, ...NO_RETRIES };
    const failed = await ask(host, { isStreaming, options: { env }, usesClaudeDirs: true });
    expect(failed).toMatchObject({ isError: true, queries: 1, warnings: [] });
    expect(failed.thrown).toContain('API Error');
    expect(await rowOf(host)).toMatchObject({ sessionId: told.sessionId });
    expect(await resumesOf(host)).toEqual({ attempts: 1, failures: 0 });

    script(host, text('There again.'));
    const again = toldAfter(world.api, `new of ${name}`, await ask(host, { isStreaming, usesClaudeDirs: true }));
    expect(again.sessionId).toBe(told.sessionId);
    expect(again.conversation.slice(0, told.conversation.length)).toEqual(told.conversation);
    expect(again.conversation.join('\n')).toContain('so far');
  });

  it('keeps it where the host aborts the run, and passes that on', async () => {
    const host = await hostOf('an impatient host');
    await host.map.setSession(KEY, told.sessionId);
    const gate = new Gate();
    onTestFinished(() => gate.open());
    script(host, LARGE_RESULT, stall(gate, text('Too late.')));
    const abortController = new AbortController();
    const asked = ask(host, { options: { abortController }, usesClaudeDirs: true });
    await gate.reached;
    abortController.abort();
    expect(await asked).toMatchObject({ thrown: 'Claude Code process aborted by user', queries: 1, warnings: [] });
    gate.open();
    expect(await rowOf(host)).toMatchObject({ sessionId: told.sessionId });
    script(host, text('There again.'));
    expect(toldAfter(world.api, `new of ${host.name}`, await ask(host, {}))).toMatchObject({
      sessionId: told.sessionId,
    });
    expect(await resumesOf(host)).toEqual({ attempts: 2, failures: 0 });
  });

  it.each([
    {
      name: 'a poisoned history',
      message: 'messages.3.content.0: unexpected `tool_use_id` found in `tool_result` blocks',
    },
    { name: 'a history that is too long', message: 'prompt is too long: 250000 tokens > 200000 maximum' },
    {
      name: 'an image that cannot be read',
      message: 'messages.1.content.0.image.source.base64.data: Could not process image',
    },
  ])('begins anew after three dead turns of $name, and its row is no younger for them', async ({ name, message }) => {
    const host = await hostOf(name);
    await host.map.setSession(KEY, told.sessionId);
    ageRow(host, 20 * HOUR_MS);
    const row = await rowOf(host);
    for (const _ of [1, 2, 3]) {
      // The client may try again without what was complained of.
      script(host, ...Array.from({ length: 8 }, () => badRequest(message)));
      await ask(host, {});
      expect(await rowOf(host)).toEqual(row);
    }
    expect(await resumesOf(host)).toEqual({ attempts: 3, failures: 0 });
    script(host, text('Begun anew.'));
    const answer = await ask(host, {});
    expect(answer).toMatchObject({
      said: 'Begun anew.',
      warnings: ['conversation can never answer again: begun anew'],
    });
    expect(answer.sessionId).not.toBe(told.sessionId);
    expect(await rowOf(host)).toMatchObject({ sessionId: answer.sessionId });
    expect(await resumesOf(host)).toEqual({ attempts: 4, failures: 1 });
  });

  it.each([
    { name: 'an overloaded model', failure: overloaded() },
    { name: 'an account without credit', failure: badRequest('Your credit balance is too low to access the API.') },
    {
      name: 'a tool that the host declares wrongly',
      failure: badRequest('tools.0.custom.name: String should match pattern'),
    },
  ])('never counts $name as a dead turn', async ({ name, failure }) => {
    const host = await hostOf(name);
    await host.map.setSession(KEY, told.sessionId);
    const env = { ...host.claude.options().env, ...NO_RETRIES };
    for (const _ of [1, 2, 3, 4]) {
      script(host, ...Array.from({ length: 8 }, () => failure));
      expect(await ask(host, { options: { env } })).toMatchObject({ isError: true });
    }
    expect(await rowOf(host)).toMatchObject({ sessionId: told.sessionId });
    expect(await resumesOf(host)).toEqual({ attempts: 4, failures: 0 });
  });

  it('goes on with the fork that the host asks for, and leaves the original as it is', async () => {
    const host = await hostOf('a forking host');
    await host.map.setSession(KEY, told.sessionId);
    const original = transcriptsOf(host.claude);
    script(host, text('Forked.'));
    const answer = await ask(host, { options: { forkSession: true } });
    const fork = toldAfter(world.api, `new of ${host.name}`, answer);
    expect(fork.sessionId).not.toBe(told.sessionId);
    expect(fork.conversation.slice(0, told.conversation.length)).toEqual(told.conversation);
    expect(await rowOf(host)).toMatchObject({ sessionId: fork.sessionId });
    expect(transcriptsOf(host.claude)).toEqual(original);
  });
});

function ageRow({ stateDir }: Host, ageMs: number): void {
  const database = new Database(join(stateDir, 'sessions.db'));
  database.prepare('UPDATE claude_sdk_sessions SET last_used_at = ?').run(Date.now() - ageMs);
  database.close();
}

function transcriptsOf({ configDir }: Claude): Record<string, string> {
  const paths = unitOf(configDir, told.sessionId).filter((path) => path.endsWith('.jsonl'));
  return Object.fromEntries(paths.map((path) => [path, readFileSync(join(configDir, path), 'utf8')]));
}
