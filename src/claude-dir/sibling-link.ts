/** Links between project directories, as where a repository was renamed: what they lead to is looked at under its own name. */

import type { AnchoredDir } from '../files/anchored-dir.ts';
import type { ByteName } from '../files/byte-name.ts';
import type { ClaudeDir } from './claude-dir.ts';
import { PROJECTS, parseProjectEntry } from './layout.ts';

/** The system itself follows no more. */
const HOPS_MAX = 40;

/**
 * Whether no transcript can lie behind an entry of `projects/` that is no directory: it leads to none, or to one that is seen. Links are
 * read by their text alone, from one to the next within `projects/`, and none is followed. What leads out of there, or nowhere, may hide
 * something: a disk may not be mounted yet.
 * @param directories names of the directories in `projects/`
 */
export function hidesNothing(claudeDir: ClaudeDir, name: ByteName, directories: ReadonlySet<string>): boolean {
  const passed = new Set<ByteName>();
  for (let at = name; passed.size < HOPS_MAX; ) {
    // Not even the system comes to the end of a loop.
    if (directories.has(at) || passed.has(at)) return true;
    passed.add(at);
    const facts = claudeDir.projects.lstat(at);
    // What is not there now may come back.
    if (facts === undefined) return false;
    if (!facts.isSymbolicLink()) return !facts.isDirectory();
    const next = nextWithin(claudeDir, at);
    if (next === undefined) return false;
    if (next === '.' || next === '..') return holdsNoTranscript(next === '.' ? claudeDir.projects : claudeDir.root);
    at = next;
  }
  return false;
}

/** The entry of `projects/` that a link leads to, or that itself or the Claude directory; undefined where it leads elsewhere, or is no link. */
function nextWithin(claudeDir: ClaudeDir, name: ByteName): ByteName | '.' | '..' | undefined {
  const target = claudeDir.projects.linkTarget(name);
  if (target === undefined) return undefined;
  const own = [`${Buffer.from(claudeDir.path).toString('latin1')}/${PROJECTS}`, claudeDir.link?.path];
  // Above a `projects/` that is no link lies the Claude directory, whatever leads to that.
  if (claudeDir.link === undefined) own.push(`../${PROJECTS}`);
  const prefix = own.find((path) => target === path || (path !== undefined && target.startsWith(`${path}/`)));
  if (prefix === undefined && target.startsWith('/')) return undefined;
  const rest = (prefix === undefined ? target : target.slice(prefix.length)).split('/');
  const [step, ...further] = rest.filter((part) => part !== '' && part !== '.');
  if (step === undefined) return '.';
  if (further.length > 0) return undefined;
  if (step === '..') return claudeDir.link === undefined ? '..' : undefined;
  return step as ByteName;
}

/** As a project, a directory above the projects shows what lies in it directly. */
function holdsNoTranscript(directory: AnchoredDir): boolean {
  return !directory.entries().some(({ name }) => parseProjectEntry(name)?.isTranscript);
}
