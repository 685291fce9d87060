/** One removal in the form in which the ledger keeps it. */

import { displayName } from '../../files/byte-name.ts';
import type { Intent } from '../../trash/manifest.ts';
import type { RemovalRecord } from '../ledger-contracts.ts';

/** @param place the Claude directory or session store that it went from */
export function removalRecord(
  session: Pick<Intent, 'sessionId' | 'project' | 'reason' | 'files' | 'bytes' | 'newestMtimeMs'>,
  place: string,
  trashRun: string,
  removedAtMs: number,
): RemovalRecord {
  const { sessionId, reason, files, bytes, newestMtimeMs } = session;
  const project = session.project && displayName(session.project);
  return { sessionId, claudeDir: place, trashRun, project, reason, files, bytes, newestMtimeMs, removedAtMs };
}
