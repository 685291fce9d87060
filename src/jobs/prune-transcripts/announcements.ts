/** What is due is announced before it goes: what earlier runs have announced, and what this one does. */

import type { Units } from '../../claude-dir/unit.ts';
import { displayName } from '../../files/byte-name.ts';
import type { Plan } from './plan.ts';

/** Of a store, one id may be in several projects. */
export function announcementKey(units: Units, row: number): string {
  const index = units.projectIndex(row);
  const project = index === undefined ? undefined : units.projects[index];
  return `${units.sessionId(row)} ${project === undefined ? '' : displayName(project)}`;
}

/**
 * All that is due by a plan, with the time since when it is announced; what is not due any more is forgotten.
 * @param isGone what has gone meanwhile: should it come back, it is announced anew
 */
export function announcedBy(units: Units, plan: Plan, isGone: (row: number) => boolean): ReadonlyMap<string, number> {
  const announced = new Map<string, number>();
  for (let row = 0; row < plan.length; row += 1) {
    const atMs = plan.announcedAtMs(row);
    if (atMs !== undefined && !isGone(row)) announced.set(announcementKey(units, row), Math.round(atMs));
  }
  return announced;
}
