/** Which conversations are the newest of their project: they count whatever else keeps them. Pure. */

import type { Units } from '../../claude-dir/unit.ts';
import type { FactsOf, PolicyOf } from './age-rules.ts';

export interface Ranked {
  readonly row: number;
  /** It is one of the newest; else it may become one, where what is above it turns out to be none. */
  readonly isKept: boolean;
}

/** @param units as old as they are in truth @returns those that have to be looked into for it */
export function* rankedInProjects(units: Units, policyOf: PolicyOf, facts: FactsOf): Generator<Ranked> {
  const keepLast = units.projects.map((_, project) => policyOf(project).keepLast);
  if (keepLast.every((count) => count <= 0)) return;
  // What stands in a conversation tells its rank better than a file's time, which copying and touching change for many at once.
  const rankMs = (row: number) => facts(row)?.lastEntryMs ?? units.newestMtimeMs(row);
  const { rows, stubs } = conversations(units, keepLast, facts);
  for (const [project, ofProject] of rows.entries()) {
    const kept = keepLast[project] ?? 0;
    // Each stub that is found moves the next one up: with as many more looked at as were found, a thousand of them take ten plans.
    const asked = kept + (stubs[project] ?? 0);
    ofProject.sort((left, right) => rankMs(right) - rankMs(left) || units.compareIds(right, left));
    for (const [place, row] of ofProject.subarray(0, asked).entries()) yield { row, isKept: place < kept };
  }
}

/** The rows of each project that keeps some; and how many of its sessions are known to be no conversation. */
function conversations(
  units: Units,
  keepLast: readonly number[],
  facts: FactsOf,
): { readonly rows: readonly Uint32Array[]; readonly stubs: Uint32Array } {
  const counts = new Uint32Array(keepLast.length);
  const stubs = new Uint32Array(keepLast.length);
  const projectOf = (row: number): number | undefined => {
    const project = units.projectIndex(row);
    return project !== undefined && (keepLast[project] ?? 0) > 0 && units.hasTranscript(row) ? project : undefined;
  };
  for (let row = 0; row < units.length; row += 1) {
    const project = projectOf(row);
    if (project === undefined) continue;
    const some = facts(row)?.sessionClass === 'metadata' ? stubs : counts;
    some[project] = (some[project] ?? 0) + 1;
  }
  const rows = Array.from(counts, (count) => new Uint32Array(count));
  counts.fill(0);
  for (let row = 0; row < units.length; row += 1) {
    const project = projectOf(row);
    const ofProject = project === undefined ? undefined : rows[project];
    if (project === undefined || ofProject === undefined || facts(row)?.sessionClass === 'metadata') continue;
    const place = counts[project] ?? 0;
    ofProject[place] = row;
    counts[project] = place + 1;
  }
  return { rows, stubs };
}
