/** Work on a session store: a prune, which hides its old sessions, and a purge, which destroys what is hidden. */

import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT_CODES } from '../../../src/exit-codes.ts';
import { freshDirectory } from '../../support/place.ts';
import { PROGRAM, run } from '../../support/process.ts';
import { seededRandom } from '../../support/samples.ts';
import { makeClaudeDir } from '../../support/tree.ts';
import { randomId } from '../grown-session.ts';
import { makeMap } from '../live-ids.ts';
import type { BenchOptions } from '../row.ts';
import { type LeftInStore, leftIn, makeOldStore, writeBack } from '../stores.ts';
import { settle } from '../tree.ts';
import type { Beside, Kind } from '../wait-kind.ts';

const SIZES = {
  full: { sessions: 10_000, entriesOfOne: 20, liveIds: 10_000 },
  short: { sessions: 300, entriesOfOne: 5, liveIds: 200 },
};
const PRUNE = ['--job', 'prune-transcripts'];
const PURGE = ['--job', 'purge-trash', '--trash-keep', '1ms'];
const STORE = 'entries.db';
const RUNS_MAX = 20;

export async function besideStores(options: BenchOptions): Promise<readonly Kind[]> {
  const { sessions, entriesOfOne, liveIds } = SIZES[options.isShort ? 'short' : 'full'];
  const { directory, seed } = options;
  const claudeDir = makeClaudeDir(join(directory, 'store-claude'));
  const random = seededRandom(seed + 1);
  const lastUsedAtMs = Date.now();
  const old = freshDirectory(directory, 'old');
  await makeMap(
    old,
    Array.from({ length: liveIds }, () => ({ id: randomId(random), lastUsedAtMs })),
  );
  await makeOldStore(join(old, STORE), { sessions, entriesOfOne, seed });
  const work = async (stateDir: string, job: readonly string[], leftMax: LeftInStore) => {
    const store = join(stateDir, STORE);
    const place = ['--claude-dir', claudeDir, '--state-dir', stateDir, '--sessions-store', store];
    const runs = await runUntilDone([PROGRAM, '--run-now', ...job, ...place], () => isDone(leftIn(store), leftMax));
    if (runs > 1) options.tell(`done in ${runs} runs, beside a host that was busy`);
  };
  const [allHidden, allGone] = [
    { shown: 0, entries: sessions * entriesOfOne },
    { shown: 0, entries: 0 },
  ];
  const hidden = copyOf(old, join(directory, 'hidden'));
  await work(hidden, PRUNE, allHidden);
  writeBack(join(hidden, STORE));

  const beside = async (
    template: string,
    host: Beside['host'],
    job: readonly string[],
    leftMax: LeftInStore,
  ): Promise<Beside> => {
    const stateDir = copyOf(template, join(directory, 'state'));
    await settle(stateDir);
    return {
      host,
      place: host === 'map-host' ? stateDir : join(stateDir, STORE),
      work: () => work(stateDir, job, leftMax),
    };
  };
  return [
    { name: 'setSession, prune of a store', makeReady: () => beside(old, 'map-host', PRUNE, allHidden) },
    { name: 'append, prune of a store', makeReady: () => beside(old, 'store-host', PRUNE, allHidden) },
    { name: 'setSession, purge of a store', makeReady: () => beside(hidden, 'map-host', PURGE, allGone) },
    { name: 'append, purge of a store', makeReady: () => beside(hidden, 'store-host', PURGE, allGone) },
  ];
}

/** @param stateDir nobody has anything of it open */
function copyOf(stateDir: string, copy: string): string {
  rmSync(copy, { recursive: true, force: true });
  cpSync(stateDir, copy, { recursive: true });
  return copy;
}

function isDone(left: LeftInStore, max: LeftInStore): boolean {
  return left.shown <= max.shown && left.entries <= max.entries;
}

/** Whatever a run finds busy too often, it leaves to the next one. @returns how many runs it took */
async function runUntilDone(args: readonly string[], isAllDone: () => boolean): Promise<number> {
  for (let runs = 1; runs <= RUNS_MAX; runs += 1) {
    const { code, stderr } = await run(process.execPath, args);
    if (code !== EXIT_CODES.ok && code !== EXIT_CODES.io) throw new Error(`a run ended with ${code}: ${stderr}`);
    if (isAllDone()) return runs;
  }
  throw new Error(`after ${RUNS_MAX} runs there is still something left to do`);
}
