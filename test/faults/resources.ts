/** Full, read-only, vanished and foreign file systems, immutable files, few descriptors, little memory: each a named case. */

import { chmodSync } from 'node:fs';
import { dirname } from 'node:path';
import { freshDirectory } from '../support/place.ts';
import type { Harness, HarnessOptions, HarnessResult } from './harness.ts';
import { inNamespace, namespaceMissing } from './namespace.ts';
import type { CasesResult } from './resources/run-cases.ts';

export const resources: Harness = {
  name: 'resources',
  missing: namespaceMissing,
  run: runResources,
};

async function runResources({ directory, isShort, seed }: HarnessOptions): Promise<HarnessResult> {
  // A plain user's worker must get through to its place.
  chmodSync(dirname(directory), 0o711);
  const { cases, failures, unavailable, control } = await inNamespace<CasesResult>('resources/run-cases', [
    freshDirectory(directory, 'cases'),
    isShort ? 'short' : 'full',
    String(seed),
  ]);
  const broken = Object.entries(control).map(([trouble, faults]) => `${faults} by ${trouble}`);
  return {
    cases,
    failures,
    control: `copying pruner, lost or torn: ${broken.join(', ')}`,
    isControlCaught: broken.length > 0 && Object.values(control).every((faults) => faults > 0),
    figures:
      unavailable.length === 0
        ? 'all could be set up'
        : `${unavailable.length} cases could not be set up: ${unavailable.join(', ')}`,
  };
}
