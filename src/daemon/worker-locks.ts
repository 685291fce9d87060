/** The locks of a daemon, one a Claude directory: held for as long as a configuration names it, and never given up to be taken again. */

import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { acquireDirLock, type DirLock } from '../claude-dir/dir-lock.ts';

export class WorkerLocks {
  /** By `ClaudeDir.identity`: what leads to one place has one lock. */
  readonly #held = new Map<string, DirLock>();

  /**
   * Takes those that are not held already: all of them or none.
   * @returns which it has taken
   * @throws OperatingError as `acquireDirLock`
   */
  take(claudeDirs: readonly ClaudeDir[]): readonly string[] {
    const taken: string[] = [];
    try {
      for (const claudeDir of claudeDirs) {
        const { identity } = claudeDir;
        if (this.#held.has(identity)) continue;
        this.#held.set(identity, acquireDirLock(claudeDir, 'worker'));
        taken.push(identity);
      }
      return taken;
    } catch (error) {
      this.release(taken);
      throw error;
    }
  }

  release(identities: readonly string[]): void {
    for (const identity of [...identities].reverse()) {
      this.#held.get(identity)?.release();
      this.#held.delete(identity);
    }
  }

  /** Gives back the locks of all other directories. */
  keepOnly(claudeDirs: readonly ClaudeDir[]): void {
    const kept = new Set(claudeDirs.map(({ identity }) => identity));
    this.release([...this.#held.keys()].filter((identity) => !kept.has(identity)));
  }
}
