/** Where one session's transcript is on this host: what a host asks before it resumes, and how it gets one back from the trash. */

import { setTimeout as sleep } from 'node:timers/promises';
import { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { acquireDirLock } from '../claude-dir/dir-lock.ts';
import { isTranscript, parseProjectEntry, projectParts } from '../claude-dir/layout.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import { hidesNothing } from '../claude-dir/sibling-link.ts';
import { holdsMetadataAlone } from '../claude-dir/transcript-facts.ts';
import type { Clock } from '../clock.ts';
import { errorCode, OperatingError } from '../errors.ts';
import { requireAnchoring } from '../files/anchoring.ts';
import type { Whereabouts } from '../resume-map/resume-map.ts';
import { Trash } from '../trash/trash.ts';
import { isUnsettled } from '../trash/unfinished.ts';

/** A prune holds the lock for as long as it runs: most are through in this time, and a host that gets an error may try again. */
const LOCK_WAIT_MAX_MS = 30_000;
const LOCK_RETRY_MS = 100;
const LOCK_ATTEMPTS = LOCK_WAIT_MAX_MS / LOCK_RETRY_MS;

/** The Claude directories of this host, by path. */
export class HostTranscripts {
  readonly #paths: readonly string[];
  readonly #clock: Clock;

  constructor(paths: readonly string[], clock: Clock) {
    this.#paths = paths;
    this.#clock = clock;
  }

  whereIs(sessionId: SessionId): Whereabouts {
    const places = this.#paths.map((path) => whereInOne(path, sessionId));
    for (const place of ['here', 'in-trash', 'unknown', 'gone'] as const) if (places.includes(place)) return place;
    return 'unused';
  }

  /**
   * Brings a session back from the trash. Its row must name it by then: it is as old as before.
   * @returns whether it is back
   * @throws OperatingError `bad-data` where it cannot come back: its place is taken, or a part of it is gone; any other kind where it
   *   may come back later: a run is at work, or the disk fails
   */
  async restore(sessionId: SessionId): Promise<boolean> {
    for (const path of this.#paths) {
      if (whereInOne(path, sessionId) !== 'in-trash') continue;
      await this.#restoreIn(path, sessionId);
      return whereInOne(path, sessionId) === 'here';
    }
    return false;
  }

  async #restoreIn(path: string, sessionId: SessionId): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        withClaudeDir(path, (claudeDir) => restoreLocked(claudeDir, sessionId, this.#clock.now()));
        return;
      } catch (error) {
        const isLocked = error instanceof OperatingError && error.kind === 'locked';
        if (!isLocked || attempt === LOCK_ATTEMPTS) throw error;
      }
      await sleep(LOCK_RETRY_MS);
    }
  }
}

function restoreLocked(claudeDir: ClaudeDir, sessionId: SessionId, nowMs: number): void {
  const lock = acquireDirLock(claudeDir, 'run');
  try {
    const trash = Trash.openIfThere(claudeDir);
    try {
      // What a killed run had begun with the session is ended first. That reads the whole trash, so it is done only where it must be.
      const isUnfinished = trash?.lookUp(sessionId).sessions.some(isUnsettled) ?? false;
      const finished = isUnfinished ? (trash?.reconcile(nowMs).restored ?? []) : [];
      if (!finished.includes(sessionId)) trash?.restore(sessionId, nowMs);
    } finally {
      trash?.close();
    }
  } finally {
    lock.release();
  }
}

function whereInOne(path: string, sessionId: SessionId): Whereabouts {
  try {
    return withClaudeDir(path, (claudeDir) => {
      const inPlace = transcriptInPlace(claudeDir, sessionId);
      if (inPlace === 'conversation') return 'here';
      const trash = Trash.openIfThere(claudeDir);
      try {
        const { sessions, unreadableFolders } = trash?.lookUp(sessionId) ?? { sessions: [], unreadableFolders: [] };
        if (sessions.some(({ state }) => state !== 'joined')) return 'in-trash';
        if (inPlace === 'metadata') return 'here';
        // A directory without a single transcript is more likely not mounted yet than full of conversations that are gone.
        if (unreadableFolders.length > 0) return 'unknown';
        return hasAnyTranscript(claudeDir) ? 'gone' : 'unused';
      } finally {
        trash?.close();
      }
    });
  } catch (error) {
    if (error instanceof OperatingError || errorCode(error) !== undefined) return 'unknown';
    throw error;
  }
}

/**
 * Claude resumes no empty transcript. A symlink may lead to one: Claude follows it, so it counts. Titles and tags alone are no conversation,
 * and must not hide the one that lies in the trash.
 */
function transcriptInPlace(claudeDir: ClaudeDir, sessionId: SessionId): 'conversation' | 'metadata' | undefined {
  const projects = claudeDir.projects.entries();
  const directories = new Set<string>(projects.filter(({ kind }) => kind === 'directory').map(({ name }) => name));
  const found = projects.flatMap((project) => {
    const name = projectParts(sessionId, project.name).find(isTranscript)?.name;
    if (name === undefined || project.kind === 'file') return [];
    if (project.kind === 'other' && hidesNothing(claudeDir, project.name, directories)) return [];
    // A project behind a symlink is one to Claude, and unknown territory to us.
    if (project.kind === 'other') throw new OperatingError('io', `look for ${sessionId}: a project is no directory`);
    const directory = claudeDir.projects.openChild(project.name);
    try {
      const stats = directory.lstat(name);
      if (stats === undefined || !(stats.isSymbolicLink() || stats.size > 0)) return [];
      return [
        stats.isFile() && holdsMetadataAlone(directory, name) ? ('metadata' as const) : ('conversation' as const),
      ];
    } finally {
      directory.close();
    }
  });
  return found.find((one) => one === 'conversation') ?? found[0];
}

function hasAnyTranscript(claudeDir: ClaudeDir): boolean {
  return claudeDir.projects.entries().some(({ name, kind }) => {
    if (kind !== 'directory') return false;
    const directory = claudeDir.projects.openChild(name);
    try {
      return directory.entries().some((entry) => parseProjectEntry(entry.name)?.isTranscript);
    } finally {
      directory.close();
    }
  });
}

function withClaudeDir<T>(path: string, use: (claudeDir: ClaudeDir) => T): T {
  requireAnchoring();
  const claudeDir = ClaudeDir.open(path);
  try {
    return use(claudeDir);
  } finally {
    claudeDir.close();
  }
}
