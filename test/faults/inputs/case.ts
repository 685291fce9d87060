/** What one named input is, and what must be true of the program's answer to it. */

import type { Place } from '../../support/place.ts';

export interface InputCase {
  readonly name: string;
  /** `{place}`, `{claude}` and `{state}` stand for the case's own directories, here and in everything else. */
  readonly args: readonly string[];
  /** Beside the two variables that name the directories; undefined takes one of those away. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly prepare?: (place: Place) => void | Promise<void>;
  /** One of these it must end with. */
  readonly codes: readonly number[];
  /** What must be told: the setting, the value, the file. */
  readonly names?: readonly (string | RegExp)[];
  /** What must be told nowhere. */
  readonly secrets?: readonly string[];
  /** How many lines of stderr tell it, where it is not one. */
  readonly faults?: number;
  /** For runs of jobs: they tell of themselves on stdout and in the log. */
  readonly isRun?: boolean;
  /** Run without root's right to read everything. */
  readonly isUnprivileged?: boolean;
  /** What stdout must say of an accepted input. */
  readonly shows?: (stdout: string) => boolean;
  /** Paths that may be other than before, e.g. the ledger of a run that was recorded as failed. */
  readonly mayChange?: RegExp;
  /** What else must be true afterwards. */
  readonly judge?: (place: Place) => readonly string[];
}

/** A run that fails writes that down, and takes the lock of the directory to do so. */
export const RECORDED = /^(state\/(ledger\.db|reserve(\/|$))|claude\/session-sweeper(\/|$))/;

export const ID = '00000000-0000-4000-8000-00000000abcd';

export function filled(text: string, { directory, claudeDir, stateDir }: Place): string {
  return text.replaceAll('{place}', directory).replaceAll('{claude}', claudeDir).replaceAll('{state}', stateDir);
}
