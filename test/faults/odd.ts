/** One odd thing among ordinary sessions, of every kind and in every place: the rest is done, the odd one stays and is named. */

import { chmodSync } from 'node:fs';
import { dirname } from 'node:path';
import { freshDirectory } from '../support/place.ts';
import type { Harness, HarnessOptions, HarnessResult } from './harness.ts';
import { inNamespace, namespaceMissing } from './namespace.ts';
import type { OddResult } from './odd/run-shapes.ts';

export const odd: Harness = { name: 'odd', missing: namespaceMissing, run: runOdd };

async function runOdd({ directory, isShort, seed }: HarnessOptions): Promise<HarnessResult> {
  // A plain user's worker must get through to its place.
  chmodSync(dirname(directory), 0o711);
  const { shapes, jobs, failures, unavailable, control, longestHoldMs } = await inNamespace<OddResult>(
    'odd/run-shapes',
    [freshDirectory(directory, 'shapes'), isShort ? 'short' : 'full', String(seed)],
  );
  const setUp = unavailable.length === 0 ? 'all could be set up' : `not set up: ${unavailable.join(', ')}`;
  const hold = longestHoldMs === undefined ? '' : `; longest wait of a map's writer ${Math.round(longestHoldMs)} ms`;
  return {
    cases: jobs,
    failures,
    control: `pruner that stops at the first odd thing: ${control} faults`,
    isControlCaught: control > 0,
    figures: `${shapes} kinds of odd things; ${setUp}${hold}`,
  };
}
