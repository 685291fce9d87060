/** What Claude itself says of the sessions at work in a directory that is none of ours to prune: a container's, or another user's. */

import { realpathSync } from 'node:fs';
import type { Clock } from '../../clock.ts';
import type { ProcessRecordsSettings } from '../../config/source-settings.ts';
import { operatingError } from '../../errors.ts';
import { AnchoredDir } from '../../files/anchored-dir.ts';
import type { LiveReading } from '../live-source.ts';
import { readRunning } from '../running-processes.ts';

/** A directory that is not there is no directory without records. @throws OperatingError */
export function readProcessRecords({ claudeDir }: ProcessRecordsSettings, clock: Clock): LiveReading {
  const root = opened(claudeDir);
  try {
    return readRunning(root, claudeDir, { clock });
  } finally {
    root.close();
  }
}

function opened(path: string): AnchoredDir {
  try {
    return AnchoredDir.open(realpathSync(path));
  } catch (error) {
    throw operatingError('unavailable', `read the running sessions of ${path}`, error);
  }
}
