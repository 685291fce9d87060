/**
 * Claude's own clean-up beside ours. It deletes what has not been written for 30 days, live or not, a few seconds after a client
 * starts: what the shield has made younger it spares, and `--continue` finds the same session as if nothing had been touched.
 */

import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DAY_MS } from '../support/tree.ts';
import { until } from '../support/wait.ts';
import { ageAtRest, unitOf } from './ages.ts';
import type { Claude } from './client.ts';
import { Gate, stall, text } from './replies.ts';
import { expectResumed, type Told, toldAfter } from './told.ts';
import { changeOfFile, LARGE_RESULT, scriptWithSubagent } from './turns.ts';
import { openWorld, prune, sweeper, type World } from './world.ts';

/** Two that are live and long over Claude's 30 days, and one that is nobody's and nowhere near them. */
const AGES = { live: 40, older: 41, nobodys: 20 };

type Name = keyof typeof AGES;

let world: World;
let sessions: Record<Name, Told>;
let before: Claude;
/** After a prune with the shield. */
let shielded: Claude;
let shieldedSessions: unknown;

beforeAll(async () => {
  world = await openWorld();
  const { api, claude } = world;
  scriptWithSubagent(api, 'live', LARGE_RESULT, ...changeOfFile(claude, 'live.txt'), text('Live.'));
  api.script('older', text('Live too.'));
  api.script('nobodys', text("Nobody's."));
  const [live, older, nobodys] = await Promise.all([
    claude.sdk('live', { enableFileCheckpointing: true }),
    claude.cli('older'),
    claude.cli('nobodys'),
  ]);
  sessions = {
    live: toldAfter(api, 'live', live),
    older: toldAfter(api, 'older', older),
    nobodys: toldAfter(api, 'nobodys', nobodys),
  };
  const aged = Object.entries(AGES).map(([name, days]) =>
    ageAtRest(claude.configDir, sessions[name as Name].sessionId, days * DAY_MS),
  );
  await Promise.all(aged);
  before = withClaudesDefaults(claude.copy('before'));
  shielded = withClaudesDefaults(claude.copy('shielded'));
  for (const name of ['live', 'older'] as const) {
    await sweeper(world, shielded, 'map', 'set', `forgejo:architect:acme/app:${name}`, sessions[name].sessionId);
  }
  shieldedSessions = await prune(world, shielded);
});

afterAll(() => world?.close());

/** As a client finds it that was never told otherwise, and has not cleaned up today. */
function withClaudesDefaults(claude: Claude): Claude {
  writeFileSync(join(claude.configDir, 'settings.json'), '{}');
  rmSync(join(claude.configDir, '.last-cleanup'), { force: true });
  return claude;
}

/** Works in the directory until its clean-up has run, and `isThrough` says that it has shown what it does. */
async function cleanUp(claude: Claude, prompt: string, isThrough: () => boolean): Promise<void> {
  const gate = new Gate();
  world.api.script(prompt, stall(gate, text('Cleaned up.')));
  const running = claude.startCli(prompt);
  try {
    await until(`the clean-up during: ${prompt}`, () => isThrough() || undefined);
  } finally {
    gate.open();
  }
  toldAfter(world.api, prompt, await running.finished);
}

const transcriptOf = (claude: Claude, name: Name) =>
  unitOf(claude.configDir, sessions[name].sessionId).find((path) =>
    path.endsWith(`/${sessions[name].sessionId}.jsonl`),
  );

describe("Claude's own clean-up", () => {
  it('deletes live sessions over its age, and spares them whole where the shield was held over them', async () => {
    expect(shieldedSessions).toMatchObject({ removed: [], kept: { live: 2 } });
    const control = before.copy('control');
    withClaudesDefaults(control);
    const swept = withClaudesDefaults(shielded.copy('swept'));
    const isOver = () =>
      existsSync(join(control.configDir, '.last-cleanup')) && transcriptOf(control, 'live') === undefined;
    await Promise.all([
      cleanUp(control, 'control', isOver),
      cleanUp(swept, 'swept', () => isOver() && existsSync(join(swept.configDir, '.last-cleanup'))),
    ]);
    for (const name of ['live', 'older'] as const) {
      const unit = unitOf(before.configDir, sessions[name].sessionId);
      expect(unitOf(control.configDir, sessions[name].sessionId)).not.toEqual(unit);
      expect(unitOf(swept.configDir, sessions[name].sessionId)).toEqual(unit);
    }
    const { live } = sessions;
    world.api.script('live, gone', text('Who are you?'));
    world.api.script('live, again', text('Of course I know.'));
    const [gone, again] = await Promise.all([
      control.cli('live, gone', '--resume', live.sessionId),
      swept.sdk('live, again', { resume: live.sessionId }),
    ]);
    expect(gone.said).toBe(`No conversation found with session ID: ${live.sessionId}`);
    expectResumed(world.api, live, 'live, again', again);
  });

  it('--continue finds the same session with the shield as without', async () => {
    for (const [what, claude] of Object.entries({ before, shielded })) {
      const prompt = `continue ${what}`;
      world.api.script(prompt, text('Here again.'));
      const copy = claude.copy(prompt);
      expectResumed(world.api, sessions.nobodys, prompt, await copy.cli(prompt, '--continue'));
    }
  });

  it('--continue finds the younger one of those that were shielded', async () => {
    const copy = shielded.copy('without the young one');
    for (const path of unitOf(copy.configDir, sessions.nobodys.sessionId))
      rmSync(join(copy.configDir, path), { recursive: true });
    world.api.script('continue live', text('Here again.'));
    expectResumed(world.api, sessions.live, 'continue live', await copy.cli('continue live', '--continue'));
  });
});
