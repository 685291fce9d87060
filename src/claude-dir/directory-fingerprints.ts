/**
 * What the directories of a Claude directory looked like before they were listed, so that later it can be told with one look
 * each whether anything has come into them or gone from them since.
 */

import { errorCode, isExhaustion } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import type { ByteName } from '../files/byte-name.ts';
import { factsBelow } from '../files/facts-below.ts';
import type { FileFacts } from '../files/native-calls.ts';
import type { ClaudeDir } from './claude-dir.ts';
import { COMPANION_PLACES, PROJECTS } from './layout.ts';

/** Times of files are coarse, at worst two seconds: a place that changed so lately may change again and show the same time. */
const COARSE_MS = 2_000;

/** Stands for a place that was not there. */
const ABSENT = 'absent';

/** Another one after every change of what is in the directory; undefined where one at this very moment might leave it the same. */
function settledFingerprint(facts: FileFacts, nowMs: number): string | undefined {
  return Math.max(facts.mtimeMs, facts.ctimeMs) > nowMs - COARSE_MS ? undefined : identityOf(facts);
}

function identityOf({ dev, ino, mtimeMs, ctimeMs }: FileFacts): string {
  return `${dev}:${ino}:${mtimeMs}:${ctimeMs}`;
}

export class DirectoryFingerprints {
  readonly #identities = new Map<string, string>();

  /** Looks at every companion place and project directory. To be called before anything is listed. */
  static observe(claudeDir: ClaudeDir, nowMs: number): DirectoryFingerprints {
    const times = new DirectoryFingerprints();
    for (const { directory } of COMPANION_PLACES) times.#note(directory, placeFacts(claudeDir.root, directory), nowMs);
    times.#note([PROJECTS], placeFacts(claudeDir.root, [PROJECTS]), nowMs);
    for (const { name, kind } of claudeDir.projects.entries()) {
      if (kind === 'directory') times.#note([PROJECTS, name], placeFacts(claudeDir.projects, [name]), nowMs);
    }
    return times;
  }

  #note(path: readonly ByteName[], facts: FileFacts | undefined | 'unknown', nowMs: number): void {
    if (facts === 'unknown') return;
    const identity = facts === undefined ? ABSENT : settledFingerprint(facts, nowMs);
    if (identity !== undefined) this.#identities.set(path.join('/'), identity);
  }

  /** Whether nothing can have come into it or gone from it since. A place that was never noted counts as changed. */
  isUnchanged(path: readonly ByteName[], root: AnchoredDir): boolean {
    const before = this.#identities.get(path.join('/'));
    if (before === undefined) return false;
    const now = placeFacts(root, path);
    return now !== 'unknown' && before === (now === undefined ? ABSENT : identityOf(now));
  }
}

/** Undefined where there is none. Something else under its name, or on the way to it, tells nothing of the place. */
function placeFacts(root: AnchoredDir, path: readonly ByteName[]): FileFacts | undefined | 'unknown' {
  try {
    const facts = factsBelow(root, path);
    return facts === undefined || facts.isDirectory() ? facts : 'unknown';
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined || isExhaustion(code)) throw error;
    return 'unknown';
  }
}
