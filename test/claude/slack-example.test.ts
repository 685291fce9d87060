/** The example of a Slack bot, run as the process that it is, between a Slack of the test's own and the real client. */

import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { expect, it, onTestFinished } from 'vitest';
import { DAY_MS } from '../support/tree.ts';
import { until } from '../support/wait.ts';
import { ageAtRest } from './ages.ts';
import { text } from './replies.ts';
import { prune, testWorld, type World } from './world.ts';

const BOT = fileURLToPath(new URL('../../examples/slack-bot.mjs', import.meta.url));
const SECRET = 'a signing secret';
const CHANNEL = 'C0123456789';

interface Posted {
  readonly channel: string;
  readonly thread_ts: string;
  readonly text: string;
}

/** What Slack is to a bot: it sends signed events, and takes messages. */
class Slack {
  readonly posted: Posted[] = [];
  readonly #server = createServer(async (request, response) => {
    expect(request.headers.authorization).toBe('Bearer a bot token');
    this.posted.push((await json(request)) as Posted);
    response.end('{"ok":true}');
  });
  #botUrl = '';

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    onTestFinished(() => void this.#server.close());
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  meet(botUrl: string): void {
    this.#botUrl = botUrl;
  }

  async send(body: object, { secret = SECRET, headers = {} } = {}): Promise<Response> {
    const sent = JSON.stringify(body);
    const time = String(Math.floor(Date.now() / 1_000));
    const signature = `v0=${createHmac('sha256', secret).update(`v0:${time}:${sent}`).digest('hex')}`;
    const signed = { 'x-slack-request-timestamp': time, 'x-slack-signature': signature, ...headers };
    return fetch(this.#botUrl, { method: 'POST', headers: signed, body: sent });
  }

  async say(event: object, headers: Readonly<Record<string, string>> = {}): Promise<void> {
    const authorizations = [{ user_id: 'UBOT' }];
    const whole = { channel: CHANNEL, ...event };
    const { status } = await this.send({ type: 'event_callback', authorizations, event: whole }, { headers });
    expect(status).toBe(200);
  }

  async answers(count: number): Promise<readonly Posted[]> {
    return until(`answer ${count} of the bot`, () => this.posted.length >= count && this.posted);
  }
}

async function startBot({ claude }: World, slack: Slack, db: string): Promise<void> {
  const { cwd, env } = claude.options();
  const settings = {
    SLACK_API: await slack.start(),
    SLACK_SIGNING_SECRET: SECRET,
    SLACK_BOT_TOKEN: 'a bot token',
    CHANNELS: JSON.stringify({ [CHANNEL]: cwd }),
    THREADS_DB: db,
    PORT: '0',
  };
  const child = spawn(process.execPath, [BOT], {
    cwd,
    env: { ...env, ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await closed;
  });
  let told = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    told += chunk;
  });
  slack.meet(`http://127.0.0.1:${await until('the bot to listen', () => told.match(/listening on (\d+)/)?.[1])}`);
}

function rowsOf(db: string): unknown[] {
  const database = new Database(db, { readonly: true });
  try {
    return database.prepare('SELECT thread_ts, session_id, channel_id, status, total_turns FROM sessions').all();
  } finally {
    database.close();
  }
}

it('the example of a Slack bot answers where it is mentioned, goes on in the thread, keeps its session, and begins anew without it', async () => {
  const world = await testWorld();
  const { api, claude } = world;
  const slack = new Slack();
  const db = join(world.root, 'threads.db');
  await startBot(world, slack, db);
  expect((await slack.send({ type: 'url_verification', challenge: 'abc' }, { secret: 'another' })).status).toBe(401);
  expect(await (await slack.send({ type: 'url_verification', challenge: 'abc' })).text()).toBe('abc');

  const [opening, next] = ['<@UBOT> It crashes.', 'In main.'];
  api.script(opening, text('Where?'));
  await slack.say({ type: 'message', text: 'Good morning.', ts: '1.1' });
  await slack.say({ type: 'app_mention', text: opening, ts: '2.1' });
  await slack.say({ type: 'message', text: opening, ts: '2.1' });
  await slack.say({ type: 'app_mention', text: opening, ts: '2.1' }, { 'x-slack-retry-num': '1' });
  expect(await slack.answers(1)).toEqual([{ channel: CHANNEL, thread_ts: '2.1', text: 'Where?' }]);
  const { sessionId } = api.requestFor(opening);
  const row = { thread_ts: '2.1', session_id: sessionId, channel_id: CHANNEL, status: 'active' };
  expect(rowsOf(db)).toEqual([{ ...row, total_turns: 1 }]);

  // The worker knows of the conversation by the bot's own map, however old it is.
  await ageAtRest(claude.configDir, sessionId, 40 * DAY_MS);
  const sources = JSON.stringify([{ kind: 'thread-map', name: 'slack', db }]);
  expect(await prune(world, claude, '--sources', sources)).toMatchObject({ removed: [], kept: { live: 1 } });
  api.script(next, text('I see.'));
  await slack.say({ type: 'message', text: 'I said that.', ts: '2.2', thread_ts: '2.1', bot_id: 'B1' });
  await slack.say({ type: 'message', text: next, ts: '2.3', thread_ts: '2.1' });
  expect(await slack.answers(2)).toContainEqual({ channel: CHANNEL, thread_ts: '2.1', text: 'I see.' });
  expect(api.requestFor(next).conversation).toEqual([`user: ${opening}`, 'assistant: Where?', `user: ${next}`]);
  expect(rowsOf(db)).toEqual([{ ...row, total_turns: 2 }]);

  // Without the map, a worker takes it for nobody's, and with its transcript the conversation is over.
  await ageAtRest(claude.configDir, sessionId, 40 * DAY_MS);
  const forgetful = { ...world, stateDir: join(world.root, 'another state') };
  expect(await prune(forgetful, claude, '--allow-mass-removal')).toMatchObject({ removed: [sessionId] });
  rmSync(join(claude.configDir, 'session-sweeper'), { recursive: true });
  api.script('Still there?', text('Yes.'));
  await slack.say({ type: 'message', text: 'Still there?', ts: '2.4', thread_ts: '2.1' });
  expect(await slack.answers(3)).toContainEqual({ channel: CHANNEL, thread_ts: '2.1', text: 'Yes.' });
  const { sessionId: another } = api.requestFor('Still there?');
  expect(another).not.toBe(sessionId);
  expect(rowsOf(db)).toEqual([{ ...row, session_id: another, total_turns: 3 }]);
});
