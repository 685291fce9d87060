/** Sweeps one map after the other, each for itself: what goes wrong in one is told, and does not keep the others from their turn. */

import { OperatingError } from '../../errors.ts';
import type { Job, JobContext } from '../job.ts';
import type { SweepReport } from '../report.ts';

/** Sweeps one map. @throws OperatingError where it cannot be opened */
export type FurtherSweep = (context: JobContext) => Promise<SweepReport>;

/** @param first whose failure is that of the job */
export function sweepsInTurn(first: Job<'sweep-sessions'>, further: readonly FurtherSweep[]): Job<'sweep-sessions'> {
  return {
    name: 'sweep-sessions',
    run: async (context) => {
      let report = await first.run(context);
      for (const sweep of further) {
        if (report.stopped === true) break;
        report = joined(report, await told(sweep, context));
      }
      return report;
    },
  };
}

async function told(sweep: FurtherSweep, context: JobContext): Promise<SweepReport> {
  try {
    return await sweep(context);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    const { kind, message } = error;
    return { job: 'sweep-sessions', faults: [], failure: { kind, message } };
  }
}

function joined(all: SweepReport, one: SweepReport): SweepReport {
  const held = [...(all.held ?? []), ...(one.held ?? [])];
  const isWhole = all.incomplete !== true && one.incomplete !== true && one.failure === undefined;
  return {
    ...all,
    faults: [...all.faults, ...(one.failure === undefined ? [] : [one.failure]), ...one.faults],
    swept: {
      expired: (all.swept?.expired ?? 0) + (one.swept?.expired ?? 0),
      dangling: (all.swept?.dangling ?? 0) + (one.swept?.dangling ?? 0),
    },
    kept: sum(all.kept ?? {}, one.kept ?? {}),
    ...(held.length > 0 ? { held } : {}),
    ...(isWhole ? {} : { incomplete: true }),
    ...(one.stopped === true ? { stopped: true } : {}),
  };
}

function sum(left: Readonly<Record<string, number>>, right: Readonly<Record<string, number>>): Record<string, number> {
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  return Object.fromEntries([...names].map((name) => [name, (left[name] ?? 0) + (right[name] ?? 0)]));
}
