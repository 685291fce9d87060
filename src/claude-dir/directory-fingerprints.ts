/**
 * What the directories of a Claude directory looked like before they were listed, so that later it can be told with one look
 * each whether anything has come into them or gone from them since.
 */

import type { AnchoredDir } from '../files/anchored-dir.ts';
import type { ByteName } from '../files/byte-name.ts';
import type { FileFacts } from '../files/native-calls.ts';
import type { ClaudeDir } from './claude-dir.ts';
import { COMPANION_PLACES, PROJECTS } from './layout.ts';

/** Times of files are coarse, at worst two seconds: a place that changed so lately may change again and show the same time. */
const COARSE_MS = 2_000;

/** Stands for a place that was not there. */
const ABSENT = 'absent';

/** Another one after every change of what is in the directory; undefined where one at this very moment might leave it the same. */
function settledIdentity(facts: FileFacts, nowMs: number): string | undefined {
  return Math.max(facts.mtimeMs, facts.ctimeMs) > nowMs - COARSE_MS ? undefined : identityOf(facts);
}

function identityOf({ dev, ino, mtimeMs, ctimeMs }: FileFacts): string {
  return `${dev}:${ino}:${mtimeMs}:${ctimeMs}`;
}

export class PlaceTimes {
  readonly #identities = new Map<string, string>();

  /** Looks at every companion place and project directory. To be called before anything is listed. */
  static observe(claudeDir: ClaudeDir, nowMs = Date.now()): PlaceTimes {
    const times = new PlaceTimes();
    for (const { directory } of COMPANION_PLACES) times.note([directory], claudeDir.root.lstat(directory), nowMs);
    times.note([PROJECTS], claudeDir.root.lstat(PROJECTS), nowMs);
    for (const { name, kind } of claudeDir.projects.entries()) {
      if (kind === 'directory') times.note([PROJECTS, name], claudeDir.projects.lstat(name), nowMs);
    }
    return times;
  }

  /** @param facts of the directory from before it was listed; undefined where there is none */
  note(path: readonly ByteName[], facts: FileFacts | undefined, nowMs: number): void {
    if (facts?.isDirectory() === false) return;
    const identity = facts === undefined ? ABSENT : settledIdentity(facts, nowMs);
    if (identity !== undefined) this.#identities.set(path.join('/'), identity);
  }

  /** Whether nothing can have come into it or gone from it since. A place that was never noted counts as changed. */
  isUnchanged(path: readonly ByteName[], parent: AnchoredDir): boolean {
    const name = path.at(-1);
    const before = this.#identities.get(path.join('/'));
    if (name === undefined || before === undefined) return false;
    const now = parent.lstat(name);
    return before === (now === undefined ? ABSENT : identityOf(now));
  }
}
