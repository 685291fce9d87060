/** The example of a host, run as the process that it is. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { DAY_MS } from '../support/tree.ts';
import { until } from '../support/wait.ts';
import { ageAtRest } from './ages.ts';
import { text } from './replies.ts';
import { prune, testWorld, type World } from './world.ts';

const HOST = fileURLToPath(new URL('../../examples/webhook-host.mjs', import.meta.url));

async function startHost({ claude, stateDir }: World): Promise<(event: object) => Promise<unknown>> {
  const { cwd, env } = claude.options();
  const child = spawn(process.execPath, [HOST], {
    cwd,
    env: { ...env, CLAUDE_HOOKS_STATE_DIR: stateDir, PORT: '0' },
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
  const port = await until('the host to listen', () => told.match(/listening on (\d+)/)?.[1]);
  return async (event) => {
    const body = JSON.stringify({ repo: 'acme/app', issue: 12, ...event });
    return (await fetch(`http://127.0.0.1:${port}`, { method: 'POST', body })).json();
  };
}

it('the example of a host answers, goes on, gets its conversation back from the trash, and forgets what was closed', async () => {
  const world = await testWorld();
  const { api, claude } = world;
  const send = await startHost(world);
  const opening = (said: string) => `You help with issue 12 of acme/app.\n\n${said}`;
  api.script(opening('It crashes.'), text('Where?'));
  expect(await send({ action: 'comment', text: 'It crashes.' })).toEqual({ answered: 'Where?' });
  const { sessionId } = api.requestFor(opening('It crashes.'));
  expect(await prune(world, claude)).toMatchObject({ removed: [], kept: { live: 1 } });

  // Another state directory knows nothing of the conversation, and is not believed until an operator says so.
  await ageAtRest(claude.configDir, sessionId, 40 * DAY_MS);
  const forgetful = { ...world, stateDir: join(world.root, 'another state') };
  expect(await prune(forgetful, claude, '--allow-mass-removal')).toMatchObject({ removed: [sessionId] });
  api.script('In main.', text('I see.'));
  expect(await send({ action: 'comment', text: 'In main.' })).toEqual({ answered: 'I see.' });
  const before = [`user: ${opening('It crashes.')}`, 'assistant: Where?'];
  expect(api.requestFor('In main.').conversation).toEqual([...before, 'user: In main.']);

  expect(await send({ action: 'closed' })).toEqual({ dropped: 1 });
  api.script(opening('Again.'), text('Where?'));
  expect(await send({ action: 'comment', text: 'Again.' })).toEqual({ answered: 'Where?' });
  expect(api.requestFor(opening('Again.')).conversation).toEqual([`user: ${opening('Again.')}`]);
});
