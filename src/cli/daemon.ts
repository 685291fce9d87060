/** The command without a name: the daemon. */

import { systemClock } from '../clock.ts';
import { EXIT_CODES } from '../errors.ts';
import { packageVersion } from '../version.ts';
import { runWorker } from '../worker.ts';
import type { CommandContext } from './program.ts';

export async function runDaemon({ io, resolved, log }: CommandContext): Promise<number> {
  await runWorker({
    config: resolved.config,
    version: packageVersion(),
    log,
    clock: systemClock,
    shutdown: io.shutdown,
  });
  return EXIT_CODES.ok;
}
