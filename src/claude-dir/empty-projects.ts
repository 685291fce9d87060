/** Removes project directories that hold nothing any more: never one with anything in it, never through a symlink. */

import { errorCode } from '../errors.ts';
import type { ByteName } from '../files/byte-name.ts';
import type { ClaudeDir } from './claude-dir.ts';
import { PROJECTS } from './layout.ts';

/** A project directory in which nothing is left. */
export interface EmptyProject {
  readonly name: ByteName;
  /** The last change to it that is not our own, Unix epoch ms; undefined where it has had our own moves since. */
  readonly changedAtMs: number | undefined;
}

/** @returns how many have gone; one that cannot go, or is not what it was, stays */
export function removeEmptyProjects(claudeDir: ClaudeDir, projects: readonly EmptyProject[]): number {
  let removed = 0;
  for (const project of projects) if (removeEmptyProject(claudeDir, project)) removed += 1;
  return removed;
}

function removeEmptyProject({ projects, surroundings }: ClaudeDir, { name, changedAtMs }: EmptyProject): boolean {
  if (surroundings.mountPoints.has(`${PROJECTS}/${name}`)) return false;
  try {
    const facts = projects.lstat(name);
    if (facts?.isDirectory() !== true || facts.uid !== surroundings.uid) return false;
    if (changedAtMs !== undefined && facts.mtimeMs !== changedAtMs) return false;
    // The system removes no directory that holds anything, whatever has come into it in this very moment.
    projects.removeDirectory(name);
    return true;
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return false;
  }
}
