/** sweep-sessions: deletes stale rows of the resume map, and rows whose transcript is gone for certain. */

import type { ClaudeDir } from '../../claude-dir/claude-dir.ts';
import type { SessionId } from '../../claude-dir/session-id.ts';
import type { Clock } from '../../clock.ts';
import { OperatingError } from '../../errors.ts';
import type { MaintainableResumeMap, UncheckedResumeRow } from '../../resume-map/resume-map.ts';
import type { SessionMaxAge } from '../../resume-map/row-age.ts';
import { presentSessions } from '../../trash/present.ts';
import type { Job, JobContext, JobFault, JobReport } from '../job.ts';
import { judgeRow, type PresentSessions, planDangling, type RowKeepReason, type SweepPolicy } from './plan.ts';

export interface SweepDependencies {
  readonly map: MaintainableResumeMap;
  readonly claudeDirs: readonly ClaudeDir[];
  readonly maxAge: SessionMaxAge;
  readonly minAgeMs: number;
  /** Whether rows may be judged by the disks of this host. */
  readonly mapIsOfThisHost: boolean;
  readonly sweepsDangling: boolean;
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
    const { map, clock } = this.#dependencies;
    const policy = sweepPolicy(this.#dependencies);
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
      this.#swept.expired += await this.#remove(expired);
      this.#seen += page.length;
      this.#context.onProgress({ phase: 'sweep', done: this.#seen });
    }
    this.#isThrough = true;
  }

  /** Only of a map that was walked to its end can be told which share of it is gone. */
  async sweepDangling(): Promise<void> {
    const count = this.#gone.length;
    if (count === 0) return;
    const verdict = this.#isThrough
      ? planDangling(count, this.#seen - this.#swept.expired, sweepPolicy(this.#dependencies))
      : 'dangling-kept';
    if (verdict === 'dangling') this.#swept.dangling = await this.#remove(this.#gone);
    else this.#keep(verdict, count);
    if (verdict === 'mass-dangling') this.#faults.push(massFault(count));
  }

  report(): JobReport {
    const left = this.#seen - this.#swept.expired - this.#swept.dangling;
    return {
      swept: this.#swept,
      kept: this.#kept,
      // What this sweep took is no loss to the next prune's guard; what was gone before it came is.
      ...(this.#isThrough && this.#seen > 0 ? { knownIds: { 'resume-map': left } } : {}),
      faults: this.#faults,
      ...(this.#isThrough ? {} : { stopped: true }),
    };
  }

  async #remove(rows: readonly UncheckedResumeRow[]): Promise<number> {
    return this.#context.dryRun ? rows.length : this.#dependencies.map.deleteUnchanged(rows);
  }

  #keep(reason: RowKeepReason, count: number): void {
    this.#kept[reason] = (this.#kept[reason] ?? 0) + count;
  }
}

function sweepPolicy({ maxAge, minAgeMs, mapIsOfThisHost, sweepsDangling }: SweepDependencies): SweepPolicy {
  return { maxAge, minAgeMs, sweepsDangling: sweepsDangling && mapIsOfThisHost };
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

function massFault(goneRows: number): JobFault {
  return {
    kind: 'io',
    message: `${goneRows} rows, most of the resume map, have no transcript on this host: none of them is swept; is a Claude directory missing?`,
  };
}
