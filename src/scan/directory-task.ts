/** A directory that a scan looks at, and what in it could be a session's. */

import { IN_PROJECT } from '../claude-dir/irregular-parts.ts';
import { companionPlace, PROJECTS, parseProjectEntry } from '../claude-dir/layout.ts';
import type { ByteName } from '../files/byte-name.ts';
import type { DirEntry } from '../files/native-calls.ts';

/** A directory to look at, or a share of it: a large one is looked at by several threads. */
export type DirectoryTask = (
  | { readonly kind: 'project'; readonly name: ByteName; readonly project: number }
  | { readonly kind: 'companions'; readonly place: number }
) & {
  /** Which share of the entries, from 0 on, of how many. */
  readonly share: number;
  readonly shares: number;
  /** How large the share is, as far as that is known before. */
  readonly bytes: number;
};

/** Its path below the Claude directory. */
export function directoryOf(task: DirectoryTask): readonly ByteName[] {
  return task.kind === 'project' ? [PROJECTS, task.name] : companionPlace(task.place).directory;
}

/** Whether it has to be looked at; by the name alone, which costs nothing. */
export function mayBePart(task: DirectoryTask, entry: DirEntry): boolean {
  if (task.kind === 'project') return parseProjectEntry(entry.name) !== undefined || IN_PROJECT.mayBe(entry);
  const { regular, irregular } = companionPlace(task.place);
  return regular?.sessionOf(entry.name) !== undefined || irregular?.mayBe(entry) === true;
}
