/** Commands about session stores that hosts share. */

import type { Command } from 'commander';
import { examples, GROUPS } from '../help.ts';
import type { Bind } from './bind.ts';

export function addStoreCommands(program: Command, bind: Bind): void {
  const store = program
    .command('store')
    .summary("session stores in PostgreSQL: take another program's over")
    .description('session stores in PostgreSQL, which hosts share')
    .helpGroup(GROUPS.setUp)
    .addHelpText('after', examples('store adopt claude_session_store'));
  store
    .command('adopt <store>')
    .description(
      "copy the entries of another program's store, by its name or its table, into one of ours, while that program writes on; asks first",
    )
    .addHelpText(
      'after',
      examples('store adopt claude_session_store', 'store adopt claude_session_entries --schema ours --yes'),
    )
    .option('--schema <NAME>', 'of our tables, which is made as needed; default claude_sweeper')
    .action(
      bind(async (context, [name], { schema, yes }) =>
        (await import('../store-adopt.ts')).adoptStore(context, String(name), {
          schema: schema as string | undefined,
          yes: yes === true,
        }),
      ),
    );
}
