/** The process of one run: does the job that it is given, and outlives whoever gave it by no more than the batch in hand. */

import { once } from 'node:events';
import { errorKind, errorMessage } from '../errors.ts';
import { exitAtOnce } from '../files/exit-at-once.ts';
import type { JobProgress } from '../jobs/job.ts';
import { watchParent } from '../process/parent-watch.ts';
import { keepHeapsSmall } from '../process/small-heap.ts';
import { jobHere } from './job-in-this-process.ts';
import type { RunAnswer, RunCommand, RunTask } from './messages.ts';
import { handedOver } from './trim-report.ts';

/** For the batch in hand, where the daemon was killed; a run that hangs for longer is killed, and gives its lock back. */
const ORPHAN_GRACE_MS = 30_000;

// Node would open its debugger's port on the one, and end on the other two; what they ask for is the daemon's matter.
for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGHUP'] as const) process.on(signal, () => undefined);
keepHeapsSmall();
watchParent(ORPHAN_GRACE_MS);
const stop = new AbortController();
const leave = new AbortController();
process.on('message', (command: RunCommand) => {
  if (command.type === 'run') void run(command.task);
  else if (command.type === 'stop') stop.abort();
  else leave.abort();
});
process.on('disconnect', () => {
  stop.abort();
  leave.abort();
});
// A terminal and a service manager send them to all processes of the daemon at once.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());

async function run({ job, config, options }: RunTask): Promise<void> {
  let phase: string | undefined;
  const onProgress = (progress: JobProgress) => {
    if (progress.phase === phase) return;
    phase = progress.phase;
    answer({ type: 'phase', progress });
  };
  const work = jobHere(job, config).start({ options, signal: stop.signal, onProgress });
  try {
    answer({ type: 'done', report: handedOver(await work.report) });
  } catch (error) {
    const stack = error instanceof Error ? error.stack : undefined;
    answer({ type: 'failed', kind: errorKind(error), message: errorMessage(error), stack });
  }
  if (!leave.signal.aborted) await once(leave.signal, 'abort');
  await work.release();
  exitAtOnce(0);
}

/** Where nobody is there any more to hear it, the next run finds what was done in the trash. */
function answer(message: RunAnswer): void {
  process.send?.(message, undefined, undefined, () => undefined);
}
