/** What can stand where somebody is typing: commands, flags, values and session ids, all from the program's own command tree. */

import type { Argument, Command, Option } from 'commander';
import { SESSION_CLASSES } from '../config/class-ages.ts';
import { flagOf, SETTING_PATHS, settingTable } from '../config/settings.ts';
import { JOB_NAMES } from '../jobs/job-names.ts';
import { takesFlag } from './help.ts';
import { isSettingOption } from './setting-options.ts';

export interface Completion {
  readonly value: string;
  readonly description?: string | undefined;
}

/** Whose ids a command takes; the options that were typed before say where to look. */
export type SessionIds = (
  where: 'here' | 'in-trash',
  options: Readonly<Record<string, unknown>>,
) => Promise<readonly string[]>;

/** Values of flags that are no settings. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  '--job': JOB_NAMES,
  '--sort': ['used', 'age', 'size', 'title'],
  '--class': SESSION_CLASSES,
};

/** @param words all after the program's name, the one that is being typed last; a shell may give `=` as a word of its own */
export async function completionsOf(
  program: Command,
  words: readonly string[],
  sessionIds: SessionIds,
): Promise<readonly Completion[]> {
  const typed = words.at(-1) === '=' ? '' : (words.at(-1) ?? '');
  const place = placeAfter(program, words.slice(0, words.at(-1) === '=' ? undefined : -1));
  const [flag, value] = splitFlag(typed);
  if (place.awaiting !== undefined) return beginning(typed, valuesOf(place.awaiting));
  if (value !== undefined) {
    const option = optionsOf(place.command).find(({ long }) => long === flag);
    const values = option === undefined ? [] : beginning(value, valuesOf(option));
    return values.map((one) => ({ ...one, value: `${flag}=${one.value}` }));
  }
  if (typed.startsWith('-')) return beginning(typed, flagsOf(place.command));
  const commands = place.command.commands.filter((command) => !isHidden(command));
  if (commands.length > 0) {
    return beginning(
      typed,
      commands.map((command) => ({ value: command.name(), description: summaryOf(command) })),
    );
  }
  return beginning(typed, await argumentsOf(place, sessionIds));
}

interface Typed {
  readonly command: Command;
  /** An option whose value comes next. */
  readonly awaiting: Option | undefined;
  /** Values of options, as commander would give them. */
  readonly options: Readonly<Record<string, unknown>>;
  /** How many arguments of the command stand there. */
  readonly count: number;
}

function placeAfter(program: Command, words: readonly string[]): Typed {
  let [command, awaiting, count]: [Command, Option | undefined, number] = [program, undefined, 0];
  const options: Record<string, unknown> = {};
  for (const word of words) {
    if (word === '=') continue;
    if (awaiting !== undefined) {
      const name = awaiting.attributeName();
      options[name] = awaiting.parseArg === undefined ? word : [...((options[name] as string[]) ?? []), word];
      awaiting = undefined;
      continue;
    }
    const [flag, value] = splitFlag(word);
    if (word.startsWith('-')) {
      const option = optionsOf(command).find(({ long, short }) => long === flag || short === flag);
      if (option?.required !== true) continue;
      if (value === undefined) awaiting = option;
      else options[option.attributeName()] = option.parseArg === undefined ? value : [value];
      continue;
    }
    const inner = command.commands.find((one) => one.name() === word);
    if (inner === undefined) count += 1;
    else [command, count] = [inner, 0];
  }
  return { command, awaiting, options, count };
}

function splitFlag(word: string): [flag: string, value: string | undefined] {
  const at = word.startsWith('--') ? word.indexOf('=') : -1;
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

/** Its own and those of the whole program. */
function optionsOf(command: Command): readonly Option[] {
  return command.parent === null ? command.options : [...command.options, ...optionsOf(command.parent)];
}

function flagsOf(command: Command): readonly Completion[] {
  const taken = optionsOf(command).filter(
    (option) => !option.hidden && (command.parent === null || takesFlag(command, option.long ?? '')),
  );
  return taken.map(({ long, description }) => ({ value: long ?? '', description }));
}

function valuesOf(option: Option): readonly Completion[] {
  return (option.argChoices ?? VALUES[option.long ?? ''] ?? settingValues(option)).map((value) => ({ value }));
}

function settingValues(option: Option): readonly string[] {
  const path = isSettingOption(option) ? SETTING_PATHS.find((one) => flagOf(one) === option.long) : undefined;
  const values = path === undefined ? undefined : settingTable({ home: '/' })[path].parse.schema.enum;
  return Array.isArray(values) ? values.filter((value) => typeof value === 'string') : [];
}

async function argumentsOf({ command, count, options }: Typed, sessionIds: SessionIds): Promise<readonly Completion[]> {
  const argument = argumentAt(command.registeredArguments, count);
  if (argument?.argChoices !== undefined) return argument.argChoices.map((value) => ({ value }));
  if (argument?.name() !== 'session') return [];
  const ids = await sessionIds(command.parent?.name() === 'trash' ? 'in-trash' : 'here', options);
  return ids.map((value) => ({ value }));
}

function argumentAt(all: readonly Argument[], count: number): Argument | undefined {
  const last = all.at(-1);
  return all[count] ?? (last?.variadic === true ? last : undefined);
}

function summaryOf(command: Command): string {
  return command.summary() || command.description();
}

/** Commander tells of it in its help alone. */
export function isHidden(command: Command): boolean {
  return !(command.parent?.createHelp().visibleCommands(command.parent).includes(command) ?? true);
}

function beginning(typed: string, all: readonly Completion[]): readonly Completion[] {
  return all.filter(({ value }) => value.startsWith(typed));
}
