/**
 * sweep-sessions: deletes stale rows of the resume map, and rows whose transcript is gone for certain; none of most of a map at once, and
 * none that cannot be brought back for a while.
 */

import type { ClaudeDir } from '../../claude-dir/claude-dir.ts';
import { parseProtectedId, type SessionId } from '../../claude-dir/session-id.ts';
import type { Clock } from '../../clock.ts';
import { errorCode, isExhaustion, OperatingError } from '../../errors.ts';
import type { UncheckedResumeRow } from '../../resume-map/resume-map.ts';
import type { SessionMaxAge } from '../../resume-map/row-age.ts';
import type { Guards, Held } from '../guards/guards.ts';
import { placeOfDangling, placeOfMap } from '../guards/removals.ts';
import type { Job, JobContext } from '../job.ts';
import type { RemovalHistory } from '../ledger-contracts.ts';
import type { SweepReport } from '../report.ts';
import { RunState } from '../run-state.ts';
import { deleteRows, type SweepApplyOptions } from './apply.ts';
import { ExpiredRows } from './expired-rows.ts';
import { lookAgain, type ObservedStore, observePresent } from './observe.ts';
import { judgeRow, type PresentSessions, type RowKeepReason, type RowVerdict, type SweepReason } from './plan.ts';

export interface SweepDependencies extends SweepApplyOptions {
  /** The path of the map's database, or what the ledger calls the map beside another in it. */
  readonly mapPath: string;
  /** What an operator can do against being swept at all. */
  readonly offSwitch: string;
  /** When the job began, of which this is a part; Unix epoch ms. Now where it is all of it. */
  readonly startedAtMs?: number;
  /** Is told in a dry run which rows would go. */
  readonly onDue?: (rows: readonly UncheckedResumeRow[]) => void;
  readonly claudeDirs: readonly ClaudeDir[];
  readonly stores: readonly ObservedStore[];
  /** Whether those are all there are: one that could not be opened may hold any conversation. */
  readonly areStoresWhole: boolean;
  /** By which the rows are stamped, where that is not the run's own. */
  readonly rowClock?: Clock;
  readonly maxAge: SessionMaxAge;
  readonly minAgeMs: number;
  /** Whether rows whose transcript is gone from this host's disks are to go. */
  readonly sweepsDangling: boolean;
  readonly guards: Pick<Guards, 'massRows' | 'massDangling'>;
  readonly history: RemovalHistory;
}

export function sweepSessionsJob(dependencies: SweepDependencies): Job<'sweep-sessions'> {
  return {
    name: 'sweep-sessions',
    run: (context) => new Sweep(dependencies, context).run(),
  };
}

/** Two walks over all rows, in the order of the map: which of them would go, and then what may. */
class Sweep {
  readonly #dependencies: SweepDependencies;
  readonly #context: JobContext;
  readonly #state: RunState;
  readonly #kept: Partial<Record<RowKeepReason, number>> = {};
  readonly #gone: UncheckedResumeRow[] = [];
  readonly #swept = { expired: 0, dangling: 0 };
  readonly #startedAtMs: number;
  /** Sessions by key, of rows that somebody has brought back: they are as old as they were. */
  readonly #restored: ReadonlyMap<string, string>;
  #seen = 0;

  constructor(dependencies: SweepDependencies, context: JobContext) {
    this.#dependencies = dependencies;
    this.#context = context;
    this.#state = new RunState(context);
    this.#startedAtMs = dependencies.startedAtMs ?? dependencies.clock.now();
    const { maxAge, sweptRows, mapPath } = dependencies;
    this.#restored = sweptRows.restoredSince(mapPath, maxAge === 'never' ? 0 : this.#startedAtMs - maxAge);
  }

