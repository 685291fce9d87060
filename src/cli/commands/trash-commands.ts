/** Commands over what was removed. */

import type { Command } from 'commander';
import { examples, GROUPS } from '../help.ts';
import type { RestoreFlags } from '../trash-restore.ts';
import type { TrashFilterFlags } from '../trash-selection.ts';
import type { Bind } from './bind.ts';
import { filteredInTrash } from './filtered.ts';

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
  filteredInTrash(trash.command('restore [session...]'))
    .description('bring sessions back to where they were, times included; tells where that is, and how to resume them')
    .addHelpText(
      'after',
      examples('trash restore 3f2a91c0', 'trash restore --last-run', 'trash restore --project ~/work/app'),
    )
    .option('--last-run', 'all that went last')
    .option('--run <RUN>', 'all that one run took, as trash list --json names runs')
    .option('--all', 'all that lies in the trash')
    .option('--pin', 'pin them too, so that the next prune does not take them again')
    .option('--join', 'where a session was written anew meanwhile: put its older part back in front of the newer one')
    .action(
      bind(async (context, [texts], options) =>
        (await import('../trash-restore.ts')).restoreFromTrash(context, texts as string[], options as RestoreFlags),
      ),
    );
  trash
    .command('purge')
    .description('destroy what has lain in the trash for longer than trash.keep')
    .addHelpText('after', examples('trash purge --dry-run', 'trash purge'))
    .action(bind(async (context) => (await load()).purgeTrash(context)));
  filteredInTrash(trash.command('empty [session...]'))
    .description('destroy what lies in the trash, all or some of it, to free the room now; asks first')
    .addHelpText('after', examples('trash empty --dry-run', 'trash empty', 'trash empty --yes --larger-than 1GiB'))
    .action(
      bind(async (context, [texts], options) =>
        (await load()).emptyTrash(context, texts as string[], options as TrashFilterFlags),
      ),
    );
}
