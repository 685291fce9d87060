/** Looks into transcripts for what they say of their sessions; which of them, the plan says. */

import { isArchivedSince } from '../../claude-dir/archived.ts';
import type { ClaudeDir } from '../../claude-dir/claude-dir.ts';
import { PROJECTS, transcriptName } from '../../claude-dir/layout.ts';
import type { ReadFault } from '../../claude-dir/measure.ts';
import type { SessionId } from '../../claude-dir/session-id.ts';
import { readTranscriptFacts, type SessionMarks } from '../../claude-dir/transcript-facts.ts';
import { errorCode, errorMessage, isExhaustion } from '../../errors.ts';
import type { AnchoredDir } from '../../files/anchored-dir.ts';
import type { ByteName } from '../../files/byte-name.ts';
import type { Facts, Mark } from './age-rules.ts';

/** The tag that keeps a session. */
const KEEP_TAG = 'keep';

/** More than any conversation has: what is larger is no transcript, be it sparse, and would be read for minutes. */
const TRANSCRIPT_BYTES_MAX = 2 ** 34;
/** Small transcripts are read without a turn of the event loop between them. */
const PIECES_BETWEEN_QUESTIONS = 16;

export interface FactsObservation {
  /** Undefined where there was nothing to look into, or the run was told to stop meanwhile. */
  readonly facts: Facts | undefined;
  readonly fault?: ReadFault;
}

export interface FactsQuestion {
  readonly project: ByteName;
  readonly sessionId: SessionId;
  /** How large all of its session is. */
  readonly bytes: number;
  readonly nowMs: number;
  shouldStop(): Promise<boolean>;
}

/** Looks into transcripts one after the other; holds on to the project of the last one, since those of a project come together. */
export class FactsObserver {
  readonly #claudeDir: ClaudeDir;
  readonly #keepNamed: boolean;
  #held: { readonly project: ByteName; readonly directory: AnchoredDir } | undefined;

  constructor(claudeDir: ClaudeDir, keepNamed: boolean) {
    this.#claudeDir = claudeDir;
    this.#keepNamed = keepNamed;
  }

  /** @throws the system's error where we ran out of something ourselves */
  async observe({ project, sessionId, bytes, nowMs, shouldStop }: FactsQuestion): Promise<FactsObservation> {
    const name = transcriptName(sessionId);
    const path = `${PROJECTS}/${project}/${name}`;
    let pieces = 0;
    const isToStop = async () => {
      pieces += 1;
      return pieces % PIECES_BETWEEN_QUESTIONS === 0 && (await shouldStop());
    };
    try {
      // What else the session has may be of any size.
      const isLarge = bytes > TRANSCRIPT_BYTES_MAX && this.#sizeOf(project, name) > TRANSCRIPT_BYTES_MAX;
      if (isLarge) return unreadable(path, 'it is too large to be a transcript');
      const directory = this.#directory(project);
      const facts = await readTranscriptFacts(directory, name, { nowMs, isToStop });
      if (facts === undefined) return { facts };
      const isArchived = isArchivedSince(directory, sessionId, facts.lastEntryMs);
      return { facts: { ...facts, mark: markOf(facts, this.#keepNamed), isArchived } };
    } catch (error) {
      const code = errorCode(error);
      if (code !== undefined && isExhaustion(code)) throw error;
      // Gone meanwhile: the act will see it.
      if (code === 'ENOENT') return { facts: undefined };
      return unreadable(path, code ?? errorMessage(error));
    }
  }

  close(): void {
    this.#held?.directory.close();
    this.#held = undefined;
  }

  #sizeOf(project: ByteName, name: ByteName): number {
    return this.#directory(project).lstat(name)?.size ?? 0;
  }

  #directory(project: ByteName): AnchoredDir {
    if (this.#held?.project === project) return this.#held.directory;
    this.close();
    this.#held = { project, directory: this.#claudeDir.projects.openChild(project) };
    return this.#held.directory;
  }
}

function unreadable(path: string, code: string): FactsObservation {
  return { facts: { mark: 'unreadable', lastEntryMs: undefined, sessionClass: undefined }, fault: { path, code } };
}

export function markOf({ tag, title }: SessionMarks, keepNamed: boolean): Mark | undefined {
  if (tag === KEEP_TAG) return 'tagged';
  return keepNamed && title !== undefined ? 'named' : undefined;
}
