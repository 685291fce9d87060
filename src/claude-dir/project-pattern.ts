/** Which project somebody means: by its real path, as its sessions tell it, or by the name that Claude gives to its directory; both may be globs. */

import { createRequire } from 'node:module';
import { projectNameOf } from './project-name.ts';

export interface ProjectPattern {
  /** It asks for the real path. */
  readonly isPath: boolean;
  /**
   * @param name as `displayName` gives it; undefined where no project is known
   * @param path that its sessions were begun in; undefined where they do not tell
   */
  matches(name: string | undefined, path: string | undefined): boolean;
  /** Whether sessions of a project of that name may have been begun where it matches: Claude gives one name to several directories. */
  mayMatch(name: string): boolean;
}

/** @param pattern a path or a glob over paths, which have a slash in them, or a glob over names; `~` is the caller's to expand */
export function projectPattern(pattern: string): ProjectPattern {
  if (!pattern.includes('/')) {
    const matches = globMatcher(pattern);
    return { isPath: false, matches: (name) => name !== undefined && matches(name), mayMatch: matches };
  }
  const plain = pattern.replace(/(?<=.)\/+$/, '');
  const matchesPath = globMatcher(plain);
  // Where no session tells the path, the directory's name is all there is; a long one ends with a checksum.
  const matchesName = GLOB_CHARACTER.test(plain) ? () => false : globMatcher(projectNameOf(plain));
  return {
    isPath: true,
    matches: (name, path) => {
      if (path !== undefined) return path === plain || matchesPath(path);
      return name !== undefined && matchesName(name);
    },
    mayMatch: globMatcher(nameGlobOf(plain)),
  };
}

const GLOB_CHARACTER = /[*?[\]{}()!]/;

/** What stands for several characters may do so in a name as well, a slash among them, and more than was meant. */
function nameGlobOf(pattern: string): string {
  const parts = pattern.split(ANY_CHARACTERS).map(projectNameOf);
  return parts.join('*').replaceAll(/\*[*-]*\*/g, '*');
}

const ANY_CHARACTERS = /\/?\*\*\/?|\{[^}]*\}|\[[^\]]*\]|[!+@?*]?\([^)]*\)|[*?!]+/;

function globMatcher(pattern: string): (text: string) => boolean {
  const picomatch = createRequire(import.meta.url)('picomatch') as typeof import('picomatch');
  // Project names start with a dash; a leading dash or dot is nothing special.
  return picomatch(pattern, { dot: true });
}
