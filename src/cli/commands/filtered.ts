/** The flags by which commands take many sessions at once; of several, all have to be true. */

import type { Command } from 'commander';

export function filtered(command: Command): Command {
  return filteredInTrash(command).option(
    '--class <NAME>',
    'only of this class: cli, sdk, background, desktop, remote, archived or metadata',
  );
}

export function filteredInTrash(command: Command): Command {
  return command
    .option('--title <TEXT>', 'only with this in the title, in whatever case')
    .option('--project <PATH|GLOB>', "only of this project: its path, or Claude's name for it; or a glob over either")
    .option('--older-than <AGE>', 'only those unused for longer')
    .option('--larger-than <SIZE>', 'only larger ones');
}
