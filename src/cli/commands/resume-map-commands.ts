/** Commands that look at and change the resume map. */

import type { Command } from 'commander';
import type { Bind } from './bind.ts';

export function addResumeMapCommands(program: Command, bind: Bind): void {
  const sessions = program.command('sessions').description('look at and change the resume map');
  const load = () => import('../sessions.ts');
  const loadSwept = () => import('../swept-rows.ts');
  sessions
    .command('list')
    .description('every row, last used first')
    .action(bind(async (context) => (await load()).listSessions(context)));
  sessions
    .command('get <key>')
    .description('the session of a key')
    .action(bind(async (context, [key]) => (await load()).getSession(context, String(key))));
  sessions
    .command('set <key> <session-id>')
    .description('let a key resume a session')
    .action(bind(async (context, [key, id]) => (await load()).setSession(context, String(key), String(id))));
  sessions
    .command('swept')
    .description('rows that sweeps have taken within trash.keep, the latest first')
    .action(bind(async (context) => (await loadSwept()).listSweptRows(context)));
  sessions
    .command('restore [key...]')
    .description('bring swept rows back, with all their columns; never over a row that is there again')
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
    .action(bind(async (context, [key]) => (await load()).dropSession(context, String(key))));
  sessions
    .command('drop-issue <repo> <issue>')
    .description('forget the sessions of all agents on one issue or pull request')
    .option('--forge <NAME>', 'only of this forge')
    .action(
      bind(async (context, [repo, issue], options) =>
        (await load()).dropIssue(context, String(repo), String(issue), options.forge as string | undefined),
      ),
    );
}
