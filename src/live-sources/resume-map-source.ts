/** The resume map as a live source: while a row is there, stale or not, its transcript is live. */

import type { MaintainableResumeMap } from '../resume-map/resume-map.ts';
import type { LiveSource } from './live-source.ts';

/** The source's name. */
export const RESUME_MAP = 'resume-map';

export function resumeMapSource(map: MaintainableResumeMap): LiveSource {
  return {
    name: RESUME_MAP,
    protection: 'live',
    read: () => map.readLiveIds(),
    withLive: (ids, act, onHeld) => map.withWritersHeld(ids, act, onHeld),
    check: () => map.check(),
  };
}
