/** Opens what the tests work in, and closes it when the test is over. */

import { onTestFinished } from 'vitest';
import { ClaudeDir } from '../../src/claude-dir/claude-dir.ts';
import { AnchoredDir } from '../../src/files/anchored-dir.ts';
import { Trash } from '../../src/trash/trash.ts';

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
