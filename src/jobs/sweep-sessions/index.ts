/** sweep-sessions: deletes stale rows of the resume map, and rows whose transcript is gone for certain. */

import type { ClaudeDir } from '../../claude-dir/claude-dir.ts';
import { parseProtectedId, type SessionId } from '../../claude-dir/session-id.ts';
import type { Clock } from '../../clock.ts';
import { errorCode, isExhaustion, OperatingError } from '../../errors.ts';
import type { UncheckedResumeRow } from '../../resume-map/resume-map.ts';
import type { SessionMaxAge } from '../../resume-map/row-age.ts';
import type { Guards } from '../guards/guards.ts';
import type { Job, JobContext } from '../job.ts';
import type { SweepReport } from '../report.ts';
import { RunState } from '../run-state.ts';
import { deleteRows, type SweepApplyOptions } from './apply.ts';
import { lookAgain, type ObservedStore, observePresent } from './observe.ts';
import { judgeRow, type RowKeepReason, type SweepReason } from './plan.ts';

export interface SweepDependencies extends SweepApplyOptions {
  readonly claudeDirs: readonly ClaudeDir[];
  readonly stores: readonly ObservedStore[];
  /** Whether those are all there are: one that could not be opened may hold any conversation. */
  readonly areStoresWhole: boolean;
  readonly maxAge: SessionMaxAge;
  readonly minAgeMs: number;
  /** Whether rows whose transcript is gone from this host's disks are to go. */
  readonly sweepsDangling: boolean;
  readonly guards: Pick<Guards, 'massDangling'>;
  readonly clock: Clock;
}

export function sweepSessionsJob(dependencies: SweepDependencies): Job<'sweep-sessions'> {
  return {
    name: 'sweep-sessions',
    run: (context) => new Sweep(dependencies, context).run(),
  };
}

/** One walk over all rows, in the order of the map. */
class Sweep {
  readonly #dependencies: SweepDependencies;
  readonly #context: JobContext;
  readonly #state: RunState;
  readonly #kept: Partial<Record<RowKeepReason, number>> = {};
  readonly #gone: UncheckedResumeRow[] = [];
  readonly #swept = { expired: 0, dangling: 0 };
  #seen = 0;

  constructor(dependencies: SweepDependencies, context: JobContext) {
    this.#dependencies = dependencies;
    this.#context = context;
    this.#state = new RunState(context);
  }

  async run(): Promise<SweepReport> {
    try {
      const obstacle = await this.#dependencies.map.sweepObstacle();
      if (obstacle === undefined) {
        await this.#sweepExpired();
        await this.#sweepDangling();
      } else {
        const way = 'drop that, or set sessions.maxAge to never';
        this.#state.addFault(`sweep the resume map: ${obstacle}, so no row is deleted; ${way}`);
      }
    } catch (error) {
      // What was deleted until then has been deleted, and is told.
      if (!(error instanceof OperatingError)) throw error;
      this.#state.fail(error);
    }
    return { job: 'sweep-sessions', swept: this.#swept, kept: this.#kept, ...this.#state.end() };
  }

  async #sweepExpired(): Promise<void> {
    const { map, clock, maxAge, minAgeMs, sweepsDangling, areStoresWhole } = this.#dependencies;
    const present = sweepsDangling && areStoresWhole ? observePresent(this.#dependencies) : undefined;
    for await (const page of map.readPages()) {
      if (await this.#state.shouldStop()) return;
      const nowMs = clock.now();
      const expired: UncheckedResumeRow[] = [];
      for (const row of page) {
        const verdict = judgeRow(row, present, { maxAge, minAgeMs }, nowMs);
        if (verdict === 'expired') expired.push(row);
        else if (verdict === 'gone') this.#gone.push(row);
        else this.#keep(verdict, 1);
      }
      await this.#remove(expired, 'expired');
      this.#seen += page.length;
      this.#context.onProgress({ phase: 'sweep', done: this.#seen });
    }
  }

  /** Only of a map that was walked to its end can be told which share of it leads nowhere. */
  async #sweepDangling(): Promise<void> {
    const dangling = this.#gone.length;
    if (dangling === 0) return;
    if (this.#state.isOver) {
      this.#keep('dangling-kept', dangling);
      return;
    }
    const held = this.#dependencies.guards.massDangling({ fresh: this.#seen - this.#swept.expired, dangling });
    if (held === undefined) await this.#removeGone();
    else {
      this.#state.isHeld(held);
      this.#keep('mass-dangling', dangling);
    }
  }

  async #removeGone(): Promise<void> {
    const gone = this.#stillGone();
    const back = this.#gone.length - gone.length;
    if (back > 0) this.#keep('in-use', back);
    await this.#remove(gone, 'dangling');
  }

  /** What cannot be looked for again is not gone for certain. */
  #stillGone(): readonly UncheckedResumeRow[] {
    const ids = this.#gone.flatMap(({ sessionId }) => parseProtectedId(sessionId) ?? []);
    try {
      const there = lookAgain(ids, this.#dependencies.claudeDirs, this.#dependencies.clock.now());
      return this.#gone.filter(({ sessionId }) => !there.has(parseProtectedId(sessionId) as SessionId));
    } catch (error) {
      const code = errorCode(error);
      if (code === undefined || isExhaustion(code)) throw error;
      return [];
    }
  }

  async #remove(rows: readonly UncheckedResumeRow[], reason: SweepReason): Promise<void> {
    if (this.#context.dryRun) this.#swept[reason] += rows.length;
    else for await (const deleted of deleteRows(rows, this.#dependencies)) this.#swept[reason] += deleted;
  }

  #keep(reason: RowKeepReason, count: number): void {
    this.#kept[reason] = (this.#kept[reason] ?? 0) + count;
  }
}
