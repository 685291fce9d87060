/** The face of `--help`: commands first, then what each takes; settings and exit codes are pages of their own. */

import { type Command, Help, type Option } from 'commander';
import { isSettingOption } from './setting-options.ts';
import type { Colors } from './terminal.ts';

const NAME = 'claude-session-sweeper';

/** Where a command stands on the first page; one that another's line names has no line there. */
export const GROUPS = {
  look: 'Look; changes nothing:',
  act: 'Act; what goes can come back:',
  setUp: 'Set up:',
  namedByAnother: '',
} as const;

/** The first page fits a terminal of 80 columns, and lines are no longer anywhere. */
const HELP_WIDTH_MAX = 100;

/** Flags of the whole program that only some commands take, by the flag. */
const TAKEN_BY: Readonly<Record<string, readonly string[]>> = {
  '--run-now': [],
  '--version': [],
  '--job': ['run'],
  '--allow-mass-removal': ['run'],
  '--dry-run': ['run', 'apply', 'purge', 'empty', 'adopt'],
  '--yes': ['run', 'remove', 'empty', 'adopt'],
};

/** Whether a command does something with a flag that stands for the whole program. */
export function takesFlag(command: Command, flag: string): boolean {
  return TAKEN_BY[flag]?.includes(command.name()) ?? true;
}

/** For `configureHelp` of the program; its commands inherit it. */
export function helpFormat({ bold }: Colors): Partial<Help> {
  return { ...LAYOUT, styleTitle: bold };
}

const LAYOUT: Partial<Help> = {
  formatHelp(command, help) {
    const blocks = command.parent === null ? firstPage(command, help) : pageOf(command, help);
    return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
  },
  commandUsage: (command) =>
    command.parent === null ? `${NAME} COMMAND [flags]` : Help.prototype.commandUsage.call(new Help(), command),
  subcommandTerm: (command) => command.name(),
};

export function helpWidth(columns: number | undefined): number {
  return Math.min(columns ?? 80, HELP_WIDTH_MAX);
}

export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${NAME} ${line}`).join('\n')}\n`;
}

function firstPage(program: Command, help: Help): string[] {
  const listed = program.commands.filter((command) => command.helpGroup() !== GROUPS.namedByAnother);
  const width = Math.max(...listed.map((command) => command.name().length));
  const groups = Object.values(GROUPS);
  return [
    usage(program, help),
    help.boxWrap(program.description(), help.helpWidth ?? 80),
    groups
      .map((group) => listed.filter((command) => command.helpGroup() === group))
      .map((commands) => commands.map((command): Row => [command.name(), command.summary()]))
      .map((rows, index) => section(groups[index] ?? '', rows, help, width))
      .filter((block) => block !== '')
      .join('\n'),
    [
      `Begin with   ${NAME} run --dry-run   (shows what would go)`,
      'More         help COMMAND, help settings, help exit-codes',
    ].join('\n'),
  ];
}

function pageOf(command: Command, help: Help): string[] {
  const ownOptions = command.options.filter((option) => !option.hidden);
  const taken = programOf(command).options.filter(
    (option) => !isSettingOption(option) && takesFlag(command, option.long ?? ''),
  );
  const isGroup = command.commands.length > 0;
  const rows = (options: readonly Option[]) => options.map((option): Row => [option.flags, option.description]);
  return [
    usage(command, help),
    help.boxWrap(sentence(command.description()), help.helpWidth ?? 80),
    section('Commands:', subcommandRows(command), help),
    section('Flags:', rows(isGroup ? [] : [...ownOptions, ...taken]), help),
    isGroup
      ? `More: ${commandPath(command)} help COMMAND`
      : 'Settings, such as --max-age 60d, are flags of every command: see help settings.',
  ];
}

function subcommandRows(command: Command): Row[] {
  return command.commands
    .filter((sub) => sub.name() !== 'help')
    .map((sub) => [[sub.name(), ...sub.registeredArguments.map(argumentTerm)].join(' '), sub.description()]);
}

function argumentTerm(argument: { name(): string; readonly variadic: boolean; readonly required: boolean }): string {
  const term = `${argument.name().toUpperCase()}${argument.variadic ? '...' : ''}`;
  return argument.required ? term : `[${term}]`;
}

type Row = readonly [term: string, text: string];

function usage(command: Command, help: Help): string {
  return `${help.styleTitle('Usage:')} ${help.commandUsage(command)}`;
}

export function section(
  title: string,
  rows: readonly Row[],
  help: Help,
  width = Math.max(0, ...rows.map(([term]) => term.length)),
): string {
  if (rows.length === 0) return '';
  return [help.styleTitle(title), ...rows.map(([term, text]) => help.formatItem(term, width, text, help))].join('\n');
}

function programOf(command: Command): Command {
  return command.parent === null ? command : programOf(command.parent);
}

function commandPath(command: Command): string {
  return command.parent === null ? command.name() : `${commandPath(command.parent)} ${command.name()}`;
}

/** Descriptions stand in lists, and here alone. */
function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
