/** A Claude directory with sessions to be put in its trash, and what lies where afterwards. */

import { appendFileSync, mkdirSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { onTestFinished } from 'vitest';
import type { ClaudeDir } from '../../src/claude-dir/claude-dir.ts';
import type { SessionId } from '../../src/claude-dir/session-id.ts';
import { type Part, partPath, type Unit } from '../../src/claude-dir/unit.ts';
import { fixedName } from '../../src/files/byte-name.ts';
import type { TrashedSession } from '../../src/trash/folders.ts';
import type { ManifestEvent } from '../../src/trash/manifest.ts';
import type { FolderPurge } from '../../src/trash/purge.ts';
import type { TakeOutcome } from '../../src/trash/take-outcome.ts';
import type { Trash } from '../../src/trash/trash.ts';
import { type FileState, outsideSweeper, snapshot, trashedIn } from '../support/disk.ts';
import { openClaudeDir, openTrash } from '../support/opened.ts';
import { Place } from '../support/place.ts';
import { scanned } from '../support/scanned.ts';
import { takeUnit } from '../support/taken.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf } from '../support/tree.ts';
import { NOW } from '../support/units.ts';

export const ID = sessionIdOf(1);
export const OTHER = sessionIdOf(2);
export const PROJECT = 'projects/-srv-app';
export const TRANSCRIPT = `${PROJECT}/${ID}.jsonl`;
export const COMPANIONS = [`${PROJECT}/${ID}`, `file-history/${ID}`, `debug/${ID}.txt`];
export const OLD_MS = NOW - 40 * DAY_MS;
export const LATER = NOW + DAY_MS;

/** A Claude directory with one session of a transcript and companions of three kinds, and one other session. */
export class TrashPlace extends Place {
  readonly opened: ClaudeDir;
  readonly trash: Trash;

  constructor() {
    super(tempDir());
    makeClaudeDir(this.claudeDir);
    const shape = { ageMs: 40 * DAY_MS, companions: ['subagents/agent-a1.jsonl', 'tool-results/1.txt'] };
    const elsewhere = [`file-history/${ID}/0a1b@v1`, `debug/${ID}.txt`];
    makeSession(this.claudeDir, { id: ID, ...shape, elsewhere }, NOW);
    makeSession(this.claudeDir, { id: OTHER, ageMs: 40 * DAY_MS }, NOW);
    this.opened = openClaudeDir(this.claudeDir);
    this.trash = openTrash(this.opened);
  }

  unit(id: SessionId = ID): Unit {
    const unit = scanned(this.opened).units.find(({ sessionId }) => sessionId === id);
    if (unit === undefined) throw new Error(`no unit ${id}`);
    return unit;
  }

  /** What is where it belongs, and what lies in the trash by its old path. */
  files(): { readonly inPlace: Map<string, FileState>; readonly inTrash: Map<string, FileState> } {
    const files = snapshot(this.claudeDir);
    return { inPlace: outsideSweeper(files), inTrash: trashedIn(files) };
  }

  take(unit: Unit = this.unit(), nowMs = NOW): TakeOutcome {
    const run = this.trash.beginFolder(nowMs);
    try {
      run.intend([{ unit, reason: 'expired' }], nowMs);
      return takeUnit(run, unit, nowMs);
    } finally {
      run.close();
    }
  }

  /** A run that was killed when its intent was durable and nothing moved yet. */
  intend(unit: Unit = this.unit()): string {
    const run = this.trash.beginFolder(NOW);
    run.intend([{ unit, reason: 'expired' }], NOW);
    run.close();
    return run.name;
  }

  inRun(run: string, relative = ''): string {
    return this.at(`session-sweeper/trash/${run}/${relative}`);
  }

  manifest(run: string): string {
    return this.inRun(run, 'manifest.jsonl');
  }

  addEvent(run: string, type: ManifestEvent, sessionId: SessionId = ID): void {
    appendFileSync(this.manifest(run), `${JSON.stringify({ type, at: new Date(NOW).toISOString(), sessionId })}\n`);
  }

  moveByHand(run: string, part: Part, from: 'claude-dir' | 'trash' = 'claude-dir'): void {
    const [home, away] = [this.at(partPath(part)), this.inRun(run, partPath(part))];
    const [source, target] = from === 'claude-dir' ? [home, away] : [away, home];
    mkdirSync(dirname(target), { recursive: true });
    renameSync(source, target);
  }

  listed(): Pick<TrashedSession, 'sessionId' | 'state'>[] {
    return this.trash.contents().sessions.map(({ sessionId, state }) => ({ sessionId, state }));
  }

  /** What the trash says of these, in their order. */
  entries(...ids: readonly SessionId[]): TrashedSession[] {
    const { sessions } = this.trash.contents();
    return ids.flatMap((id) => sessions.filter(({ sessionId }) => sessionId === id));
  }

  /** The only run, as it is; nothing in it is settled. */
  openForPurge(): FolderPurge {
    const run = this.trash.openForPurge(fixedName(this.onlyRun()), LATER, { dryRun: true });
    if (run === undefined) throw new Error('no run');
    onTestFinished(() => run.close());
    return run;
  }

  onlyRun(): string {
    const [run, ...others] = this.trash.runs();
    if (run === undefined || others.length > 0) throw new Error(`${others.length} runs`);
    return run;
  }
}

export function ofSession(files: ReadonlyMap<string, FileState>, id: SessionId = ID): Map<string, FileState> {
  return new Map([...files].filter(([path]) => path.includes(id)));
}
