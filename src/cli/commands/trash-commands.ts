/** Commands over what was removed. */

import type { Command } from 'commander';
import { examples, GROUPS } from '../help.ts';
import type { Bind } from './bind.ts';

export function addTrashCommands(program: Command, bind: Bind): void {
  const trash = program
    .command('trash')
    .summary('what was removed: list, restore, purge, empty')
    .description('what was removed, and how it comes back')
    .helpGroup(GROUPS.act)
    .addHelpText('after', examples('trash list', 'trash restore 3f2a91c0'));
  const load = () => import('../trash.ts');
  trash
    .command('list')
    .description('sessions in the trash, newest first')
    .addHelpText('after', examples('trash list', 'trash list --json'))
    .action(bind(async (context) => (await load()).listTrash(context)));
  trash
    .command('restore <session...>')
    .description('bring sessions back to where they were, times included, by their ids or beginnings of them')
    .addHelpText('after', examples('trash restore 3f2a91c0', 'trash restore --pin 3f2a91c0'))
    .option('--pin', 'pin them too, so that the next prune does not take them again')
    .option('--join', 'where a session was written anew meanwhile: put its older part back in front of the newer one')
    .action(
      bind(async (context, [ids], options) =>
        (await load()).restoreFromTrash(context, ids as string[], {
          pins: options.pin === true,
          joins: options.join === true,
        }),
      ),
    );
  trash
    .command('purge')
    .description('destroy what has lain in the trash for longer than trash.keep')
    .addHelpText('after', examples('trash purge --dry-run', 'trash purge'))
    .action(bind(async (context) => (await load()).purgeTrash(context)));
  trash
    .command('empty')
    .description('destroy all that lies in the trash, to free the room now; asks first')
    .addHelpText('after', examples('trash empty --dry-run', 'trash empty', 'trash empty --yes'))
    .action(bind(async (context, _args, { yes }) => (await load()).emptyTrash(context, { yes: yes === true })));
}
