/** Commands about the worker itself and what is around it. */

import type { Command } from 'commander';
import { examples, GROUPS } from '../help.ts';
import type { HistoryFlags } from '../history.ts';
import type { Bind } from './bind.ts';

export function addWorkerCommands(program: Command, bind: Bind): void {
  program
    .command('adopt')
    .summary("take Claude's own clean-up over; adopt --undo")
    .description("take Claude's own clean-up over by its own setting; shows the change and asks")
    .helpGroup(GROUPS.setUp)
    .addHelpText('after', examples('adopt --dry-run', 'adopt', 'adopt --undo'))
    .option('--undo', 'give it back: the setting becomes what it was')
    .action(
      bind(async (context, _args, { undo, yes }) =>
        (await import('../adopt.ts')).runAdopt(context, { undo: undo === true, yes: yes === true }),
      ),
    );
  program
    .command('status')
    .summary('last and next runs, disk use, what the next prune takes')
    .description('last and next runs, disk use by project, and what the next prune would take')
    .helpGroup(GROUPS.look)
    .addHelpText('after', examples('status', 'status --json'))
    .action(bind(async (context) => (await import('../status.ts')).showStatus(context)));
  const history = program
    .command('history')
    .summary('the latest runs, and what went without this program')
    .description(
      'the latest runs; what happened to a session, or by a run; or sessions that have gone without this program',
    )
    .helpGroup(GROUPS.look)
    .addHelpText('after', examples('history', 'history --session 3f2a91c0', 'history --vanished', 'history verify'))
    .option('--session <ID>', 'what happened to one session, purged ones too, and where it is now')
    .option('--run <RUN>', 'what one run took, and where it is now')
    .option('--vanished', 'sessions that no run or command of this program removed')
    .action(
      bind(async (context, _args, options) =>
        (await import('../history.ts')).showHistory(context, options as HistoryFlags),
      ),
    );
  history
    .command('verify')
    .description('whether the audit is as it was written: names the first entry that was changed, taken out or put in')
    .addHelpText('after', examples('history verify', 'history verify --expect 3f2a91c0…'))
    .option('--expect <HASH>', 'and whether it still holds the entry of this hash, which was noted elsewhere')
    .action(
      bind(async (context, _args, { expect }) =>
        (await import('../audit.ts')).verifyAudit(context, expect as string | undefined),
      ),
    );
  history
    .command('export')
    .description('the audit as JSON lines: who removed, restored and purged what, when and why')
    .addHelpText('after', examples('history export > audit.jsonl'))
    .action(bind(async (context) => (await import('../audit.ts')).exportAudit(context)));
  program
    .command('doctor')
    .summary('what endangers sessions here, and what to do about it')
    .description('what endangers sessions or keeps the worker from its work, and what to do about it')
    .helpGroup(GROUPS.look)
    .addHelpText('after', examples('doctor'))
    .action(bind(async (context) => (await import('../doctor.ts')).runDoctor(context)));
  program
    .command('check-config')
    .summary('the settings in force, and where each comes from')
    .description('show the effective configuration and where each value comes from')
    .helpGroup(GROUPS.setUp)
    .addHelpText(
      'after',
      examples('check-config', 'check-config --config sweeper.yaml', 'check-config --schema > schema.json'),
    )
    .option('--schema', 'the JSON schema of the configuration file, for editors')
    .action(
      bind(async (context, _args, { schema }) => {
        const { checkConfig, showConfigSchema } = await import('../check-config.ts');
        return schema === true ? showConfigSchema(context) : checkConfig(context);
      }),
    );
}
