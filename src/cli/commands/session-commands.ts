/** Commands that show conversations, and those that keep one. */

import type { Command } from 'commander';
import { examples, GROUPS } from '../help.ts';
import type { ListFlags } from '../list.ts';
import type { FilterFlags } from '../session-filter.ts';
import type { Bind } from './bind.ts';
import { filtered } from './filtered.ts';

export function addLookingCommands(program: Command, bind: Bind): void {
  const load = () => import('../list.ts');
  const limited = (command: Command) =>
    filtered(command).option('--limit <N>', 'so many at the most, or all (default 40)');
  limited(program.command('list [session...]'))
    .summary('conversations by title: what becomes of each, and why')
    .description('conversations by their titles: what the next prune makes of each, and why')
    .helpGroup(GROUPS.look)
    .option('--going', 'only those that the next prune takes')
    .option('--kept', 'only those that stay')
    .option('--sort <ORDER>', 'used (last used first), age (longest unused first), size or title (default used)')
    .addHelpText(
      'after',
      examples('list', 'list --going', 'list --project ~/work/app --sort size', 'list --title invoice'),
    )
    .action(
      bind(async (context, [texts], options) =>
        (await load()).listSessions(context, texts as string[], options as ListFlags),
      ),
    );
  limited(program.command('upcoming [session...]'))
    .summary('what goes soon if nobody uses it any more')
    .description('what goes soon if nobody uses it any more, the first to go first')
    .helpGroup(GROUPS.look)
    .option('--within <AGE>', 'how soon (default 7d)')
    .addHelpText('after', examples('upcoming', 'upcoming --within 30d'))
    .action(
      bind(async (context, [texts], options) =>
        (await load()).listUpcoming(context, texts as string[], options as ListFlags),
      ),
    );
  filtered(program.command('why [session...]'))
    .summary('every rule that was asked of a session')
    .description('why a session stays or goes: every rule that was asked, and what would change it')
    .helpGroup(GROUPS.look)
    .addHelpText('after', examples('why 3f2a91c0', 'why "fix the login redirect"'))
    .action(
      bind(async (context, [texts], options) =>
        (await import('../why.ts')).explainSessions(context, texts as string[], options as FilterFlags),
      ),
    );
}

export function addPinCommands(program: Command, bind: Bind): void {
  const load = () => import('../pins.ts');
  filtered(program.command('pin [session...]'))
    .option('--force', 'also a whole id of a session that is not here (yet)')
    .summary('keep sessions, whatever their age; unpin, pins')
    .description('keep sessions, whatever their age, by their ids, beginnings of them or titles')
    .helpGroup(GROUPS.act)
    .addHelpText('after', examples('pin 3f2a91c0', 'pin "fix the login redirect"', 'pin --project ~/work/app'))
    .action(
      bind(async (context, [texts], options) =>
        (await load()).pinSessions(context, texts as string[], options as FilterFlags),
      ),
    );
  filtered(program.command('unpin [session...]'))
    .description('let the age of sessions decide again')
    .helpGroup(GROUPS.namedByAnother)
    .addHelpText('after', examples('unpin 3f2a91c0'))
    .action(
      bind(async (context, [texts], options) =>
        (await load()).unpinSessions(context, texts as string[], options as FilterFlags),
      ),
    );
  program
    .command('pins')
    .description('list every pinned session')
    .helpGroup(GROUPS.namedByAnother)
    .addHelpText('after', examples('pins', 'pins --json'))
    .action(bind(async (context) => (await load()).listPins(context)));
}