  async run(): Promise<SweepReport> {
    try {
      const obstacle = await this.#dependencies.map.sweepObstacle();
      if (obstacle === undefined) {
        const expired = await this.#findExpired();
        if (!this.#state.isOver) await this.#sweepExpired(expired);
        await this.#sweepDangling();
        this.#remember();
      } else {
        const way = `drop that, or ${this.#dependencies.offSwitch}`;
        this.#state.addFault(
          `sweep the ${placeOfMap(this.#dependencies.mapPath)}: ${obstacle}, so no row is deleted; ${way}`,
        );
      }
    } catch (error) {
      // What was deleted until then has been deleted, and is told.
      if (!(error instanceof OperatingError)) throw error;
      this.#state.fail(error);
    }
    return { job: 'sweep-sessions', swept: this.#swept, kept: this.#kept, ...this.#state.end() };
  }

  /** How many rows are over their age, and which of them may go by the guards. */
  async #findExpired(): Promise<ExpiredRows> {
    const { map, mapPath, guards } = this.#dependencies;
    const expired = new ExpiredRows();
    let rows = 0;
    for await (const page of map.readPages()) {
      if (await this.#state.shouldStop()) return expired;
      const nowMs = this.#rowsNowMs();
      for (const row of page) if (this.#judge(row, undefined, nowMs) === 'expired') expired.add(row);
      rows += page.length;
    }
    const held = guards.massRows(mapPath, { rows, expired: expired.count });
    if (this.#isHeldAsNoted(placeOfMap(mapPath), held)) expired.allow(held?.portion ?? 0);
    return expired;
  }

  /** After a portion, the day's notice begins anew. */
  #isHeldAsNoted(place: string, held: Held | undefined): boolean {
    const { history } = this.#dependencies;
    if (!this.#context.dryRun) {
      const isPortion = (held?.portion ?? 0) > 0;
      const noticedAtMs = isPortion ? undefined : history.massNoticedAtMs(place, this.#startedAtMs);
      history.noteMass(place, held && (noticedAtMs ?? this.#startedAtMs));
    }
    return this.#state.isHeld(held);
  }

  async #sweepExpired(allowed: ExpiredRows): Promise<void> {
    const { map, sweepsDangling, areStoresWhole } = this.#dependencies;
    const present = sweepsDangling && areStoresWhole ? await observePresent(this.#dependencies) : undefined;
    for await (const page of map.readPages()) {
      if (await this.#state.shouldStop()) return;
      const nowMs = this.#rowsNowMs();
      const expired: UncheckedResumeRow[] = [];
      for (const row of page) {
        const verdict = this.#judge(row, present, nowMs);
        if (verdict === 'expired') expired.push(row);
        else if (verdict === 'gone') this.#gone.push(row);
        else this.#keep(verdict, 1);
      }
      const going = allowed.take(expired);
      if (going.length < expired.length) this.#keep('held', expired.length - going.length);
      await this.#remove(going, 'expired');
      this.#seen += page.length;
      this.#context.onProgress({ phase: 'sweep', done: this.#seen });
    }
  }

  #rowsNowMs(): number {
    const { rowClock, clock } = this.#dependencies;
    return (rowClock ?? clock).now();
  }

  #judge(row: UncheckedResumeRow, present: PresentSessions, nowMs: number): RowVerdict | 'restored' {
    const verdict = judgeRow(row, present, this.#dependencies, nowMs);
    const isDoomed = verdict === 'expired' || verdict === 'gone';
    return isDoomed && this.#restored.get(String(row.key)) === String(row.sessionId) ? 'restored' : verdict;
  }

  /** For the guards of the next sweep. A walk that was not through has not seen what is left. */
  #remember(): void {
    if (this.#state.isOver || this.#context.dryRun) return;
    const left = this.#seen - this.#swept.expired - this.#swept.dangling;
    this.#dependencies.history.recordKnownSessions(placeOfMap(this.#dependencies.mapPath), left, this.#startedAtMs);
  }

  /** Only of a map that was walked to its end can be told which share of it leads nowhere. */
  async #sweepDangling(): Promise<void> {
    const dangling = this.#gone.length;
    if (this.#state.isOver) {
      if (dangling > 0) this.#keep('dangling-kept', dangling);
      return;
    }
    const { guards, mapPath } = this.#dependencies;
    const held = guards.massDangling(mapPath, { fresh: this.#seen - this.#swept.expired, dangling });
    const isHeld = this.#isHeldAsNoted(placeOfDangling(mapPath), held);
    const going = isHeld ? oldestRows(this.#gone, held?.portion ?? 0) : this.#gone;
    if (going.length < dangling) this.#keep('mass-dangling', dangling - going.length);
    if (going.length > 0) await this.#removeGone(going);
  }

  async #removeGone(rows: readonly UncheckedResumeRow[]): Promise<void> {
    const gone = this.#stillGone(rows);
    const back = rows.length - gone.length;
    if (back > 0) this.#keep('in-use', back);
    await this.#remove(gone, 'dangling');
  }

  /** What cannot be looked for again is not gone for certain. */
  #stillGone(rows: readonly UncheckedResumeRow[]): readonly UncheckedResumeRow[] {
    const ids = rows.flatMap(({ sessionId }) => parseProtectedId(sessionId) ?? []);
    try {
      const there = lookAgain(ids, this.#dependencies.claudeDirs, this.#dependencies.clock.now());
      return rows.filter(({ sessionId }) => !there.has(parseProtectedId(sessionId) as SessionId));
    } catch (error) {
      const code = errorCode(error);
      if (code === undefined || isExhaustion(code)) throw error;
      return [];
    }
  }

  async #remove(rows: readonly UncheckedResumeRow[], reason: SweepReason): Promise<void> {
    if (this.#context.dryRun) {
      this.#swept[reason] += rows.length;
      this.#dependencies.onDue?.(rows);
      return;
    }
    const run = { map: this.#dependencies.mapPath, runAtMs: this.#startedAtMs };
    for await (const deleted of deleteRows(rows, { run, reason }, this.#dependencies)) this.#swept[reason] += deleted;
  }

  #keep(reason: RowKeepReason, count: number): void {
    this.#kept[reason] = (this.#kept[reason] ?? 0) + count;
  }
}

function oldestRows(rows: readonly UncheckedResumeRow[], count: number): readonly UncheckedResumeRow[] {
  return rows.toSorted((left, right) => Number(left.lastUsedAtMs) - Number(right.lastUsedAtMs)).slice(0, count);
}
