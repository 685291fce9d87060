/** What a whole prune has seen and foresees, as the ledger keeps it for whoever looks on: nothing that grows with the tree. */

import type { ListedSession, PruneReport } from '../jobs/report.ts';
import type { RunResult } from './run-result.ts';

/** As much of it as is shown, and no more. */
export type NextSession = Pick<
  ListedSession,
  | 'shortId'
  | 'project'
  | 'title'
  | 'workingDirectory'
  | 'reason'
  | 'bytes'
  | 'lastUsedMs'
  | 'goesAtMs'
  | 'hasTranscript'
>;

export interface PruneLook {
  readonly left: NonNullable<PruneReport['left']>;
  readonly leftElsewhere?: PruneReport['leftElsewhere'];
  /** What stays, by reason. */
  readonly kept: Readonly<Record<string, number>>;
  /** What goes next, if nobody uses it any more, the soonest first. */
  readonly next: readonly NextSession[];
  /** How many go by time alone, sooner or later, and what they take. */
  readonly going: { readonly sessions: number; readonly bytes: number };
}

/** Undefined where a run was to list nothing, and where half a look says nothing of what is there. */
export function lookOf({ report, failure }: Pick<RunResult, 'report' | 'failure'>): PruneLook | undefined {
  if (report?.job !== 'prune-transcripts' || failure !== undefined) return undefined;
  const { listed, left, leftElsewhere, kept = {}, stopped, incomplete } = report;
  if (listed === undefined || left === undefined || stopped === true || incomplete === true) return undefined;
  const look = { left, kept, next: listed.sessions.map(nextOf), going: listed.matching };
  return leftElsewhere === undefined ? look : { ...look, leftElsewhere };
}

function nextOf({ shortId, project, title, workingDirectory, reason, ...rest }: ListedSession): NextSession {
  const { bytes, lastUsedMs, goesAtMs, hasTranscript } = rest;
  return {
    ...{ shortId, project, reason, bytes, lastUsedMs, hasTranscript },
    ...(title === undefined ? {} : { title }),
    ...(workingDirectory === undefined ? {} : { workingDirectory }),
    ...(goesAtMs === undefined ? {} : { goesAtMs }),
  };
}
