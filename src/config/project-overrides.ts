/** Retention of single projects: the one setting with a shape of its own. */

import { listOf } from './records.ts';
import { type Age, age, count, projectGlob } from './values.ts';

/** Retention that differs in the projects that a pattern matches: a real path, a glob over such, or one over Claude's names of their directories. */
export interface ProjectOverride {
  readonly match: string;
  readonly maxAge?: Age;
  readonly keepLast?: number;
}

/** @param home what a leading `~` stands for */
export const projectOverrides = (home: string) =>
  listOf<ProjectOverride>({
    match: { parse: projectGlob(home), isOptional: false },
    maxAge: { parse: age, isOptional: true },
    keepLast: { parse: count, isOptional: true },
  });
