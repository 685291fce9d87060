/** The example of a CI job, run as the process that it is. */

import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { run } from '../support/process.ts';
import { DAY_MS } from '../support/tree.ts';
import { ageAtRest } from './ages.ts';
import { badRequest, text } from './replies.ts';
import { prune, sweeper, testWorld } from './world.ts';

const JOB = fileURLToPath(new URL('../../examples/ci-runner.mjs', import.meta.url));

it('the example of a CI job leaves what went well to the worker, and keeps what failed until somebody has looked at it', async () => {
  const world = await testWorld();
  const { api, claude, stateDir } = world;
  const { cwd, env } = claude.options();
  const ask = (prompt: string) => {
    return run(process.execPath, [JOB, prompt], { cwd, env: { ...env, CLAUDE_HOOKS_STATE_DIR: stateDir } });
  };
  api.script('Review it.', text('It is fine.'));
  // However often it asks.
  api.script('Test it.', ...Array.from({ length: 8 }, () => badRequest('this is no request')));
  expect(await ask('Review it.')).toMatchObject({ code: 0, stdout: 'It is fine.\n' });
  const failed = await ask('Test it.');
  const [well, ill] = ['Review it.', 'Test it.'].map((prompt) => api.requestFor(prompt).sessionId) as [string, string];
  expect(failed).toMatchObject({ code: 1, stdout: '' });
  expect(failed.stderr).toContain('this is no request');
  expect(failed.stderr).toContain(`claude --resume ${ill}`);
  for (const id of [well, ill]) await ageAtRest(claude.configDir, id, 5 * DAY_MS);

  const classes = ['--classes', '{sdk: {maxAge: 3d}}'];
  expect(await prune(world, claude, ...classes)).toMatchObject({ removed: [well], kept: { pinned: 1 } });
  await sweeper(world, claude, 'unpin', ill);
  expect(await prune(world, claude, ...classes)).toMatchObject({ removed: [ill] });
});
