/** Tells which project directories hold nothing once a plan has been carried out, and are old enough to go. Pure. */

import type { EmptyProject } from '../../claude-dir/empty-projects.ts';
import type { ScanResult } from '../../scan/scan.ts';
import type { Plan } from './plan.ts';

export interface EmptiedOptions {
  /** What has changed since may be in use: Claude makes the directory of a project before it writes in it. */
  readonly minAgeMs: number;
  readonly nowMs: number;
}

/** @param plan of the units of the scan, and perhaps of more that are on their way back */
export function emptiedProjects(
  { units, projectDirs }: Pick<ScanResult, 'units' | 'projectDirs'>,
  plan: Plan,
  { minAgeMs, nowMs }: EmptiedOptions,
): EmptyProject[] {
  const leaving = new Uint32Array(projectDirs.length);
  for (let row = 0; row < units.length; row += 1) if (plan.isRemoval(row)) units.countProjectParts(row, leaving);
  return projectDirs.flatMap(({ name, entries, changedAtMs }, index): EmptyProject[] => {
    if (entries === undefined || changedAtMs === undefined || entries !== leaving[index]) return [];
    if (!(nowMs - changedAtMs >= minAgeMs)) return [];
    return [{ name, changedAtMs: entries === 0 ? changedAtMs : undefined }];
  });
}
