/** Tells what else fills a Claude directory, the biggest first: this program removes none of it, and nobody else may look. */

import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { type OtherUse, otherUses } from '../claude-dir/other-use.ts';
import { formatBytes } from '../format/byte-size.ts';
import type { Finding } from './finding.ts';

/** From here on it is worth a look. */
const TOLD_BYTES = 2 ** 30;
const NAMED_MAX = 5;

export function otherFinding(claudeDir: ClaudeDir, tempDirs: readonly string[]): Finding {
  const check = 'other files';
  const uses = otherUses(claudeDir, tempDirs);
  const bytes = uses.reduce((sum, { diskBytes }) => sum + diskBytes, 0);
  if (uses.length === 0) return { check, level: 'ok', message: 'nothing but sessions' };
  const named = uses.slice(0, NAMED_MAX).map(otherUseText).join(', ');
  const message = `${formatBytes(bytes)} that are no session's: ${named}${uses.length > NAMED_MAX ? ', …' : ''}`;
  if (bytes < TOLD_BYTES) return { check, level: 'ok', message };
  return { check, level: 'notice', message, advice: 'look at the biggest; none of it is removed by this program' };
}

export function otherUseText({ path, diskBytes, isCutOff }: OtherUse): string {
  return `${path} ${isCutOff ? 'more than ' : ''}${formatBytes(diskBytes)}`;
}
