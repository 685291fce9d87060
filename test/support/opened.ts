/** Opens what the tests work in, and closes it when the test is over. */

import { onTestFinished } from 'vitest';
import { AnchoredDir } from '../../src/transcripts/anchored-dir.ts';
import { ClaudeDir } from '../../src/transcripts/claude-dir.ts';
import { Trash } from '../../src/transcripts/trash/trash.ts';

export function openDir(path: string): AnchoredDir {
  return closedAfterwards(AnchoredDir.open(path));
}

export function openClaudeDir(path: string): ClaudeDir {
  return closedAfterwards(ClaudeDir.open(path));
}

export function openTrash(claudeDir: ClaudeDir): Trash {
  return closedAfterwards(Trash.openOrMake(claudeDir));
}

function closedAfterwards<T extends { close(): void }>(opened: T): T {
  onTestFinished(() => opened.close());
  return opened;
}
