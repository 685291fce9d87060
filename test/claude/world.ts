/** A directory, a fake model, the real client and the built sweeper: what one file of tests works with, from first to last. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { type Exit, runProgram } from '../support/process.ts';
import { Claude } from './client.ts';
import { FakeApi } from './fake-api.ts';

export interface World {
  readonly root: string;
  readonly stateDir: string;
  readonly api: FakeApi;
  readonly claude: Claude;
  close(): Promise<void>;
}

export async function openWorld(): Promise<World> {
  const root = mkdtempSync(join(tmpdir(), 'sweeper-claude-'));
  const api = await FakeApi.start();
  const claude = new Claude({ root, apiUrl: api.url });
  const close = async () => {
    await claude.close();
    await api.close();
    rmSync(root, { recursive: true, force: true });
  };
  return { root, stateDir: join(root, 'state'), api, claude, close };
}

/** One for a single test. */
export async function testWorld(): Promise<World> {
  const world = await openWorld();
  onTestFinished(() => world.close());
  return world;
}

/** Runs the sweeper on a client's directory; it has to succeed. */
export async function sweeper({ stateDir }: World, claude: Claude, ...args: readonly string[]): Promise<Exit> {
  const place = ['--claude-dir', claude.configDir, '--state-dir', stateDir];
  const finished = await runProgram([...place, ...args]);
  expect(finished.code, finished.stderr).toBe(0);
  return finished;
}

export interface Pruned {
  /** The sessions that it removed. */
  readonly removed: readonly string[];
  /** How many it kept, by reason. */
  readonly kept: Readonly<Record<string, number>>;
}

export async function prune(world: World, claude: Claude, ...args: readonly string[]): Promise<Pruned> {
  const { stdout } = await sweeper(world, claude, '--run-now', '--job', 'prune-transcripts', '--json', ...args);
  const { jobs } = JSON.parse(stdout) as {
    jobs: [{ removedSessions?: { sessionId: string }[]; kept: Pruned['kept'] }];
  };
  const [{ removedSessions = [], kept }] = jobs;
  return { removed: removedSessions.map(({ sessionId }) => sessionId), kept };
}
