/** The rows that go, in the order in which they go, and what the record of them may take. */

import type { Units } from '../../claude-dir/unit.ts';
import { neededRoom } from '../guards/free-space.ts';
import type { ObservedPlace } from './place.ts';
import type { Plan } from './plan.ts';

/** By project, and of each the oldest first: a run that ends early has removed what a person doubts least. */
export function removalRows(units: Units, plan: Plan): Uint32Array {
  let count = 0;
  for (let row = 0; row < plan.length; row += 1) if (plan.isRemoval(row)) count += 1;
  const rows = new Uint32Array(count);
  for (let row = 0, next = 0; next < count; row += 1) {
    if (!plan.isRemoval(row)) continue;
    rows[next] = row;
    next += 1;
  }
  return rows.sort(byProject(units));
}

/** The most that so many of the units may need. */
export function roomFor({ projects }: Units, sessions: number): ReturnType<typeof neededRoom> {
  return neededRoom(sessions, Math.min(sessions, projects.length + 1));
}

/** The projects of the rows, the oldest row first. */
export function projectsOf(units: Units, rows: Uint32Array): readonly (number | undefined)[] {
  return Array.from(rows.toSorted(byAge(units)), (row) => units.projectIndex(row));
}

/** The oldest of the rows, in the order in which rows are removed. */
export function oldestOf(units: Units, rows: Uint32Array, count: number): Uint32Array {
  if (count === 0) return new Uint32Array();
  return rows.toSorted(byAge(units)).slice(0, count).sort(byProject(units));
}

function byAge(units: Units): (left: number, right: number) => number {
  return (left, right) => units.newestMtimeMs(left) - units.newestMtimeMs(right);
}

function byProject(units: Units): (left: number, right: number) => number {
  const projectOf = (row: number) => units.projectIndex(row) ?? -1;
  return (left, right) => {
    return projectOf(left) - projectOf(right) || units.newestMtimeMs(left) - units.newestMtimeMs(right);
  };
}

/** Whether each of the sessions is somewhere, and goes from wherever it is. */
export function allGo(
  places: readonly { readonly observed: ObservedPlace; readonly plan?: Plan | undefined }[],
  ids: ReadonlySet<string>,
): boolean {
  const found = new Set<string>();
  for (const { observed, plan } of places) {
    for (let row = 0; plan !== undefined && row < plan.length; row += 1) {
      const sessionId = observed.units.sessionId(row);
      if (!ids.has(sessionId)) continue;
      found.add(sessionId);
      if (!plan.isRemoval(row)) return false;
    }
  }
  return found.size === ids.size;
}
