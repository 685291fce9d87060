/** The manual page, made from the command tree: what help says, in roff. */

import type { Command, Option } from 'commander';
import { EXIT_CODE_MEANINGS, EXIT_CODES, type ExitKind } from '../exit-codes.ts';
import { isHidden } from './completions.ts';
import { isSettingOption, settingTerms } from './setting-options.ts';

/** @param version of the program */
export function manualPage(program: Command, version: string): string {
  const name = program.name();
  const flags = program.options.filter((option) => !isSettingOption(option) && !option.hidden);
  return [
    `.TH ${name.toUpperCase().replaceAll('-', '\\-')} 1 "" "${name} ${version}" "User Commands"`,
    '.SH NAME',
    `${text(name)} \\- ${text('look after the conversations of Claude Code')}`,
    '.SH SYNOPSIS',
    `.B ${text(name)}`,
    '.I COMMAND',
    '[flags]',
    '.SH DESCRIPTION',
    paragraph(program.description()),
    '.SH COMMANDS',
    ...commandsBelow(program).flatMap(commandEntry),
    '.SH FLAGS',
    ...flags.flatMap(flagEntry),
    '.SH SETTINGS',
    'A flag beats the environment, the environment beats the file, and the file beats the default.',
    ...settingTerms(program).flatMap(([term, description]) => entry(term, description)),
    '.SH FILES',
    ...entry('~/.config/claude-session-sweeper/config.yaml', 'settings, where no other file is named'),
    ...entry('~/.local/state/claude-session-sweeper', 'the resume map, the ledger and the pins'),
    ...entry('~/.claude/session-sweeper/trash', 'what was removed, until it is purged'),
    '.SH EXIT STATUS',
    ...Object.entries(EXIT_CODES).flatMap(([kind, code]) => entry(`${code}`, EXIT_CODE_MEANINGS[kind as ExitKind])),
    '',
  ].join('\n');
}

/** Groups stand before what is in them. */
function commandsBelow(command: Command): readonly Command[] {
  return command.commands
    .filter((one) => !isHidden(one) && one.name() !== 'help')
    .flatMap((one) => [one, ...commandsBelow(one)]);
}

function commandEntry(command: Command): readonly string[] {
  const own = command.options.filter(({ hidden }) => !hidden);
  const flags = own.flatMap(flagEntry);
  const usage = [pathOf(command), command.usage().replaceAll('[options] ', '').replaceAll('[options]', '')];
  return [
    ...entry(usage.join(' ').trim(), command.description()),
    ...(flags.length === 0 ? [] : ['.RS', ...flags, '.RE']),
  ];
}

function pathOf(command: Command): string {
  const parent = command.parent;
  return parent === null || parent.parent === null ? command.name() : `${pathOf(parent)} ${command.name()}`;
}

function flagEntry({ flags, description }: Option): readonly string[] {
  return entry(flags, description);
}

function entry(term: string, description: string): readonly string[] {
  return ['.TP', `.B ${text(term)}`, paragraph(description)];
}

function paragraph(words: string): string {
  return text(words).split('\n').join('\n.br\n');
}

/** Dashes are to be copied as such, and no line is to be taken for a request. */
function text(words: string): string {
  return words
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('~', '\\(ti')
    .replaceAll('^', '\\(ha')
    .replace(/^\./gm, '\\&.')
    .replaceAll('…', '...')
    .replaceAll('“', '\\(lq')
    .replaceAll('”', '\\(rq');
}
