/**
 * The promise as a user of Claude Code sees it: after a real prune, what is protected resumes with all its messages, what was
 * removed says so, and what was restored resumes as if nothing had happened. Sessions are made and resumed by the real client.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { renameSession, tagSession } from '@anthropic-ai/claude-agent-sdk';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openResumeMap } from '../../src/library/index.ts';
import { DAY_MS } from '../support/tree.ts';
import { ageAtRest, unitOf } from './ages.ts';
import type { Claude, CliResult } from './client.ts';
import { cut, Gate, overloaded, serverError, stall, text } from './replies.ts';
import { expectResumed, type Told, toldAfter } from './told.ts';
import { changeOfFile, LARGE_RESULT, scriptWithSubagent } from './turns.ts';
import { openWorld, type Pruned, prune, sweeper, type World } from './world.ts';

/** All are older than the 30 days that a session is kept for. The youngest is the one that `--continue` takes. */
const AGES = {
  mapped: 40,
  pinned: 41,
  fork: 42,
  running: 43,
  ofCli: 44,
  ofSdk: 45,
  forked: 46,
  tagged: 47,
  taggedMidTurn: 48,
  untagged: 49,
  titled: 50,
};

type Name = keyof typeof AGES;

const PROTECTED = ['mapped', 'pinned', 'fork', 'tagged', 'taggedMidTurn'] as const satisfies readonly Name[];
const REMOVED = ['ofCli', 'ofSdk', 'forked', 'untagged', 'titled'] as const satisfies readonly Name[];
/** The SDK looks for a tag in so much of the end of a transcript, and no further. */
const SDK_TAIL_BYTES = 64 * 1024;

let world: World;
let sessions: Record<Name, Told>;
/** As it was before the prune, and right after it. */
let before: Claude;
let after: Claude;
let pruned: Pruned;
const gate = new Gate();

beforeAll(async () => {
  world = await openWorld();
  const { api, claude } = world;
  // What the SDK does without a client, it does in this process.
  vi.stubEnv('CLAUDE_CONFIG_DIR', claude.configDir);
  sessions = await makeSessions(world);
  await mark(sessions);
  vi.unstubAllEnvs();
  api.script('running, stalled', LARGE_RESULT, stall(gate, text('At last.')));
  const running = claude.startCli('running, stalled', '--resume', sessions.running.sessionId);
  await gate.reached;
  const aged = Object.entries(AGES).map(([name, days]) =>
    ageAtRest(claude.configDir, sessions[name as Name].sessionId, days * DAY_MS),
  );
  await Promise.all(aged);
  await protect(world);
  before = claude.copy('before');
  pruned = await prune(world, claude);
  after = claude.copy('after');
  gate.open();
  sessions.running = toldAfter(api, 'running, stalled', await running.finished);
});

afterAll(async () => {
  gate.open();
  await world?.close();
});

async function makeSessions(world: World): Promise<Record<Name, Told>> {
  const { api, claude } = world;
  scriptWithSubagent(api, 'mapped', LARGE_RESULT, text('Mapped.'));
  scriptWithSubagent(api, 'pinned', ...changeOfFile(claude, 'pinned.txt'), text('Pinned.'));
  scriptWithSubagent(api, 'of the CLI', LARGE_RESULT, text('Of the CLI.'));
  scriptWithSubagent(api, 'of the SDK', ...changeOfFile(claude, 'sdk.txt'), text('Of the SDK.'));
  // What a bad connection leaves in a transcript is part of it too.
  api.script('forked', LARGE_RESULT, serverError(), text('To be forked.'));
  api.script('fork', text('Forked.'));
  api.script('running', cut(), overloaded(), text('Soon to stall.'));
  api.script('tagged', text('Tagged.'));
  api.script('untagged', text('No more tagged.'));
  api.script('titled', text('Titled.'));
  const told = async (prompt: string, turn: ReturnType<Claude['cli']> | ReturnType<Claude['sdk']>) =>
    toldAfter(api, prompt, await turn);
  const [forked, mapped, pinned, ofCli, ofSdk, running, tagged, taggedMidTurn, untagged, titled] = await Promise.all([
    told('forked', claude.cli('forked')),
    told('mapped', claude.cli('mapped')),
    told('pinned', claude.sdk('pinned', { enableFileCheckpointing: true })),
    told('of the CLI', claude.cli('of the CLI')),
    told('of the SDK', claude.sdk('of the SDK', { enableFileCheckpointing: true })),
    told('running', claude.cli('running')),
    told('tagged', claude.cli('tagged')),
    told('tagged in the middle of a turn', tagMidTurn(world)),
    told('untagged', claude.sdk('untagged')),
    told('titled', claude.sdk('titled')),
  ]);
  const fork = await told('fork', claude.cli('fork', '--resume', forked.sessionId, '--fork-session'));
  expect(fork.sessionId).not.toBe(forked.sessionId);
  return { mapped, pinned, fork, running, ofCli, ofSdk, forked, tagged, taggedMidTurn, untagged, titled };
}

