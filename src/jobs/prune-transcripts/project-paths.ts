/** Where the sessions of a project were begun: some of each project are asked, since all of them mostly say the same. */

import type { Units } from '../../claude-dir/unit.ts';

/** So many sessions of a project are asked. */
const ASKED_MAX = 8;

/** @returns by the name of the project's directory; empty where none tells */
export function projectPaths(
  units: Units,
  pathOf: (row: number) => string | undefined,
): ReadonlyMap<string, readonly string[]> {
  const asked = new Uint32Array(units.projects.length);
  const paths = units.projects.map(() => new Set<string>());
  for (let row = 0; row < units.length; row += 1) {
    const index = units.projectIndex(row);
    if (index === undefined || !units.hasTranscript(row) || (asked[index] ?? 0) >= ASKED_MAX) continue;
    asked[index] = (asked[index] ?? 0) + 1;
    const path = pathOf(row);
    if (path !== undefined) paths[index]?.add(path);
  }
  return new Map(units.projects.map((name, index) => [name, [...(paths[index] ?? [])]]));
}
