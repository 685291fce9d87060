/** What lies in the trash of a place as a run counts it: what cannot be read is told, and not passed off as nothing. */

import type { UnreadableFolder } from '../trash/folders.ts';
import type { Amount } from '../trash/known-folders.ts';
import type { JobFault } from './report.ts';

export interface CountedTrash extends Amount {
  /** Of the folders that the amount leaves out. */
  readonly faults: readonly JobFault[];
}

export const NO_TRASH_COUNTED: CountedTrash = { sessions: 0, bytes: 0, faults: [] };

export function unreadableFaults(folders: readonly UnreadableFolder[]): JobFault[] {
  return folders.map(({ run, code }) => ({ kind: 'io', message: `read the trash folder ${run}: ${code}` }));
}
