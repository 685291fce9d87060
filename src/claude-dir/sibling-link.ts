/** Links between project directories, as where a repository was renamed: what they lead to is looked at under its own name. */

import type { ByteName } from '../files/byte-name.ts';
import type { ClaudeDir } from './claude-dir.ts';
import { PROJECTS } from './layout.ts';

/**
 * Whether an entry of `projects/` is a link to a directory beside it, by its text alone: no link is followed.
 * @param directories names of the directories in `projects/`
 */
export function leadsToSibling(claudeDir: ClaudeDir, name: ByteName, directories: ReadonlySet<string>): boolean {
  const target = claudeDir.projects.linkTarget(name);
  if (target === undefined) return false;
  const own = [`${Buffer.from(claudeDir.path).toString('latin1')}/${PROJECTS}/`, `${claudeDir.link?.path}/`];
  const prefix = own.find((path) => target.startsWith(path));
  const relative = prefix === undefined ? target.replace(/^(\.\/)+/, '') : target.slice(prefix.length);
  return directories.has(relative.replace(/\/+$/, ''));
}

/** Whether no transcript can lie behind an entry of `projects/` that is no directory: it leads to none, or to one that is seen. */
export function hidesNothing(claudeDir: ClaudeDir, name: ByteName, directories: ReadonlySet<string>): boolean {
  const facts = claudeDir.projects.lstat(name);
  if (facts === undefined || facts.isDirectory()) return false;
  return !facts.isSymbolicLink() || leadsToSibling(claudeDir, name, directories);
}
