/** Which sessions have a transcript in a Claude directory or its trash: names alone, nothing is looked into. */

import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { PROJECTS, parseProjectEntry } from '../claude-dir/layout.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import { hidesNothing } from '../claude-dir/sibling-link.ts';
import { errorCode, isExhaustion } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import type { DirEntry } from '../files/native-calls.ts';
import { Trash } from './trash.ts';

/** @returns undefined where any place could not be read in full: then an absent transcript proves nothing */
export function presentSessions(claudeDir: ClaudeDir): ReadonlySet<SessionId> | undefined {
  const present = new Set<SessionId>();
  try {
    const projects = claudeDir.projects.entries();
    const directories = new Set<string>(projects.filter(({ kind }) => kind === 'directory').map(({ name }) => name));
    for (const project of projects) {
      if (project.kind === 'other' && hidesNothing(claudeDir, project.name, directories)) continue;
      if (project.kind === 'other' || claudeDir.surroundings.mountPoints.has(`${PROJECTS}/${project.name}`))
        return undefined;
      if (project.kind === 'directory') addTranscripts(claudeDir.projects.openChild(project.name), present);
    }
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined || isExhaustion(code)) throw error;
    return undefined;
  }
  return addTrashed(claudeDir, present) ? present : undefined;
}

function addTranscripts(project: AnchoredDir, present: Set<SessionId>): void {
  let entries: DirEntry[];
  try {
    entries = project.entries();
  } finally {
    project.close();
  }
  for (const entry of entries) {
    const known = parseProjectEntry(entry.name);
    if (known?.isTranscript) present.add(known.sessionId);
  }
}

/** A session in the trash can be restored, so its row still leads somewhere. */
function addTrashed(claudeDir: ClaudeDir, present: Set<SessionId>): boolean {
  const trash = Trash.openIfThere(claudeDir);
  if (trash === undefined) return true;
  try {
    const { sessionIds, unreadableFolders } = trash.mentioned();
    for (const sessionId of sessionIds) present.add(sessionId);
    return unreadableFolders.length === 0;
  } finally {
    trash.close();
  }
}
