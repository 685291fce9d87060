/** Says with which command a place becomes usable again that is no directory, or is closed to the process. */

import { errnoError, errorCode } from '../errors.ts';
import { type ByteName, displayName } from '../files/byte-name.ts';
import { factsBelow } from '../files/facts-below.ts';
import type { FileFacts } from '../files/native-calls.ts';
import { shellWord } from '../format/shell-word.ts';
import type { ClaudeDir } from './claude-dir.ts';
import { SWEEPER_DIRECTORY, TRASH_DIRECTORY } from './layout.ts';

const OWNER_ALL_BITS = 0o700;

/** An error at the directory of our own, or at the trash in it, with the place and the remedy where it has one. */
export function withOwnRemedy(claudeDir: ClaudeDir, error: unknown): unknown {
  const own = claudeDir.link?.ownPath ?? `${Buffer.from(claudeDir.path).toString('latin1')}/${SWEEPER_DIRECTORY}`;
  const places: readonly { readonly below: readonly ByteName[]; readonly path: string }[] = [
    { below: [SWEEPER_DIRECTORY], path: own },
    { below: [SWEEPER_DIRECTORY, TRASH_DIRECTORY], path: `${own}/${TRASH_DIRECTORY}` },
  ];
  for (const { below, path } of places) {
    const facts = factsOrNone(claudeDir, below);
    const remedy = facts && remedyFor(error, path, facts);
    if (remedy !== undefined) return remedy;
  }
  return error;
}

/** @param facts of what lies at the path now */
export function remedyFor(error: unknown, path: string, facts: FileFacts): Error | undefined {
  const [code, word] = [errorCode(error), shellWord(path)];
  if (code === 'ENOTDIR' || code === 'ELOOP') {
    if (facts.isDirectory()) return undefined;
    return errnoError(code, `${displayName(path)} is no directory; mv ${word} ${shellWord(`${path}.aside`)}`);
  }
  if ((code !== 'EACCES' && code !== 'EPERM') || !facts.isDirectory()) return undefined;
  const user = process.geteuid?.() ?? 0;
  const why = `${displayName(path)} is closed to user ${user}`;
  if (facts.uid !== user)
    return errnoError(code, `${why}, since it belongs to user ${facts.uid}; chown -R ${user} ${word}`);
  if ((facts.mode & OWNER_ALL_BITS) === OWNER_ALL_BITS) return undefined;
  return errnoError(code, `${why}; chmod u+rwx ${word}`);
}

function factsOrNone(claudeDir: ClaudeDir, below: readonly ByteName[]): FileFacts | undefined {
  try {
    return factsBelow(claudeDir.root, below);
  } catch {
    return undefined;
  }
}
