/** The ids of sessions by the names of their transcripts alone: quick enough to be asked between two keys. */

import { type Dirent, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECTS, SWEEPER_DIRECTORY, TRASH_DIRECTORY } from '../claude-dir/layout.ts';
import { parseSessionId } from '../claude-dir/session-id.ts';

const TRANSCRIPT = '.jsonl';

export function sessionIdsHere(claudeDirs: readonly string[]): readonly string[] {
  return idsBelow(claudeDirs);
}

export function sessionIdsInTrash(claudeDirs: readonly string[]): readonly string[] {
  return idsBelow(claudeDirs.flatMap((path) => directoriesIn(join(path, SWEEPER_DIRECTORY, TRASH_DIRECTORY))));
}

function idsBelow(tops: readonly string[]): readonly string[] {
  const ids = tops
    .flatMap((top) => directoriesIn(join(top, PROJECTS)))
    .flatMap((project) => entriesOf(project).map(({ name }) => name))
    .filter((name) => name.endsWith(TRANSCRIPT))
    .map((name) => parseSessionId(name.slice(0, -TRANSCRIPT.length)))
    .filter((id) => id !== undefined);
  return [...new Set(ids)].sort();
}

function directoriesIn(path: string): readonly string[] {
  return entriesOf(path)
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(path, name));
}

/** What cannot be read offers nothing: whoever asks is typing, and no answer is better than an error in the line. */
function entriesOf(path: string): readonly Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch {
    return [];
  }
}
