/** sweep-sessions: deletes stale rows of the resume map, and rows whose transcript is gone for certain. */

import type { ClaudeDir } from '../../claude-dir/claude-dir.ts';
import type { SessionId } from '../../claude-dir/session-id.ts';
import type { Clock } from '../../clock.ts';
import { OperatingError } from '../../errors.ts';
import { RESUME_MAP } from '../../live-sources/resume-map-source.ts';
import type { MaintainableResumeMap, UncheckedResumeRow } from '../../resume-map/resume-map.ts';
import type { SessionMaxAge } from '../../resume-map/row-age.ts';
import type { ShortHolds } from '../../sqlite/short-holds.ts';
import { presentSessions } from '../../trash/present.ts';
import type { Guards } from '../guards/guards.ts';
import type { Job, JobContext, JobFault, JobReport } from '../job.ts';
import type { RemovalHistory } from '../ports.ts';
import { judgeRow, type PresentSessions, type RowKeepReason, type SweepReason } from './plan.ts';

export interface SweepDependencies {
  readonly map: MaintainableResumeMap;
  readonly claudeDirs: readonly ClaudeDir[];
  readonly maxAge: SessionMaxAge;
  readonly minAgeMs: number;
  /** Whether rows may be judged by the disks of this host. */
  readonly mapIsOfThisHost: boolean;
  readonly sweepsDangling: boolean;
  readonly guards: Pick<Guards, 'massDangling'>;
  /** Is told which of the ids that the guards know are gone by this sweep. */
  readonly history: Pick<RemovalHistory, 'knownIds' | 'recordKnownIds'>;
  readonly holds: ShortHolds;
  readonly clock: Clock;
}

export function sweepSessionsJob(dependencies: SweepDependencies): Job {
  return {
    name: 'sweep-sessions',
    run: (context) => sweep(dependencies, context),
  };
}

async function sweep(dependencies: SweepDependencies, context: JobContext): Promise<JobReport> {
  const walk = new SweepWalk(dependencies, context);
  try {
    await walk.sweepExpired();
    await walk.sweepDangling();
  } catch (error) {
    // What was deleted until then has been deleted, and is told.
    if (!(error instanceof OperatingError)) throw error;
    return { ...walk.report(), failure: { kind: error.kind, message: error.message } };
  }
  return walk.report();
}

/** One walk over all rows, in the order of their keys. */
class SweepWalk {
  readonly #dependencies: SweepDependencies;
  readonly #context: JobContext;
  readonly #kept: Partial<Record<RowKeepReason, number>> = {};
  readonly #gone: UncheckedResumeRow[] = [];
  readonly #faults: JobFault[] = [];
  readonly #swept = { expired: 0, dangling: 0 };
  #seen = 0;
  #isThrough = false;

  constructor(dependencies: SweepDependencies, context: JobContext) {
    this.#dependencies = dependencies;
    this.#context = context;
  }

  async sweepExpired(): Promise<void> {
    const { map, clock, maxAge, minAgeMs } = this.#dependencies;
    const policy = { maxAge, minAgeMs };
    const present = observePresent(this.#dependencies);
    for await (const page of map.readPages()) {
      if (await this.#context.shouldStop()) return;
      const nowMs = clock.now();
      const expired: UncheckedResumeRow[] = [];
      for (const row of page) {
        const verdict = judgeRow(row, present, policy, nowMs);
        if (verdict === 'expired') expired.push(row);
        else if (verdict === 'gone') this.#gone.push(row);
        else this.#keep(verdict, 1);
      }
      await this.#remove(expired, 'expired');
      this.#seen += page.length;
      this.#context.onProgress({ phase: 'sweep', done: this.#seen });
    }
    this.#isThrough = true;
  }

  async sweepDangling(): Promise<void> {
    const dangling = this.#gone.length;
    if (dangling === 0) return;
    if (!this.#isThrough) {
      this.#keep('dangling-kept', dangling);
      return;
    }
    const held = this.#dependencies.guards.massDangling({ fresh: this.#seen - this.#swept.expired, dangling });
    if (held === undefined) {
      await this.#remove(this.#gone, 'dangling');
      return;
    }
    this.#keep('mass-dangling', dangling);
    this.#faults.push({ kind: 'io', message: held.message });
  }

  report(): JobReport {
    return {
      swept: this.#swept,
      kept: this.#kept,
      faults: this.#faults,
      ...(this.#isThrough ? {} : { stopped: true }),
    };
  }

  async #remove(rows: readonly UncheckedResumeRow[], reason: SweepReason): Promise<void> {
    const { map, holds } = this.#dependencies;
    if (this.#context.dryRun) {
      this.#swept[reason] += rows.length;
      return;
    }
    const before = this.#swept[reason];
    try {
      for await (const deleted of map.deleteUnchanged(rows, holds)) this.#swept[reason] += deleted;
    } finally {
      this.#noteForgotten(rows, this.#swept[reason] - before);
    }
  }

  /** What this sweep takes is no loss to the guards of the next prune. What was gone before it came is: a map may have been lost. */
  #noteForgotten(rows: readonly UncheckedResumeRow[], deleted: number): void {
    const { history } = this.#dependencies;
    const known = history.knownIds(RESUME_MAP);
    if (known === undefined || deleted === 0) return;
    const isKnown = ({ createdAtMs }: UncheckedResumeRow) => !(Number(createdAtMs) > known.readAtMs);
    const ids = new Set(rows.filter(isKnown).map(({ sessionId }) => sessionId));
    const left = Math.max(0, known.ids - Math.min(deleted, ids.size));
    history.recordKnownIds(RESUME_MAP, { ...known, ids: left });
  }

  #keep(reason: RowKeepReason, count: number): void {
    this.#kept[reason] = (this.#kept[reason] ?? 0) + count;
  }
}

/** The sessions of all Claude directories together; undefined where any could not be read in full, or need not be. */
function observePresent({ claudeDirs, sweepsDangling, mapIsOfThisHost }: SweepDependencies): PresentSessions {
  if (!sweepsDangling || !mapIsOfThisHost) return undefined;
  const present = new Set<SessionId>();
  for (const claudeDir of claudeDirs) {
    const ofOne = presentSessions(claudeDir);
    if (ofOne === undefined) return undefined;
    for (const id of ofOne) present.add(id);
  }
  return present;
}
