/** Opens the trash of a Claude directory for a run: where there is no room to make one, the reserve gives it. */

import type { ClaudeDir } from '../../claude-dir/claude-dir.ts';
import { giveUpReserveOf } from '../../claude-dir/own-reserve.ts';
import { isNoSpace, OperatingError } from '../../errors.ts';
import { Trash } from '../../trash/trash.ts';

export function openOrMakeTrash(claudeDir: ClaudeDir): { readonly trash: Trash; readonly givenUpBytes: number } {
  try {
    return { trash: Trash.openOrMake(claudeDir), givenUpBytes: 0 };
  } catch (error) {
    const isFull = error instanceof OperatingError && isNoSpace(error.cause);
    const givenUpBytes = isFull ? giveUpReserveOf(claudeDir) : 0;
    if (givenUpBytes === 0) throw error;
    return { trash: Trash.openOrMake(claudeDir), givenUpBytes };
  }
}
