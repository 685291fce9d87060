/** Which sessions have a transcript on this host, or entries in its stores: a row of any other may lead nowhere. */

import type { ClaudeDir } from '../../claude-dir/claude-dir.ts';
import { transcriptName } from '../../claude-dir/layout.ts';
import type { SessionId } from '../../claude-dir/session-id.ts';
import type { AnchoredDir } from '../../files/anchored-dir.ts';
import type { ByteName } from '../../files/byte-name.ts';
import type { Eventually } from '../../session-store/retained-store.ts';
import type { StoredSession } from '../../session-store/stored-session.ts';
import { presentSessions } from '../../trash/present.ts';
import type { PresentSessions } from './plan.ts';

/** The part of a session store that tells what is in it. */
export interface ObservedStore {
  sessions(): Eventually<readonly Pick<StoredSession, 'sessionId'>[]>;
  trashed(): Eventually<readonly Pick<StoredSession, 'sessionId'>[]>;
}

export interface PresentPlaces {
  readonly claudeDirs: readonly ClaudeDir[];
  readonly stores: readonly ObservedStore[];
}

/**
 * @returns the sessions of all places together; undefined where any Claude directory could not be read in full: then no row is gone
 * @throws OperatingError where a store cannot be read
 */
export async function observePresent({ claudeDirs, stores }: PresentPlaces): Promise<PresentSessions> {
  const present = new Set<SessionId>();
  for (const claudeDir of claudeDirs) {
    const ofOne = presentSessions(claudeDir);
    if (ofOne === undefined) return undefined;
    for (const id of ofOne) present.add(id);
  }
  for (const store of stores) {
    for (const { sessionId } of [...(await store.sessions()), ...(await store.trashed())]) present.add(sessionId);
  }
  return present;
}

/** File systems tell times by a clock that stands still for some milliseconds. */
const RECENT_MS = 100;

/**
 * Looks for transcripts that were not there a moment ago. Claude renames one from project to project when it enters a worktree, and
 * whoever reads one project after the other may miss it: where anything came or went meanwhile, nothing is gone for certain.
 * @returns those that are there after all, or may be
 * @throws the system's error where a project cannot be looked into
 */
export function lookAgain(
  ids: readonly SessionId[],
  claudeDirs: readonly ClaudeDir[],
  nowMs: number,
): ReadonlySet<SessionId> {
  const found = new Set<SessionId>();
  for (const { projects } of claudeDirs) {
    const before = lookInto(projects, ids, found);
    const after = lookInto(projects, ids, found);
    const isQuiet = [...after].every(([name, changedAtMs]) => {
      const isRecent = changedAtMs <= nowMs && nowMs - changedAtMs < RECENT_MS;
      return before.get(name) === changedAtMs && !isRecent;
    });
    if (!isQuiet) return new Set(ids);
  }
  return found;
}

/** @returns when each project had last changed as it was opened, Unix epoch ms */
function lookInto(
  projects: AnchoredDir,
  ids: readonly SessionId[],
  found: Set<SessionId>,
): ReadonlyMap<ByteName, number> {
  const changes = new Map<ByteName, number>();
  for (const { name, kind } of projects.entries()) {
    if (kind !== 'directory') continue;
    const project = projects.openChild(name);
    try {
      changes.set(name, project.mtimeMs);
      for (const id of ids) if (project.has(transcriptName(id))) found.add(id);
    } finally {
      project.close();
    }
  }
  return changes;
}
