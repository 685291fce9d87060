/** Commands that look at and change the resume map. */

import type { Command } from 'commander';
import { examples, GROUPS } from '../help.ts';
import type { Bind } from './bind.ts';

export function addResumeMapCommands(program: Command, bind: Bind): void {
  const map = program
    .command('map')
    .summary("a host's resume map: its rows, and those that were swept")
    .description('the resume map: which conversation resumes which session')
    .helpGroup(GROUPS.act)
    .addHelpText('after', examples('map list', 'map swept', 'map restore --last-run'));
  const load = () => import('../resume-map.ts');
  const loadSwept = () => import('../swept-rows.ts');
  map
    .command('list')
    .description('every row, last used first')
    .addHelpText('after', examples('map list', 'map list --json'))
    .action(bind(async (context) => (await load()).listRows(context)));
  map
    .command('get <key>')
    .description('the session of a key')
    .addHelpText('after', examples('map get forgejo:architect:acme/app:12'))
    .action(bind(async (context, [key]) => (await load()).showRow(context, String(key))));
  map
    .command('set <key> <session-id>')
    .description('let a key resume a session')
    .addHelpText('after', examples('map set forgejo:architect:acme/app:12 3f2a91c0-5b1d-4c8e-9a52-0d6e7f1b2c34'))
    .action(bind(async (context, [key, id]) => (await load()).setRow(context, String(key), String(id))));
  map
    .command('swept')
    .description('rows that sweeps have taken within trash.keep, the latest first')
    .addHelpText('after', examples('map swept'))
    .action(bind(async (context) => (await loadSwept()).listSweptRows(context)));
  map
    .command('restore [key...]')
    .description('bring swept rows back, with all their columns; never over a row that is there again')
    .addHelpText('after', examples('map restore forgejo:architect:acme/app:12', 'map restore --last-run'))
    .option('--last-run', 'all that the latest sweep has taken')
    .option('--touch', 'they count as used now')
    .action(
      bind(async (context, [keys], options) =>
        (await loadSwept()).restoreSweptRows(context, keys as string[], {
          lastRun: options.lastRun === true,
          touches: options.touch === true,
        }),
      ),
    );
  map
    .command('drop <key>')
    .description('forget the session of a key')
    .addHelpText('after', examples('map drop forgejo:architect:acme/app:12'))
    .action(bind(async (context, [key]) => (await load()).dropRow(context, String(key))));
  map
    .command('drop-issue <repo> <issue>')
    .description('forget the sessions of all agents on one issue or pull request')
    .addHelpText('after', examples('map drop-issue acme/app 12'))
    .option('--forge <NAME>', 'only of this forge')
    .action(
      bind(async (context, [repo, issue], options) =>
        (await load()).dropIssue(context, String(repo), String(issue), options.forge as string | undefined),
      ),
    );
}
