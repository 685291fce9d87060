/** What the transcripts of units that are about to go say of themselves; only those are looked into. */

import { errorCode, errorMessage } from '../../errors.ts';
import type { SessionId } from '../../sessions/session-id.ts';
import type { ClaudeDir } from '../../transcripts/claude-dir.ts';
import { isExhaustion, type ReadFault } from '../../transcripts/measure.ts';
import { readSessionMarks, type SessionMarks } from '../../transcripts/session-marks.ts';
import { isTranscript, partPath, type Unit } from '../../transcripts/unit.ts';
import type { Mark } from './plan.ts';

/** The tag that keeps a session. */
const KEEP_TAG = 'keep';

export interface MarkObservation {
  readonly mark: Mark | undefined;
  readonly fault?: ReadFault;
}

/** @throws the system's error where we ran out of something ourselves */
export function observeMark(claudeDir: ClaudeDir, unit: Unit, keepNamed: boolean): MarkObservation {
  const transcript = unit.parts.find(isTranscript);
  const project = transcript?.directory[1];
  if (transcript === undefined || project === undefined) return { mark: undefined };
  try {
    const directory = claudeDir.projects.openChild(project);
    try {
      return { mark: markOf(readSessionMarks(directory, transcript.name), keepNamed) };
    } finally {
      directory.close();
    }
  } catch (error) {
    const code = errorCode(error);
    if (code !== undefined && isExhaustion(code)) throw error;
    // Gone meanwhile: the act will see it.
    if (code === 'ENOENT') return { mark: undefined };
    return { mark: 'unreadable', fault: { path: partPath(transcript), code: code ?? errorMessage(error) } };
  }
}

export function markOf({ tag, title }: SessionMarks, keepNamed: boolean): Mark | undefined {
  if (tag === KEEP_TAG) return 'tagged';
  return keepNamed && title !== undefined ? 'named' : undefined;
}

/** The marks of a plan's removals, each looked at once however often it is planned. */
export class ObservedMarks {
  readonly marks = new Map<SessionId, Mark>();
  readonly #seen = new Set<Unit>();
  readonly #observe: (unit: Unit) => Mark | undefined;

  constructor(observe: (unit: Unit) => Mark | undefined) {
    this.#observe = observe;
  }

  /** @returns whether anything new was found that keeps a unit */
  look(units: readonly Unit[]): boolean {
    let isNew = false;
    for (const unit of units) {
      if (this.#seen.has(unit)) continue;
      this.#seen.add(unit);
      const mark = this.#observe(unit);
      if (mark === undefined) continue;
      this.marks.set(unit.sessionId, mark);
      isNew = true;
    }
    return isNew;
  }
}
