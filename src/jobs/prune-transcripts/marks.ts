/** What the transcripts of units that are about to go say of themselves; only those are looked into. */

import type { ClaudeDir } from '../../claude-dir/claude-dir.ts';
import { PROJECTS, transcriptName } from '../../claude-dir/layout.ts';
import type { ReadFault } from '../../claude-dir/measure.ts';
import type { SessionId } from '../../claude-dir/session-id.ts';
import { readSessionMarks, type SessionMarks } from '../../claude-dir/session-marks.ts';
import { errorCode, errorMessage, isExhaustion } from '../../errors.ts';
import type { AnchoredDir } from '../../files/anchored-dir.ts';
import type { ByteName } from '../../files/byte-name.ts';
import type { Mark } from './plan.ts';

/** The tag that keeps a session. */
const KEEP_TAG = 'keep';

export interface MarkObservation {
  readonly mark: Mark | undefined;
  readonly fault?: ReadFault;
}

/** Looks into transcripts one after the other; holds on to the project of the last one, since those of a project come together. */
export class MarkObserver {
  readonly #claudeDir: ClaudeDir;
  readonly #keepNamed: boolean;
  #held: { readonly project: ByteName; readonly directory: AnchoredDir } | undefined;

  constructor(claudeDir: ClaudeDir, keepNamed: boolean) {
    this.#claudeDir = claudeDir;
    this.#keepNamed = keepNamed;
  }

  /** @throws the system's error where we ran out of something ourselves */
  observe(project: ByteName, sessionId: SessionId): MarkObservation {
    const name = transcriptName(sessionId);
    try {
      return { mark: markOf(readSessionMarks(this.#directory(project), name), this.#keepNamed) };
    } catch (error) {
      const code = errorCode(error);
      if (code !== undefined && isExhaustion(code)) throw error;
      // Gone meanwhile: the act will see it.
      if (code === 'ENOENT') return { mark: undefined };
      return {
        mark: 'unreadable',
        fault: { path: `${PROJECTS}/${project}/${name}`, code: code ?? errorMessage(error) },
      };
    }
  }

  close(): void {
    this.#held?.directory.close();
    this.#held = undefined;
  }

  #directory(project: ByteName): AnchoredDir {
    if (this.#held?.project === project) return this.#held.directory;
    this.close();
    this.#held = { project, directory: this.#claudeDir.projects.openChild(project) };
    return this.#held.directory;
  }
}

export function markOf({ tag, title }: SessionMarks, keepNamed: boolean): Mark | undefined {
  if (tag === KEEP_TAG) return 'tagged';
  return keepNamed && title !== undefined ? 'named' : undefined;
}
