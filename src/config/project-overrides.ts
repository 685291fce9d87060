/** Retention of single projects: the one setting with a shape of its own. */

import { listOf } from './records.ts';
import { type Age, age, count, projectGlob } from './values.ts';

/** Retention that differs in the projects whose directory name matches a glob. */
export interface ProjectOverride {
  readonly match: string;
  readonly maxAge?: Age;
  readonly keepLast?: number;
}

export const projectOverrides = listOf<ProjectOverride>({
  match: { parse: projectGlob, isOptional: false },
  maxAge: { parse: age, isOptional: true },
  keepLast: { parse: count, isOptional: true },
});