/** What the client writes after the tag leaves it far from the end. */
async function tagMidTurn({ api, claude }: World): Promise<CliResult> {
  api.script('to be tagged', text('Yes.'));
  const { sessionId } = toldAfter(api, 'to be tagged', await claude.cli('to be tagged'));
  const prompt = 'tagged in the middle of a turn';
  const answering = new Gate();
  api.script(prompt, stall(answering, text('x'.repeat(2 * SDK_TAIL_BYTES))));
  const running = claude.startCli(prompt, '--resume', sessionId);
  await answering.reached;
  await tagSession(sessionId, 'keep');
  answering.open();
  return running.finished;
}

/** As a person does it in the host's own interface. */
async function mark({ tagged, untagged, titled }: Record<Name, Told>): Promise<void> {
  await tagSession(tagged.sessionId, 'keep');
  await tagSession(untagged.sessionId, 'keep');
  await tagSession(untagged.sessionId, null);
  await renameSession(titled.sessionId, 'A title of its own');
}

/** Each in its own way: on the command line, by the library, by a pin. */
async function protect(world: World): Promise<void> {
  const { claude, stateDir } = world;
  await sweeper(world, claude, 'map', 'set', 'forgejo:architect:acme/app:1', sessions.mapped.sessionId);
  const map = await openResumeMap({ stateDir });
  await map.setSession('forgejo:architect:acme/app:2', sessions.fork.sessionId);
  await map.close();
  await sweeper(world, claude, 'pin', sessions.pinned.sessionId);
}

function resume(claude: Claude, { sessionId }: Told, prompt: string, by: 'CLI' | 'SDK') {
  world.api.script(prompt, text(`Of course I know: ${prompt}`));
  return by === 'CLI' ? claude.cli(prompt, '--resume', sessionId) : claude.sdk(prompt, { resume: sessionId });
}

