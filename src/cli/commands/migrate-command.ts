/** The command by which a host goes over to another database. */

import type { Command } from 'commander';
import { examples, GROUPS } from '../help.ts';
import type { MigrateFlags } from '../migrate.ts';
import type { Bind } from './bind.ts';

export function addMigrateCommand(program: Command, bind: Bind): void {
  program
    .command('migrate')
    .summary('copy a resume map and sessions to PostgreSQL, or back')
    .description(
      'copy a resume map and the entries of a session store from SQLite to PostgreSQL or back, while hosts write; again, it copies what is new',
    )
    .helpGroup(GROUPS.setUp)
    .requiredOption('--from <PLACE>', 'sqlite:FILE, postgres://…, or env:VARIABLE or file:FILE that holds the URL')
    .requiredOption('--to <PLACE>', 'the same; what is not there is made, and nothing there is removed')
    .option('--host <NAME>', 'whose the rows of a map in SQLite are (default: the name of this host)')
    .addHelpText(
      'after',
      examples(
        'migrate --from sqlite:resume-map.db --to env:CLAUDE_DATABASE_URL',
        'migrate --from file:url --to sqlite:back.db',
      ),
    )
    .action(
      bind(async (context, _args, options) =>
        (await import('../migrate.ts')).migrateStores(context, options as unknown as MigrateFlags),
      ),
    );
}
