/** Runs the cases of the disk harness in a mount namespace of their own, and prints what came of them as one JSON document. */

import { freshDirectory } from '../../support/place.ts';
import { naiveCap } from '../controls/naive-cap.ts';
import { inParallel } from '../harness.ts';
import { mountTmpfs } from '../resources/mounts.ts';
import { DISK_CASES, expectCap, placeOn } from './cases.ts';

export interface DiskCasesResult {
  readonly cases: number;
  readonly failures: readonly string[];
  /** What the control broke. */
  readonly control: readonly string[];
  readonly sessions: number;
}

const [work = '', form = '', seed = '0'] = process.argv.slice(2);
mountTmpfs(work, 'size=3g,nr_inodes=2m');
const chosen = DISK_CASES.filter((one) => form === 'full' || one.isShort);
const failures: string[] = [];
let sessions = 0;
await inParallel(
  chosen.map((one, index) => ({ one, index })),
  2,
  async ({ one, index }) => {
    try {
      const place = await one.run(freshDirectory(work, `case-${index}`), Number(seed) + index);
      sessions += place.sessions.length;
      failures.push(...place.faults.map((fault) => `${one.name}: ${fault}`));
    } catch (error) {
      failures.push(`${one.name}: the case itself broke: ${error instanceof Error ? error.stack : String(error)}`);
    }
  },
);
const result: DiskCasesResult = { cases: chosen.length, failures, control: runControl(), sessions };
process.stdout.write(JSON.stringify(result));

/** The same oracle on the same kind of place. */
function runControl(): readonly string[] {
  const options = { seed: Number(seed), sessions: 16, bytesMax: 800_000, ageDays: [2, 25] as const, hasSparse: true };
  const place = placeOn('tmpfs', 16, freshDirectory(work, 'control'), options);
  const cap = Math.floor(place.takenBytes() * 0.6);
  naiveCap(place.claudeDir, cap);
  place.expectWhole();
  expectCap(place, cap);
  return place.faults;
}
