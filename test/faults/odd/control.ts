/** A pruner that ends at the first thing that it does not expect, among the same odd things: the checks must see what it left undone. */

import { mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { freshDirectory } from '../../support/place.ts';
import { DAY_MS } from '../../support/tree.ts';
import { PRUNE } from '../resources/jobs.ts';
import { TroubledPlace } from '../resources/place.ts';
import { SESSION_SHAPES } from './in-sessions.ts';

/** @returns how many faults the checks find in what it leaves */
export async function runControl(work: string, template: string, seed: number): Promise<number> {
  const place = new TroubledPlace(freshDirectory(work, 'control'), template, { seed });
  const shape = SESSION_SHAPES.find(({ name }) => name.startsWith('a looping symlink as a transcript'));
  if (shape === undefined) throw new Error('the control has no odd thing to meet with');
  await shape.make(place);
  try {
    pruneTrustingly(place);
  } catch {
    // As a worker does that lets one file's error end its run.
  }
  place.expectSessions(PRUNE, 'all');
  return place.faults.length;
}

/** Follows what it finds, as by plain `stat`, and takes transcripts without what belongs to them. */
function pruneTrustingly(place: TroubledPlace): void {
  const trash = place.at('session-sweeper/trash/naive');
  mkdirSync(trash, { recursive: true });
  const projects = place.at('projects');
  for (const project of readdirSync(projects)) {
    const directory = join(projects, project);
    if (!statSync(directory).isDirectory()) continue;
    for (const name of readdirSync(directory)) {
      const path = join(directory, name);
      const isExpired = Date.now() - statSync(path).mtimeMs > 30 * DAY_MS;
      if (name.endsWith('.jsonl') && isExpired) renameSync(path, join(trash, name));
    }
  }
}
