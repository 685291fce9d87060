/**
 * run-job prune|purge CLAUDE_DIR NOW_MS [COMMAND]: runs the job with nothing live, and writes its report, one JSON document.
 * The command is run by a shell when the Claude directory is open and nothing has been done in it yet.
 */

import { execFileSync } from 'node:child_process';
import { ClaudeDir } from '../../../dist/claude-dir/claude-dir.js';
import { allowAll } from '../../../dist/jobs/guards/guards.js';
import { pruneTranscriptsJob } from '../../../dist/jobs/prune-transcripts/index.js';
import { purgeTrashJob } from '../../../dist/jobs/purge-trash/index.js';
import { UnwrittenHistory } from '../../../dist/runs/unwritten-history.js';
import { ShortHolds } from '../../../dist/sqlite/short-holds.js';

const DAY_MS = 86_400_000;
const [name, path, nowMs, command] = process.argv.slice(2);
const clock = { now: () => Number(nowMs) };
const holds = new ShortHolds();
const common = {
  claudeDirs: [ClaudeDir.open(path)],
  stores: [],
  refusedStores: [],
  sources: [],
  guards: allowAll,
  holds,
  clock,
};
if (command !== undefined) execFileSync('sh', ['-ec', command]);
const policy = {
  minAgeMs: DAY_MS,
  maxTotalBytes: 'off',
  minFreeBytes: 'off',
  earliestMtimeMs: 0,
  classMaxAgeMs: {},
  forProject: () => ({ maxAgeMs: 30 * DAY_MS, isOwnMaxAge: false, keepLast: 0, isSparedBySizeCap: false }),
};
const limits = { maxTotalBytes: 'off', minFreeBytes: 'off', keepAtLeastMs: DAY_MS };
const job =
  name === 'prune'
    ? pruneTranscriptsJob({
        ...common,
        policy,
        recorder: { recordRemovals() {} },
        cleanup: { scope: 'off', limitsOf: () => undefined, nextCleanupMs: () => 0 },
        history: new UnwrittenHistory(undefined),
      })
    : purgeTrashJob({ ...common, storeHolds: holds, unwitnessedMs: () => 0, keepMs: 7 * DAY_MS, limits });
const context = { dryRun: false, shouldStop: () => false, onProgress() {} };
const report = await job.run(context).catch((error) => ({ rejected: error.kind ?? String(error) }));
process.stdout.write(`${JSON.stringify(report)}\n`);
