/** Claude's own clean-up beside a prune of one Claude directory: whom the shield keeps from it, and who is left exposed. */

import type { ClaudeDir } from '../../claude-dir/claude-dir.ts';
import { PROJECTS, transcriptName } from '../../claude-dir/layout.ts';
import { OlderParts } from '../../claude-dir/refresh.ts';
import type { CleanupLimits } from '../../claude-dir/shield-margins.ts';
import type { Part, Units } from '../../claude-dir/unit.ts';
import type { ShieldScope } from '../../config/values.ts';
import { OpenDirs } from '../../files/open-dirs.ts';
import type { UnitTable } from '../../scan/unit-table.ts';
import type { Exposure } from '../exposed.ts';
import type { JobContext } from '../job.ts';
import type { ShieldedTimes, ShieldedTimesChange } from '../ledger-contracts.ts';
import { exposureOf } from './count-exposed.ts';
import type { KeptSessions } from './kept.ts';
import { shield } from './shield.ts';

/** Of a session with more files it takes less to read its transcript than to look at all of them. */
const FILES_MAX = 256;

/** How Claude cleans up, and what is done against it. */
export interface CleanupRules {
  readonly scope: ShieldScope;
  /** Undefined where Claude deletes nothing in the life of a program. */
  limitsOf(claudeDir: string): CleanupLimits | undefined;
  /** Before that, Claude deletes nothing. Unix epoch ms. */
  nextCleanupMs(claudeDir: string): number;
}

export class DirectoryCleanup {
  readonly #claudeDir: ClaudeDir;
  readonly #rules: CleanupRules;
  readonly #limits: CleanupLimits | undefined;
  readonly #nowMs: number;
  /** By row, whether a younger session has files that come near the limit. */
  readonly #hasOlder = new Map<number, boolean>();
  #older: OlderParts | undefined;

  constructor(claudeDir: ClaudeDir, rules: CleanupRules, nowMs: number) {
    this.#claudeDir = claudeDir;
    this.#rules = rules;
    this.#limits = rules.limitsOf(claudeDir.path);
    this.#nowMs = nowMs;
  }

  /**
   * Whether a session, or any file of it, is so near the limit that it is time to know whether somebody has marked it: nothing else would
   * tell. Claude deletes file by file, so one that is used each day may lose its older part.
   * @param partsOf undefined for what is not there yet
   */
  asksForFacts(units: Units, row: number, partsOf: (() => readonly Part[]) | undefined): boolean {
    if (this.#limits === undefined || this.#rules.scope !== 'wanted' || !units.hasTranscript(row)) return false;
    const thanMs = this.#nowMs - this.#limits.oldestMs;
    if (units.newestMtimeMs(row) <= thanMs) return true;
    const files = units.files(row);
    if (files === 1 || partsOf === undefined) return false;
    this.#older ??= new OlderParts(this.#claudeDir, thanMs);
    const known = this.#hasOlder.get(row) ?? (files > FILES_MAX || this.#older.has(partsOf()));
    this.#hasOlder.set(row, known);
    return known;
  }

  close(): void {
    this.#older?.close();
  }

  /** @returns undefined where nothing is shielded here */
  async shield(
    units: UnitTable,
    aged: Units,
    kept: KeptSessions,
    times: ShieldedTimes,
    { shouldStop }: Pick<JobContext, 'shouldStop'>,
  ): Promise<{ readonly change: ShieldedTimesChange; readonly shielded: number } | undefined> {
    const limits = this.#limits;
    if (limits === undefined || this.#rules.scope === 'off') return undefined;
    const isCovered = (row: number) => this.#isCovered(kept, row);
    const claudeDir = this.#claudeDir;
    return shield({ claudeDir, units, aged, kept, isCovered, times, limits, nowMs: this.#nowMs, shouldStop });
  }

  exposure(units: Units, kept: KeptSessions): Exposure {
    const held = new OpenDirs(this.#claudeDir.root);
    try {
      return exposureOf({
        ...{ units, kept, limits: this.#limits, nowMs: this.#nowMs },
        nextCleanupMs: this.#rules.nextCleanupMs(this.#claudeDir.path),
        isCovered: (row) => this.#isCovered(kept, row),
        transcriptMtimeMs: (row) => {
          const project = units.projects[units.projectIndex(row) ?? -1];
          if (project === undefined || !units.hasTranscript(row)) return undefined;
          return held.find([PROJECTS, project])?.lstat(transcriptName(units.sessionId(row)))?.mtimeMs;
        },
      });
    } finally {
      held.close();
    }
  }

  #isCovered(kept: KeptSessions, row: number): boolean {
    const { scope } = this.#rules;
    if (scope === 'off') return false;
    return scope === 'all' ? kept.isConversation(row) : kept.isWanted(row);
  }
}
