/** The copying pruner in some of the same troubles: what it loses or tears, or this harness sees nothing. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freshDirectory } from '../../support/place.ts';
import { CLEAN_ENVIRONMENT, run } from '../../support/process.ts';
import { DAY_MS } from '../../support/tree.ts';
import { PRUNE } from './jobs.ts';
import { CannotSetUp, changeFlags, fill, mountExt4, mountTmpfs } from './mounts.ts';
import { TroubledPlace } from './place.ts';

const SCRIPT = fileURLToPath(new URL('../controls/copying-prune.js', import.meta.url));

type Cause = (place: TroubledPlace, trash: string) => void;

const TROUBLES: Readonly<Record<string, Cause>> = {
  'a foreign, full trash': (_, trash) => {
    mountTmpfs(trash, 'size=64k');
    fill(trash, 4);
  },
  'an immutable companion': (place) => changeFlags('+i', place.at(`file-history/${place.rich.id}`)),
  'a mount in a session': (place) => mountTmpfs(join(place.companionsOf(place.rich), 'tool-results')),
};

/** @returns how many faults the checks found, by trouble; those that cannot be had on this machine are left out */
export async function runControl(work: string, template: string, seed: number): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  for (const [name, cause] of Object.entries(TROUBLES)) {
    const directory = freshDirectory(work, `control-${name.replaceAll(' ', '-')}`);
    try {
      const place = new TroubledPlace(directory, template, {
        seed,
        mountClaude: name.includes('immutable') ? onExt4 : onTmpfs,
      });
      await runCopyingPruner(place, cause);
      found.set(name, place.faults.length);
    } catch (error) {
      if (!(error instanceof CannotSetUp)) throw error;
    }
  }
  return found;
}

const onTmpfs = (at: string) => mountTmpfs(at);
const onExt4 = (at: string) => mountExt4(at, `${at}.img`);

async function runCopyingPruner(place: TroubledPlace, cause: Cause): Promise<void> {
  const trash = place.at('session-sweeper/trash/naive');
  mkdirSync(trash, { recursive: true });
  cause(place, trash);
  const args = [SCRIPT, place.claudeDir, join(place.stateDir, 'sessions.db'), trash, String(30 * DAY_MS)];
  await run(process.execPath, args, { env: CLEAN_ENVIRONMENT });
  place.expectSessions(PRUNE, 'any');
}
