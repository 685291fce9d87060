/**
 * simulate-plan SESSIONS: fills a table with so many made-up sessions as a scan would, plans a prune of it, and tells in JSON how long either
 * took and what was resident at most.
 */

import { readFileSync } from 'node:fs';
import { fixedName } from '../../../src/files/byte-name.ts';
import { planPrune } from '../../../src/jobs/prune-transcripts/plan.ts';
import { prunePolicy } from '../../../src/jobs/prune-transcripts/policy.ts';
import {
  FLOAT,
  RECORD_BYTES,
  RECORD_FLOATS,
  RECORD_WORDS,
  TRANSCRIPT_FLAG,
  WORD,
} from '../../../src/scan/part-records.ts';
import { UnitTable } from '../../../src/scan/unit-table.ts';
import { seededRandom } from '../../support/samples.ts';
import { DAY_MS } from '../../support/tree.ts';

const PROJECT_SESSIONS = 130;
const EXPIRED_SHARE = 0.1;

const sessions = Number(process.argv[2]);
const random = seededRandom(1);
const nowMs = Date.now();
const projects = Array.from({ length: Math.ceil(sessions / PROJECT_SESSIONS) }, (_, index) =>
  fixedName(`-srv-project-${index}`),
);
const [table, tableMs] = timed(fill);
const policy = prunePolicy({
  ...{ maxAge: 30 * DAY_MS, minAge: DAY_MS, maxTotalBytes: 'off', minFree: 'off', keepLast: 3 },
  ...{ projects: [], classes: {} },
});
const protections = { protection: () => undefined, facts: () => undefined };
const [plan, planMs] = timed(() => planPrune(table, protections, policy, nowMs));
let removals = 0;
for (let row = 0; row < plan.length; row += 1) removals += Number(plan.isRemoval(row));
const peakKilobytes = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
console.log(JSON.stringify({ removals, tableMs, planMs, peakBytes: peakKilobytes * 1_024 }));

function timed<T>(work: () => T): readonly [T, number] {
  const startedAt = performance.now();
  const result = work();
  return [result, performance.now() - startedAt];
}

function fill(): UnitTable {
  const filled = new UnitTable(projects);
  for (let project = 0; project < projects.length; project += 1) {
    const count = Math.min(PROJECT_SESSIONS, sessions - project * PROJECT_SESSIONS);
    const buffer = new ArrayBuffer(count * RECORD_BYTES);
    const [floats, words] = [new Float64Array(buffer), new Uint32Array(buffer)];
    for (let row = 0; row < count; row += 1) {
      const days = random() < EXPIRED_SHARE ? 31 + random() * 60 : random() * 29;
      floats[row * RECORD_FLOATS + FLOAT.newestMtimeMs] = nowMs - days * DAY_MS;
      floats[row * RECORD_FLOATS + FLOAT.bytes] = 2_400;
      floats[row * RECORD_FLOATS + FLOAT.diskBytes] = 4_096;
      for (let word = 0; word < 4; word += 1) words[row * RECORD_WORDS + WORD.id + word] = random() * 2 ** 32;
      words[row * RECORD_WORDS + WORD.files] = 1;
      words[row * RECORD_WORDS + WORD.flags] = TRANSCRIPT_FLAG;
    }
    filled.add({ buffer, count, project, place: undefined, irregular: [], links: [] });
  }
  filled.complete({ projects: true, companions: true });
  return filled;
}
