/** Commands that tell shells and manuals what this program takes; they need no configuration, and work where it is wrong. */

import { Argument, type Command } from 'commander';
import { packageVersion } from '../../process/version.ts';
import type { CliIo } from '../command.ts';
import { examples, GROUPS } from '../help.ts';
import { SHELL_SCRIPTS, SHELLS, type Shell } from '../shell-scripts.ts';

export function addShippedCommands(program: Command, io: CliIo): void {
  program
    .command('completion')
    .summary('completion for bash, zsh and fish')
    .description('print what completes commands, flags, values and session ids in a shell')
    .helpGroup(GROUPS.setUp)
    .addHelpText('after', examples('completion bash', 'completion fish'))
    .addArgument(new Argument('<shell>', 'bash, zsh or fish').choices(SHELLS))
    .action((shell: Shell) => void io.stdout.write(SHELL_SCRIPTS[shell]));
  program
    .command('complete', { hidden: true })
    .description('what can stand where somebody is typing: asked by the scripts of completion')
    .argument('[word...]')
    .action(async (words: readonly string[]) => {
      const { completionsOf } = await import('../completions.ts');
      const found = await completionsOf(program, words, (where, options) => idsOf(where, options, io));
      for (const { value, description } of found) {
        io.stdout.write(description === undefined ? `${value}\n` : `${value}\t${description.replaceAll('\n', ' ')}\n`);
      }
    });
  program
    .command('manual', { hidden: true })
    .description('the manual page, in roff')
    .action(async () => {
      const { manualPage } = await import('../manual.ts');
      io.stdout.write(manualPage(program, packageVersion()));
    });
}

/** None where the configuration is wrong: that is for the command to say. */
async function idsOf(
  where: 'here' | 'in-trash',
  options: Readonly<Record<string, unknown>>,
  io: CliIo,
): Promise<readonly string[]> {
  const { loadConfig } = await import('../load-config.ts');
  const { sessionIdsHere, sessionIdsInTrash } = await import('../session-ids-here.ts');
  try {
    const { claudeDir } = (await loadConfig(options, io)).config;
    return where === 'here' ? sessionIdsHere(claudeDir) : sessionIdsInTrash(claudeDir);
  } catch {
    return [];
  }
}