describe('after a prune of sessions that are all more than 30 days old', () => {
  it('works with sessions that have all that sessions have', () => {
    const kinds = ['subagents/agent-', 'tool-results/', 'file-history/', 'session-env/'];
    for (const session of [sessions.mapped, sessions.ofSdk, sessions.ofCli, sessions.pinned]) {
      expect(unitOf(before.configDir, session.sessionId).length).toBeGreaterThan(5);
    }
    const paths = Object.values(sessions).flatMap(({ sessionId }) => unitOf(before.configDir, sessionId));
    for (const kind of kinds) expect(paths.join('\n')).toContain(kind);
  });

  it('has removed what nobody protects, and nothing else', () => {
    expect(pruned.removed.toSorted()).toEqual(REMOVED.map((name) => sessions[name].sessionId).toSorted());
    expect(pruned.kept).toEqual({ live: 2, pinned: 1, running: 1, tagged: 2 });
    for (const name of REMOVED) expect(unitOf(after.configDir, sessions[name].sessionId)).toEqual([]);
    for (const name of PROTECTED) {
      const { sessionId } = sessions[name];
      expect(unitOf(after.configDir, sessionId)).toEqual(unitOf(before.configDir, sessionId));
    }
  });

  it.each([
    ['mapped', 'SDK'],
    ['pinned', 'CLI'],
    ['fork', 'SDK'],
    ['running', 'CLI'],
    ['tagged', 'SDK'],
    ['taggedMidTurn', 'CLI'],
  ] as const)('resumes the one that is %s with all its messages (%s)', async (name, by) => {
    const prompt = `${name}, again`;
    expectResumed(world.api, sessions[name], prompt, await resume(world.claude, sessions[name], prompt, by));
  });

  it('has found a tag where the SDK itself would not look', () => {
    const { sessionId } = sessions.taggedMidTurn;
    const paths = unitOf(before.configDir, sessionId).filter((path) => path.endsWith('.jsonl'));
    const transcript = readFileSync(join(before.configDir, paths[0] ?? ''));
    expect(transcript.length - transcript.lastIndexOf('"type":"tag"')).toBeGreaterThan(SDK_TAIL_BYTES);
  });

  it('would have kept one that was titled with renameSession, and all its messages, had it been told to', async () => {
    const named = before.copy('named');
    const { removed, kept } = await prune(world, named, '--keep-named');
    expect(kept).toMatchObject({ named: 1, tagged: 2 });
    expect(removed).not.toContain(sessions.titled.sessionId);
    expect(removed).toContain(sessions.untagged.sessionId);
    const result = await resume(named, sessions.titled, 'titled, again', 'SDK');
    expectResumed(world.api, sessions.titled, 'titled, again', result);
  });

  it.each(REMOVED)('is told by the client that there is no such conversation: %s', async (name) => {
    const { sessionId } = sessions[name];
    const message = `No conversation found with session ID: ${sessionId}`;
    const [cli, sdk] = await Promise.all([
      resume(after, sessions[name], `${name}, gone`, 'CLI'),
      resume(after, sessions[name], `${name}, gone`, 'SDK'),
    ]);
    expect(cli).toMatchObject({ code: 1, stderr: `${message}\n`, said: message, isError: true });
    expect(sdk).toMatchObject({ said: message, isError: true });
    expect(sdk).toMatchObject({ thrown: `Claude Code returned an error result: ${message}` });
    expect(world.api.requests.some(({ prompt }) => prompt === `${name}, gone`)).toBe(false);
  });

  it('goes on with the same session as before on --continue', async () => {
    for (const [name, claude] of Object.entries({ before, after })) {
      const prompt = `continue ${name}`;
      world.api.script(prompt, text('Here again.'));
      // On a copy: a turn makes it the newest for good.
      const result = await claude.copy(prompt).cli(prompt, '--continue');
      expectResumed(world.api, sessions.mapped, prompt, result);
    }
  });

  it('resumes what was restored with all its messages, and --continue is not led astray by it', async () => {
    const restored = after.copy('restored');
    await sweeper(world, restored, 'trash', 'restore', ...REMOVED.map((name) => sessions[name].sessionId));
    for (const name of REMOVED) {
      const { sessionId } = sessions[name];
      expect(unitOf(restored.configDir, sessionId)).toEqual(unitOf(before.configDir, sessionId));
    }
    world.api.script('continue restored', text('Here again.'));
    const result = await restored.cli('continue restored', '--continue');
    expectResumed(world.api, sessions.mapped, 'continue restored', result);
    await Promise.all(
      REMOVED.map(async (name, index) => {
        const prompt = `${name}, restored`;
        const turn = resume(restored, sessions[name], prompt, index % 2 === 0 ? 'CLI' : 'SDK');
        expectResumed(world.api, sessions[name], prompt, await turn);
      }),
    );
  });

  it('leaves Claude able to begin anew under the id of a removed session', async () => {
    const { sessionId } = sessions.ofCli;
    world.api.script('anew', text('A new beginning.'));
    const result = await after.copy('anew').cli('anew', '--session-id', sessionId);
    expect(toldAfter(world.api, 'anew', result).sessionId).toBe(sessionId);
    expect(world.api.requestFor('anew').conversation).toEqual(['user: anew']);
  });
});
