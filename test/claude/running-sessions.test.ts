/**
 * What happens to a session that the real client has open. Protected by its process record alone, it goes on and loses nothing;
 * taken away by a mover that does not ask, it silently loses its beginning, and a join gives that back.
 */

import { describe, expect, it } from 'vitest';
import { parseSessionId, type SessionId } from '../../src/claude-dir/session-id.ts';
import { runProgram } from '../support/process.ts';
import { trashSessions } from '../support/trashed.ts';
import { DAY_MS } from '../support/tree.ts';
import { until } from '../support/wait.ts';
import { age, ageAtRest, unitOf } from './ages.ts';
import { type Claude, userMessage } from './client.ts';
import { Gate, stall, text } from './replies.ts';
import { expectResumed, type Told, toldAfter } from './told.ts';
import { LARGE_RESULT, scriptWithSubagent } from './turns.ts';
import { type Pruned, prune, testWorld, type World } from './world.ts';

const OLD_MS = 40 * DAY_MS;

async function firstTurn({ api, claude }: World): Promise<Told> {
  scriptWithSubagent(api, 'first', LARGE_RESULT, text('The first answer.'));
  return toldAfter(api, 'first', await claude.cli('first'));
}

async function again({ api }: World, claude: Claude, before: Told, prompt: string): Promise<Told> {
  api.script(prompt, text(`The answer to: ${prompt}`));
  return expectResumed(api, before, prompt, await claude.cli(prompt, '--resume', before.sessionId));
}

/** Once nothing runs it any more it is as any other: so it was its process that protected it. */
async function expectRemovedOnceEnded(world: World, { sessionId }: Told): Promise<void> {
  age(world.claude.configDir, sessionId, OLD_MS);
  expect(await prune(world, world.claude, '--allow-mass-removal')).toMatchObject({ removed: [sessionId] });
}

describe('a session that is 40 days old on disk and runs', () => {
  it('goes on after a prune in the middle of a turn, and keeps all its messages', async () => {
    const world = await testWorld();
    const { api, claude } = world;
    const first = await firstTurn(world);
    const gate = new Gate();
    api.script('second', LARGE_RESULT, stall(gate, LARGE_RESULT), text('The second answer.'));
    const running = claude.startCli('second', '--resume', first.sessionId);
    await gate.reached;
    await ageAtRest(claude.configDir, first.sessionId, OLD_MS);
    const unit = unitOf(claude.configDir, first.sessionId);

    expect(await prune(world, claude)).toMatchObject({ removed: [], kept: { running: 1 } });
    expect(unitOf(claude.configDir, first.sessionId)).toEqual(unit);
    gate.open();
    const second = toldAfter(api, 'second', await running.finished);
    expect(second.conversation.slice(0, first.conversation.length)).toEqual(first.conversation);

    const third = await again(world, claude, second, 'third');
    await expectRemovedOnceEnded(world, third);
  });

  it('goes on after a prune between two prompts of one SDK query', async () => {
    const world = await testWorld();
    const { api, claude } = world;
    const first = await firstTurn(world);
    api.script('second', text('The second answer.'));
    api.script('third', text('The third answer.'));
    const answered = new Gate();
    let pruned: Pruned | undefined;
    async function* prompts() {
      yield userMessage('second');
      await answered.opened;
      await until('the client to idle', () => claude.statusOf(first.sessionId) === 'idle' || undefined);
      await ageAtRest(claude.configDir, first.sessionId, OLD_MS);
      pruned = await prune(world, claude);
      yield userMessage('third');
    }
    const onMessage = ({ type }: { readonly type: string }) => void (type === 'result' && answered.open());
    const result = await claude.sdk(prompts(), { resume: first.sessionId }, onMessage);
    expect(pruned).toMatchObject({ removed: [], kept: { running: 1 } });
    const third = toldAfter(api, 'third', result);
    const second = [...first.conversation, 'user: second', 'assistant: The second answer.'];
    expect(third.conversation).toEqual([...second, 'user: third', 'assistant: The third answer.']);
    await expectRemovedOnceEnded(world, await again(world, claude, third, 'fourth'));
  });
});

describe('a session that was moved to the trash in the middle of a turn, by who did not ask whether it runs', () => {
  it('is written anew with its end alone, and has all its messages again after trash restore --join', async () => {
    const world = await testWorld();
    const { api, claude, stateDir } = world;
    const first = await firstTurn(world);
    const gate = new Gate();
    api.script('second', LARGE_RESULT, stall(gate, LARGE_RESULT), text('The second answer.'));
    const running = claude.startCli('second', '--resume', first.sessionId);
    await gate.reached;
    await ageAtRest(claude.configDir, first.sessionId, OLD_MS);
    trashSessions(claude.configDir, [sessionIdOf(first)], Date.now());
    expect(unitOf(claude.configDir, first.sessionId)).toEqual([]);
    gate.open();
    // It notices nothing: the process still has all of it in memory.
    const second = toldAfter(api, 'second', await running.finished);
    expect(second.conversation.slice(0, first.conversation.length)).toEqual(first.conversation);

    // What makes it dangerous: a resume succeeds, and knows next to nothing.
    api.script('forgetful', text('Who are you?'));
    const forgetful = await claude.copy('forgetful').cli('forgetful', '--resume', first.sessionId);
    const forgotten = toldAfter(api, 'forgetful', forgetful);
    expect(forgotten.sessionId).toBe(first.sessionId);
    expect(forgotten.conversation).not.toContain('user: first');

    const args = ['--claude-dir', claude.configDir, '--state-dir', stateDir, 'trash', 'restore', first.sessionId];
    const refused = await runProgram(args);
    expect(refused, refused.stderr).toMatchObject({ code: 65 });
    expect(refused.stderr).toContain('--join');
    const joined = await runProgram([...args, '--join']);
    expect(joined, joined.stderr).toMatchObject({ code: 0 });
    await again(world, claude, second, 'third');
  });
});

function sessionIdOf({ sessionId }: Told): SessionId {
  const id = parseSessionId(sessionId);
  if (id === undefined) throw new Error(`${sessionId} is no session id`);
  return id;
}
