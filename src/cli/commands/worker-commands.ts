/** Commands about the worker itself and what is around it. */

import type { Command } from 'commander';
import type { Bind } from './bind.ts';

export function addWorkerCommands(program: Command, bind: Bind): void {
  program
    .command('adopt')
    .description("take Claude's own clean-up over by its own setting; shows the change and asks")
    .option('--undo', 'give it back: the setting becomes what it was')
    .option('--yes', 'do not ask')
    .action(
      bind(async (context, _args, { undo, yes }) =>
        (await import('../adopt.ts')).runAdopt(context, { undo: undo === true, yes: yes === true }),
      ),
    );
  program
    .command('status')
    .description('last and next runs, disk use by project, and what the next prune would take')
    .action(bind(async (context) => (await import('../status.ts')).showStatus(context)));
  program
    .command('history')
    .description('the latest runs; or sessions that have gone without this program')
    .option('--vanished', 'sessions that no run or command of this program removed')
    .action(
      bind(async (context, _args, { vanished }) =>
        (await import('../history.ts')).showHistory(context, { vanished: vanished === true }),
      ),
    );
  program
    .command('doctor')
    .description('what endangers sessions or keeps the worker from its work, and what to do about it')
    .action(bind(async (context) => (await import('../doctor.ts')).runDoctor(context)));
  program
    .command('check-config')
    .description('show the effective configuration and where each value comes from')
    .action(bind(async (context) => (await import('../check-config.ts')).checkConfig(context)));
}
