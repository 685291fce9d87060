/** What the real client writes down of its background jobs and pins, and what a prune makes of it. */

import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DAY_MS } from '../support/tree.ts';
import { until } from '../support/wait.ts';
import { ageAtRest, unitOf } from './ages.ts';
import { text } from './replies.ts';
import { prune, testWorld, type World } from './world.ts';

const OLD_MS = 40 * DAY_MS;

/** A session that has answered in the background, and waits for more. */
async function answeredInBackground({
  api,
  claude,
}: World): Promise<{ readonly job: string; readonly sessionId: string }> {
  api.script('first', text('The first answer.'));
  const job = await claude.startInBackground('first');
  const state = await until('the job to have answered', () => {
    const isWritten = existsSync(join(claude.configDir, 'jobs', job, 'state.json'));
    const state = isWritten ? claude.stateOf(job) : undefined;
    const isIdle = state !== undefined && claude.statusOf(state.sessionId) === 'idle';
    return isIdle && unitOf(claude.configDir, state.sessionId).length > 0 ? state : undefined;
  });
  return { job, sessionId: state.sessionId };
}

async function stop({ claude }: World, job: string): Promise<void> {
  const stopped = await claude.command('stop', job);
  expect(stopped.code, stopped.stderr).toBe(0);
  const { sessionId } = claude.stateOf(job);
  await until('the job to end', () => {
    return (claude.stateOf(job).state === 'stopped' && claude.statusOf(sessionId) === undefined) || undefined;
  });
}

describe('a background job of the real client', () => {
  it('protects its session while it waits for more, and no longer once it was stopped', async () => {
    const world = await testWorld();
    const { claude } = world;
    const { job, sessionId } = await answeredInBackground(world);
    expect(sessionId.startsWith(job)).toBe(true);
    expect(claude.stateOf(job).state).toMatch(/^(working|blocked)$/);
    await ageAtRest(claude.configDir, sessionId, OLD_MS);
    expect(await prune(world, claude)).toMatchObject({ removed: [], kept: { running: 1 } });

    await stop(world, job);
    // The client leaves the job's state behind, and it names the session for good.
    expect(claude.stateOf(job)).toMatchObject({ state: 'stopped', sessionId, resumeSessionId: sessionId });
    await ageAtRest(claude.configDir, sessionId, OLD_MS);
    expect(await prune(world, claude, '--allow-mass-removal')).toMatchObject({ removed: [sessionId], kept: {} });
  });

  it('that is pinned as the client pins it keeps its session after its end, until it is unpinned', async () => {
    const world = await testWorld();
    const { claude } = world;
    const { job, sessionId } = await answeredInBackground(world);
    await stop(world, job);
    const listed = await claude.command('agents', '--json', '--all');
    expect(listed.stdout).toContain(job);
    const pins = join(claude.configDir, 'jobs/pins.json');
    // The client itself begins the list, empty.
    expect(JSON.parse(readFileSync(pins, 'utf8'))).toEqual([]);

    writeFileSync(pins, JSON.stringify([job]));
    await ageAtRest(claude.configDir, sessionId, OLD_MS);
    expect(await prune(world, claude)).toMatchObject({ removed: [], kept: { pinned: 1 } });
    writeFileSync(pins, '[]');
    expect(await prune(world, claude, '--allow-mass-removal')).toMatchObject({ removed: [sessionId] });
  });

  it('has no pins where something else than a file is in their place, which the client removes unread; what is damaged it leaves', async () => {
    const world = await testWorld();
    const { claude } = world;
    const { job } = await answeredInBackground(world);
    await stop(world, job);
    const pins = join(claude.configDir, 'jobs/pins.json');
    rmSync(pins, { force: true });
    mkdirSync(pins);
    await claude.command('agents', '--json', '--all');
    expect(statSync(pins, { throwIfNoEntry: false })?.isDirectory()).not.toBe(true);

    writeFileSync(pins, '["damaged');
    await claude.command('agents', '--json', '--all');
    expect(readFileSync(pins, 'utf8')).toBe('["damaged');
  });
});
