/**
 * scan-threads CLAUDE_DIR TASKS: lets only threads scan the tasks, a JSON list, and writes what has come of it, one JSON document.
 * With `stop` as a third argument nobody may have a task; without tasks, the whole directory is scanned with and without threads.
 */

import { ClaudeDir } from '../../../dist/claude-dir/claude-dir.js';
import { scanClaudeDir, scanHere } from '../../../dist/scan/scan.js';
import { ScanThreads } from '../../../dist/scan/scan-threads.js';
import { TaskQueue } from '../../../dist/scan/task-queue.js';

const [path, tasks, stop] = process.argv.slice(2);
const claudeDir = ClaudeDir.open(path);

function idsIn({ units }) {
  return Array.from({ length: units.length }, (_, row) => JSON.stringify(units.unit(row))).sort();
}

async function byHelpers() {
  const queue = TaskQueue.of(JSON.parse(tasks));
  if (stop !== undefined) queue.stop();
  const found = [];
  const threads = ScanThreads.start(queue, claudeDir);
  try {
    await threads.end(
      ({ project, count }) => found.push([project, count]),
      () => undefined,
    );
    return { found };
  } catch (error) {
    return { found, error: error.message, code: error.code };
  }
}

async function bothWays() {
  const [alone, helped] = [idsIn(scanHere(claudeDir)), idsIn(await scanClaudeDir(claudeDir))];
  return { sessions: alone.length, isSame: JSON.stringify(alone) === JSON.stringify(helped) };
}

process.stdout.write(JSON.stringify(tasks === undefined ? await bothWays() : await byHelpers()));
