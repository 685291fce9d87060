/**
 * A Slack bot whose conversations are threads: whoever mentions it begins one, and whatever is said in that thread goes on in it.
 *
 *   SLACK_SIGNING_SECRET=… SLACK_BOT_TOKEN=… THREADS_DB=/srv/slack/threads.db CHANNELS='{"C0123456789":"/srv/app"}' node examples/slack-bot.mjs
 *
 * Slack's event subscriptions (`app_mention`, `message.channels`) are given its address, and the worker its map:
 *
 *   sources: [{ kind: thread-map, name: slack, db: /srv/slack/threads.db, sweep: true, maxAge: 30d }]
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import { basename } from 'node:path';
import { text as bodyOf } from 'node:stream/consumers';
import { query } from '@anthropic-ai/claude-agent-sdk';
import { openThreadMap } from 'claude-session-sweeper';

const { SLACK_SIGNING_SECRET: secret = '', SLACK_BOT_TOKEN: token, SLACK_API = 'https://slack.com/api' } = process.env;
/** The repository of each channel. */
const repoPaths = JSON.parse(process.env.CHANNELS);
const threads = await openThreadMap({ databasePath: process.env.THREADS_DB });
// The bot was moved to another channel, or does not work in a repository any more: those threads are over.
const repos = Object.entries(repoPaths).map(([channel, path]) => [basename(path), channel]);
await threads.pruneStaleChannels(new Map(repos));

/** From the first message on the map names the session, so that nothing prunes it. */
async function keep(threadTs, channelId, sessionId) {
  const lastActive = new Date();
  if ((await threads.getByThread(threadTs)) !== null) {
    await threads.update(threadTs, { sessionId, status: 'active', lastActive });
    return;
  }
  const repoPath = repoPaths[channelId];
  const session = { threadTs, sessionId, repo: basename(repoPath), repoPath, channelId };
  await threads.insert({ ...session, createdAt: lastActive, lastActive });
}

async function ask(prompt, threadTs, channelId, resume) {
  const options = { cwd: repoPaths[channelId], permissionMode: 'plan', ...(resume === undefined ? {} : { resume }) };
  for await (const message of query({ prompt, options })) {
    if (message.type === 'system' && message.subtype === 'init') await keep(threadTs, channelId, message.session_id);
    if (message.type !== 'result') continue;
    if (message.is_error) throw new Error(message.errors?.join('; ') ?? message.result);
    await threads.update(threadTs, (session) => {
      session.totalTurns += 1;
      session.lastActive = new Date();
    });
    return message.result;
  }
  throw new Error('Claude has ended without an answer');
}

async function answer({ type, text, channel, ts, thread_ts: threadTs = ts }) {
  const known = await threads.getByThread(threadTs);
  // What people say to each other is none of its business.
  if (!Object.hasOwn(repoPaths, channel) || (known === null && type !== 'app_mention')) return undefined;
  try {
    return await ask(text, threadTs, channel, known?.sessionId);
  } catch (error) {
    // Its transcript is gone: the thread goes on in a new conversation. Any other failure keeps the session.
    if (known === null || !String(error).includes('No conversation found')) throw error;
    return ask(text, threadTs, channel);
  }
}

async function reply(event) {
  const threadTs = event.thread_ts ?? event.ts;
  const text = await answer(event).catch(async (error) => {
    console.error(error);
    await threads.update(threadTs, { status: 'error' }).catch(() => undefined);
    return 'Sorry, that went wrong. Please try again.';
  });
  if (text === undefined) return;
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json; charset=utf-8' };
  const body = JSON.stringify({ channel: event.channel, thread_ts: threadTs, text });
  await fetch(`${SLACK_API}/chat.postMessage`, { method: 'POST', headers, body });
}

/** One after the other in each thread. */
const turns = new Map();
function inTurn(event) {
  const threadTs = event.thread_ts ?? event.ts;
  const turn = (turns.get(threadTs) ?? Promise.resolve()).then(() => reply(event)).catch(console.error);
  turns.set(threadTs, turn);
  turn.finally(() => turns.get(threadTs) === turn && turns.delete(threadTs));
}

function isFromSlack({ headers }, body) {
  const time = headers['x-slack-request-timestamp'];
  const signature = `v0=${createHmac('sha256', secret).update(`v0:${time}:${body}`).digest('hex')}`;
  const given = Buffer.from(String(headers['x-slack-signature']));
  const isRecent = Math.abs(Date.now() / 1_000 - Number(time)) < 300;
  return (
    secret !== '' && isRecent && given.length === signature.length && timingSafeEqual(given, Buffer.from(signature))
  );
}

const server = createServer(async (request, response) => {
  const body = await bodyOf(request);
  if (!isFromSlack(request, body)) return response.writeHead(401).end();
  const { type, challenge, event, authorizations = [] } = JSON.parse(body);
  if (type === 'url_verification') return response.end(challenge);
  // Slack waits for three seconds, and comes again then.
  response.end();
  const isOwn = event.bot_id !== undefined || event.subtype !== undefined;
  // A mention comes twice: once as such, and once as a message.
  const isMention = authorizations.some(({ user_id: bot }) => event.text?.includes(`<@${bot}>`));
  const isAgain = request.headers['x-slack-retry-num'] !== undefined || (event.type === 'message' && isMention);
  if (!isOwn && !isAgain) inTurn(event);
});
server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () =>
  console.log(`listening on ${server.address().port}`),
);
process.once('SIGTERM', () => {
  server.close(async () => {
    await Promise.all(turns.values());
    await threads.close();
  });
});
