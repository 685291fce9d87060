/** `help` at every level: of a command, of a group's command, and of the two pages that are no command's. */

import type { Command } from 'commander';
import { EXIT_CODE_MEANINGS, EXIT_CODES, type ExitKind } from '../exit-codes.ts';
import { GROUPS, section } from './help.ts';
import { settingTerms } from './setting-options.ts';
import { suggestion } from './suggestion.ts';

/** Hangs a `help` on a command and on each group below it. */
export function addHelpCommands(command: Command, isProgram = true): void {
  if (command.commands.length === 0) return;
  for (const sub of command.commands) addHelpCommands(sub, false);
  command
    .helpCommand(false)
    .command('help [words...]', { hidden: true })
    .description('explain a command')
    .helpGroup(GROUPS.namedByAnother)
    .action((words: string[]) => showHelp(command, words, isProgram));
}

function showHelp(from: Command, words: readonly string[], isProgram: boolean): void {
  const [topic] = words;
  const page = isProgram && words.length === 1 ? TOPICS[topic ?? ''] : undefined;
  if (page !== undefined) {
    from.configureOutput().writeOut?.(`${page(from)}\n`);
    return;
  }
  commandAt(from, words, isProgram ? Object.keys(TOPICS) : []).outputHelp();
}

function commandAt(from: Command, words: readonly string[], topics: readonly string[]): Command {
  let current = from;
  for (const word of words) {
    if (word === 'help' && current.commands.length > 0) continue;
    const next = current.commands.find((command) => command.name() === word);
    if (next === undefined) {
      const known = [...current.commands.map((command) => command.name()), ...(current === from ? topics : [])];
      return from.error(`error: there is no help for '${word}'\n${suggestion(word, known)}`);
    }
    current = next;
  }
  return current;
}

const TOPICS: Readonly<Record<string, (program: Command) => string>> = {
  settings: (program) => {
    const help = program.createHelp();
    help.prepareContext({ helpWidth: program.configureOutput().getOutHelpWidth?.() ?? 80 });
    return [
      'Settings are flags of every command, variables of the environment (--max-age is\nSWEEPER_MAX_AGE), or stand in a file (--config FILE, YAML or JSON). A flag beats\nthe environment, the environment the file. check-config shows what is in force.',
      section('Settings:', settingTerms(program), help),
    ].join('\n\n');
  },
  'exit-codes': () => {
    const rows = Object.entries(EXIT_CODES).map(([kind, code]) => {
      return `  ${String(code).padEnd(4)}${EXIT_CODE_MEANINGS[kind as ExitKind]}`;
    });
    return `Exit codes:\n${rows.join('\n')}`;
  },
};
