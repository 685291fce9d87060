/** The runs of the program that the cases disturb, and what a trouble may do to them. */

import type { Whereabouts } from '../oracle.ts';
import type { TroubledPlace } from './place.ts';

/** A run of the program, and where it brings an expired session. */
export interface Job {
  readonly from: Whereabouts;
  readonly to: Whereabouts;
  args(place: TroubledPlace): readonly string[];
}

export const runNow = (job: string, ...more: readonly string[]) => ['--run-now', '--json', '--job', job, ...more];

export const PRUNE: Job = { from: 'here', to: 'trashed', args: () => runNow('prune-transcripts') };
export const PURGE: Job = { from: 'trashed', to: 'gone', args: () => runNow('purge-trash', '--trash-keep', '1ms') };
export const SWEEP: Job = { from: 'here', to: 'here', args: () => runNow('sweep-sessions') };
export const RESTORE: Job = {
  from: 'trashed',
  to: 'here',
  args: (place) => ['trash', 'restore', ...place.expiring.map(({ id }) => id)],
};

export interface Trouble {
  readonly job?: Job;
  /** Goes before the program: `prlimit --nofile=24`. */
  readonly launcher?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly codes: readonly number[];
  /** Death in any form is right too; what is half-moved then, the next run settles. */
  readonly mayDie?: boolean;
  /** An error that is no death may leave half a session too: its way back is ended by the next run. */
  readonly mayBeTorn?: boolean;
  /** What the report or the log must say. */
  readonly says?: RegExp;
  /** Sessions kept by reason, as the report must have them. */
  readonly kept?: Readonly<Record<string, number>>;
  /** What became of the expired sessions while the trouble lasted. */
  readonly done: 'all' | 'none' | 'any';
  /** Sessions that the trouble holds back. */
  readonly except?: readonly string[];
  /** Ends the trouble; without it, what is held back is so for good. */
  readonly pass?: () => void;
  /** While it lasts, the trouble hides the sessions from everybody. */
  readonly isHiding?: boolean;
}
