/** Names what comes back again and again, the same or another copy: something copies it, and each prune removes it anew. */

import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { displayName } from '../files/byte-name.ts';
import { formatCount } from '../format/counts.ts';
import { Ledger } from '../ledger/ledger.ts';
import type { Finding } from './finding.ts';

/** What did so longer ago does no more. */
const LOOKED_BACK_MS = 30 * 86_400_000;

export async function examineReturning(config: Config, clock: Clock): Promise<Omit<Finding, 'check'>> {
  const ledger = Ledger.openForReading(config.stateDir);
  try {
    const loops = config.claudeDir.flatMap((path) => {
      const place = displayName(path);
      return (ledger?.returningSessions(place, clock.now() - LOOKED_BACK_MS) ?? []).map((loop) => ({ place, ...loop }));
    });
    if (loops.length === 0) return { level: 'ok', message: 'nothing comes back that was removed' };
    const isLoop = loops.some(({ times }) => times > 1);
    const told = loops.map(({ place, project, sessions, times, example, isSame }) => {
      const where = project === null ? place : `${place}, project ${project}`;
      const how = isSame === 1 ? 'byte for byte' : 'as another copy, so that the trash grows';
      return `${formatCount(sessions, 'session')} in ${where}, ${how} (${formatCount(times, 'time')}, e.g. ${example})`;
    });
    return {
      level: isLoop ? 'problem' : 'notice',
      message: `what was removed ${isLoop ? 'comes back again and again' : 'has come back'} from elsewhere: ${told.join('; ')}`,
      advice:
        'find what copies it back (a sync tool, a restored home, an image) and leave projects/ out there; or keep it here: pin it, or a longer maxAge for the project',
    };
  } finally {
    ledger?.close();
  }
}
