/** Commands that look at and change the resume map. */

import type { Command } from 'commander';
import { examples, GROUPS } from '../help.ts';
import type { Bind } from './bind.ts';

export function addResumeMapCommands(program: Command, bind: Bind): void {
  const sessions = program
    .command('sessions')
    .summary("a host's resume map: its rows, and those that were swept")
    .description('look at and change the resume map')
    .helpGroup(GROUPS.act)
    .addHelpText('after', examples('sessions list', 'sessions swept', 'sessions restore --last-run'));
  const load = () => import('../sessions.ts');
  const loadSwept = () => import('../swept-rows.ts');
  sessions
    .command('list')
    .description('every row, last used first')
    .addHelpText('after', examples('sessions list', 'sessions list --json'))
    .action(bind(async (context) => (await load()).listSessions(context)));
  sessions
    .command('get <key>')
    .description('the session of a key')
    .addHelpText('after', examples('sessions get forgejo:architect:acme/app:12'))
    .action(bind(async (context, [key]) => (await load()).getSession(context, String(key))));
  sessions
    .command('set <key> <session-id>')
    .description('let a key resume a session')
    .addHelpText('after', examples('sessions set forgejo:architect:acme/app:12 3f2a91c0-5b1d-4c8e-9a52-0d6e7f1b2c34'))
    .action(bind(async (context, [key, id]) => (await load()).setSession(context, String(key), String(id))));
  sessions
    .command('swept')
    .description('rows that sweeps have taken within trash.keep, the latest first')
    .addHelpText('after', examples('sessions swept'))
    .action(bind(async (context) => (await loadSwept()).listSweptRows(context)));
  sessions
    .command('restore [key...]')
    .description('bring swept rows back, with all their columns; never over a row that is there again')
    .addHelpText('after', examples('sessions restore forgejo:architect:acme/app:12', 'sessions restore --last-run'))
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
  sessions
    .command('drop <key>')
    .description('forget the session of a key')
    .addHelpText('after', examples('sessions drop forgejo:architect:acme/app:12'))
    .action(bind(async (context, [key]) => (await load()).dropSession(context, String(key))));
  sessions
    .command('drop-issue <repo> <issue>')
    .description('forget the sessions of all agents on one issue or pull request')
    .addHelpText('after', examples('sessions drop-issue acme/app 12'))
    .option('--forge <NAME>', 'only of this forge')
    .action(
      bind(async (context, [repo, issue], options) =>
        (await load()).dropIssue(context, String(repo), String(issue), options.forge as string | undefined),
      ),
    );
}
