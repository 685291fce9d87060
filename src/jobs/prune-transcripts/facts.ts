/** Looks into transcripts for what they say of their sessions; which of them, the plan says. */

import { isArchivedSince } from '../../claude-dir/archived.ts';
import { readManyFacts } from '../../claude-dir/bulk-facts.ts';
import type { ClaudeDir } from '../../claude-dir/claude-dir.ts';
import { PROJECTS, transcriptName } from '../../claude-dir/layout.ts';
import type { ReadFault } from '../../claude-dir/measure.ts';
import type { SessionId } from '../../claude-dir/session-id.ts';
import { readTranscriptFacts, type TranscriptFacts } from '../../claude-dir/transcript-facts.ts';
import type { SessionMarks } from '../../claude-dir/transcript-marks.ts';
import { errorCode, errorMessage, isExhaustion } from '../../errors.ts';
import type { AnchoredDir } from '../../files/anchored-dir.ts';
import type { ByteName } from '../../files/byte-name.ts';
import { type NativePart, nativePart } from '../../files/native-part.ts';
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
  readonly nowMs: number;
  shouldStop(): Promise<boolean>;
}

/** One whose transcript is to be looked into. */
export interface FactsSubject {
  readonly row: number;
  readonly project: ByteName;
  readonly sessionId: SessionId;
  /** How large all of its session is. */
  readonly bytes: number;
  /** Whether it may have a directory of its own in the project. */
  readonly mayHaveDirectory: boolean;
}

/** Given what was found, in no order. */
export type TakeFacts = (row: number, found: FactsObservation) => void;

/** For fewer, to have others begin takes longer than to look. */
const MANY = 8;

/** Looks into transcripts; holds on to the project of the last one, since those of a project come together. */
export class FactsObserver {
  readonly #claudeDir: ClaudeDir;
  readonly #keepNamed: boolean;
  #held: { readonly project: ByteName; readonly directory: AnchoredDir } | undefined;

  constructor(claudeDir: ClaudeDir, keepNamed: boolean) {
    this.#claudeDir = claudeDir;
    this.#keepNamed = keepNamed;
  }

  /**
   * Of those that it did not come to, since it is to stop, it tells nothing.
   * @throws the system's error where we ran out of something ourselves
   */
  async observe(subjects: readonly FactsSubject[], question: FactsQuestion, take: TakeFacts): Promise<void> {
    const native = subjects.length < MANY ? undefined : nativePart();
    const left = native === undefined ? subjects : await this.#observeMany(native, subjects, question, take);
    for (const subject of left) {
      if (await question.shouldStop()) return;
      take(subject.row, await this.#observeOne(subject, question));
    }
  }

  /** @returns those that have to be looked into one by one */
  async #observeMany(
    native: NativePart,
    subjects: readonly FactsSubject[],
    question: FactsQuestion,
    take: TakeFacts,
  ): Promise<readonly FactsSubject[]> {
    const left = subjects.filter(({ bytes }) => bytes > TRANSCRIPT_BYTES_MAX);
    const files = subjects.flatMap((subject) => {
      return subject.bytes > TRANSCRIPT_BYTES_MAX ? [] : [{ ...subject, name: transcriptName(subject.sessionId) }];
    });
    await readManyFacts(native, this.#claudeDir.projects, files, {
      ...question,
      take: (subject, facts) => {
        if (facts === undefined) left.push(subject);
        else take(subject.row, this.#observation(subject, facts));
      },
    });
    return left.sort((first, second) => first.row - second.row);
  }

  async #observeOne(subject: FactsSubject, { nowMs, shouldStop }: FactsQuestion): Promise<FactsObservation> {
    const { project, sessionId, bytes } = subject;
    const name = transcriptName(sessionId);
    let pieces = 0;
    const isToStop = async () => {
      pieces += 1;
      return pieces % PIECES_BETWEEN_QUESTIONS === 0 && (await shouldStop());
    };
    try {
      // What else the session has may be of any size.
      const isLarge = bytes > TRANSCRIPT_BYTES_MAX && this.#sizeOf(project, name) > TRANSCRIPT_BYTES_MAX;
      if (isLarge) return unreadable(subject, 'it is too large to be a transcript');
      const facts = await readTranscriptFacts(this.#directory(project), name, { nowMs, isToStop });
      return facts === undefined ? { facts } : this.#observation(subject, facts);
    } catch (error) {
      return notRead(subject, error);
    }
  }

  #observation(subject: FactsSubject, facts: TranscriptFacts): FactsObservation {
    const { project, sessionId, mayHaveDirectory } = subject;
    try {
      const isArchived = mayHaveDirectory && isArchivedSince(this.#directory(project), sessionId, facts.lastEntryMs);
      return { facts: { ...facts, mark: markOf(facts, this.#keepNamed), isArchived } };
    } catch (error) {
      return notRead(subject, error);
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

/** @throws the system's error where we ran out of something ourselves */
function notRead(subject: FactsSubject, error: unknown): FactsObservation {
  const code = errorCode(error);
  if (code !== undefined && isExhaustion(code)) throw error;
  // Gone meanwhile: the act will see it.
  if (code === 'ENOENT') return { facts: undefined };
  return unreadable(subject, code ?? errorMessage(error));
}

function unreadable({ project, sessionId }: FactsSubject, code: string): FactsObservation {
  const path = `${PROJECTS}/${project}/${transcriptName(sessionId)}`;
  return { facts: { mark: 'unreadable', lastEntryMs: undefined, sessionClass: undefined }, fault: { path, code } };
}

export function markOf({ tag, title }: SessionMarks, keepNamed: boolean): Mark | undefined {
  if (tag === KEEP_TAG) return 'tagged';
  return keepNamed && title !== undefined ? 'named' : undefined;
}
