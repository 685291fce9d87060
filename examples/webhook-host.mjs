/**
 * A host in miniature: a webhook comes in, Claude answers in the conversation of that issue, and when the issue is closed its
 * conversation is forgotten. `node examples/webhook-host.mjs`, and then:
 *
 *   curl -d '{"action":"comment","repo":"acme/app","issue":12,"text":"It crashes."}' http://127.0.0.1:8080
 */

import { createServer } from 'node:http';
import { homedir } from 'node:os';
import { json } from 'node:stream/consumers';
import { query } from '@anthropic-ai/claude-agent-sdk';
import { openResumeMap, runWithSessionResume, sessionKey } from 'claude-session-sweeper';

// Where this host's transcripts are: with it, a session that was pruned is restored or begun anew before the model is asked.
const claudeDirs = [process.env.CLAUDE_CONFIG_DIR ?? `${homedir()}/.claude`];
const map = await openResumeMap();

async function answer({ repo, issue, text }) {
  const run = runWithSessionResume({
    map,
    key: sessionKey({ forge: 'forgejo', agent: 'helper', repo, issue }),
    query,
    prompt: `You help with issue ${issue} of ${repo}.\n\n${text}`,
    deltaPrompt: text,
    options: { permissionMode: 'plan' },
    claudeDirs,
  });
  let answered = '';
  for await (const message of run) if (message.type === 'result' && !message.is_error) answered = message.result;
  return { answered };
}

async function handle(event) {
  if (event.action === 'closed') return { dropped: await map.dropAllForIssue(event.repo, event.issue) };
  return answer(event);
}

const server = createServer(async (request, response) => {
  try {
    response.end(JSON.stringify(await handle(await json(request))));
  } catch (error) {
    console.error(error);
    // The session is still in the map: the next event goes on with it.
    response.writeHead(500).end();
  }
});
// Whoever is let in here can talk to Claude.
server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '127.0.0.1', () =>
  console.log(`listening on ${server.address().port}`),
);
process.once('SIGTERM', () => server.close(() => map.close()));
