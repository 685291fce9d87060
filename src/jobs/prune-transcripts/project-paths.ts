/** Where the sessions of a project were begun: some of each project are asked, since all of them mostly say the same; that is told. */

import type { Units } from '../../claude-dir/unit.ts';

/** So many sessions of a project are asked. */
const ASKED_MAX = 64;

/** @returns by the name of the project's directory; empty where none tells, with an `undefined` where not all of them do */
export function projectPaths(
  units: Units,
  pathOf: (row: number) => string | undefined,
): ReadonlyMap<string, readonly (string | undefined)[]> {
  const asked = new Uint32Array(units.projects.length);
  const paths = units.projects.map(() => new Set<string | undefined>());
  for (let row = 0; row < units.length; row += 1) {
    const index = units.projectIndex(row);
    if (index === undefined || !units.hasTranscript(row)) continue;
    const isAsked = (asked[index] ?? 0) < ASKED_MAX;
    asked[index] = (asked[index] ?? 0) + 1;
    paths[index]?.add(isAsked ? pathOf(row) : undefined);
  }
  return new Map(units.projects.map((name, index) => [name, [...(paths[index] ?? [])]]));
}
