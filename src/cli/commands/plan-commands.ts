/** Commands for a prune that somebody reviews before it is done. */

import type { Command } from 'commander';
import { examples, GROUPS } from '../help.ts';
import type { PlanFlags } from '../make-plan.ts';
import type { Bind } from './bind.ts';

export function addPlanCommands(program: Command, bind: Bind): void {
  program
    .command('plan')
    .summary('write down what would go, to review; apply FILE does it')
    .description('write down what the next prune would take, for somebody to review; changes nothing else')
    .helpGroup(GROUPS.act)
    .option('--out <FILE>', 'where to write it; there must be no such file yet')
    .option('--expires <AGE>', 'how long it can be applied (default 24h)')
    .addHelpText('after', examples('plan --out plan.json', 'apply plan.json --dry-run', 'apply plan.json'))
    .action(
      bind(async (context, _args, options) =>
        (await import('../make-plan.ts')).makePlan(context, options as PlanFlags),
      ),
    );
  program
    .command('apply <file>')
    .description('move to the trash what a reviewed plan names, as far as it is as it was and would go still')
    .helpGroup(GROUPS.namedByAnother)
    .addHelpText('after', examples('apply plan.json --dry-run', 'apply plan.json'))
    .action(bind(async (context, [file]) => (await import('../apply-plan.ts')).applyPlan(context, String(file))));
}
