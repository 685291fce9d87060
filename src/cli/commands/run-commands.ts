/** Commands that do the work: all of it once, by a schedule, or on the sessions that are named. */

import type { Command } from 'commander';
import { systemClock } from '../../clock.ts';
import { EXIT_CODES } from '../../exit-codes.ts';
import { JOB_NAMES, type JobName } from '../../jobs/job-names.ts';
import { packageVersion } from '../../process/version.ts';
import type { CommandContext } from '../command.ts';
import { examples, GROUPS } from '../help.ts';
import type { RawOptions } from '../load-config.ts';
import type { FilterFlags } from '../session-filter.ts';
import type { Bind } from './bind.ts';
import { filtered } from './filtered.ts';

export function addRunCommands(program: Command, bind: Bind): void {
  program
    .command('run')
    .summary('one run, now; run --dry-run shows what it would do')
    .description(
      'sweep stale rows, prune expired sessions into the trash and purge the trash, once and now (--run-now is the same); on a terminal, a first or a large one asks',
    )
    .helpGroup(GROUPS.act)
    .addHelpText('after', examples('run --dry-run', 'run', 'run --max-age 60d', 'run --job prune-transcripts'))
    .action(bind((context, _args, options) => runOnce(context, options)));
  program
    .command('daemon')
    .summary('a run a day and a sweep an hour, with metrics')
    .description('run each job by its schedule, serve metrics, and stay (the same as no command where no terminal is)')
    .helpGroup(GROUPS.setUp)
    .addHelpText('after', examples('daemon', 'daemon --schedule-prune "0 3 * * *" --listen 127.0.0.1:9842'))
    .action(bind((context) => runAsDaemon(context)));
  filtered(program.command('remove [session...]'))
    .summary('move sessions to the trash, whatever their age')
    .description('move sessions to the trash, whatever their age; live and pinned ones are refused')
    .helpGroup(GROUPS.act)
    .addHelpText(
      'after',
      examples('remove 3f2a91c0', 'remove "try the new parser"', 'remove --class background --older-than 7d'),
    )
    .action(
      bind(async (context, [texts], options) =>
        (await import('../remove.ts')).removeByHand(context, texts as string[], options as FilterFlags),
      ),
    );
}

export async function runOnce(context: CommandContext, options: RawOptions): Promise<number> {
  const { runNow } = await import('../run.ts');
  const jobs = (options.job as JobName[] | undefined) ?? [...JOB_NAMES];
  return runNow(context, jobs, { yes: options.yes === true });
}

export async function runAsDaemon(context: CommandContext): Promise<number> {
  const { runDaemon } = await import('../../daemon/daemon.ts');
  const { allowCommand } = await import('../allow-command.ts');
  const { io, resolved, log, reload } = context;
  await runDaemon({
    resolved,
    version: packageVersion(),
    log,
    clock: systemClock,
    load: reload,
    environment: io.environment,
    allowCommand: (job, inForce) => allowCommand(job, inForce, io.home),
    onReloadAsked: io.onHangup,
    shutdown: io.shutdown,
  });
  return EXIT_CODES.ok;
}
