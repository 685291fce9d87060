/** Whether a conversation need not even be asked for, since its transcript lies in the trash, or is nowhere although it was to be there by now. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { SessionId } from '../claude-dir/session-id.ts';
import type { Clock } from '../clock.ts';
import { OperatingError } from '../errors.ts';
import type { ResumeMap } from '../resume-map/resume-map.ts';
import { mayBeLate, SECOND_LOOK_AFTER_MS } from '../resume-map/row-age.ts';
import type { HostTranscripts } from './host-transcripts.ts';

/** @param transcripts undefined where nobody can look */
export async function isMissing(
  sessionId: SessionId,
  transcripts: Pick<HostTranscripts, 'whereIs'> | undefined,
  { map, key, clock }: { readonly map: ResumeMap; readonly key: string; readonly clock: Clock },
): Promise<boolean> {
  const place = transcripts?.whereIs(sessionId);
  if (place !== 'gone') return place === 'in-trash';
  // Claude renames transcripts from one project to another: for an instant one may be nowhere.
  await sleep(SECOND_LOOK_AFTER_MS);
  const again = transcripts?.whereIs(sessionId);
  if (again !== 'gone') return again === 'in-trash';
  return !(await isYoung(map, key, clock));
}

/** One whose row cannot be read is asked for: the client knows. */
async function isYoung(map: ResumeMap, key: string, clock: Clock): Promise<boolean> {
  try {
    const row = (await map.listSessions()).find((one) => one.key === key);
    return row !== undefined && mayBeLate(row, clock.now());
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    return true;
  }
}
