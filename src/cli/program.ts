/** The command line: what there is to call, and its help. Each command is loaded when it is called, so that starting is cheap. */

import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { errorKind, errorMessage } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { redacted, shownText } from '../format/shown-text.ts';
import { JOB_NAMES, type JobName } from '../jobs/job-names.ts';
import { createLogger } from '../log.ts';
import { styleOf } from '../log-output.ts';
import { packageVersion } from '../process/version.ts';
import { type CliIo, type CommandContext, SIGNAL_EFFECTS } from './command.ts';
import type { Action } from './commands/bind.ts';
import { addMigrateCommand } from './commands/migrate-command.ts';
import { addPlanCommands } from './commands/plan-commands.ts';
import { addResumeMapCommands } from './commands/resume-map-commands.ts';
import { addRunCommands, runAsDaemon, runOnce } from './commands/run-commands.ts';
import { addLookingCommands, addPinCommands } from './commands/session-commands.ts';
import { addShippedCommands } from './commands/shipped-commands.ts';
import { addStoreCommands } from './commands/store-commands.ts';
import { addTrashCommands } from './commands/trash-commands.ts';
import { addWorkerCommands } from './commands/worker-commands.ts';
import { helpFormat, helpWidth, takesFlag } from './help.ts';
import { addHelpCommands } from './help-command.ts';
import { loadConfig, type RawOptions } from './load-config.ts';
import { addSettingOptions } from './setting-options.ts';
import { nearestFlag, suggestion } from './suggestion.ts';
import { colorsFor } from './terminal.ts';

/** Runs one command line. @returns the exit code; never rejects for what an operator can do wrong */
export async function runCli(io: CliIo): Promise<number> {
  let exitCode: number = EXIT_CODES.ok;
  const program = buildProgram(io, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...io.argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
    io.stderr.write(`${describeFailure(error)}\n`);
    return EXIT_CODES[errorKind(error)];
  }
}

function describeFailure(error: unknown): string {
  const lines = errorMessage(error).split('\n');
  const text = redacted(lines.map((line) => `claude-session-sweeper: ${line}`).join('\n'));
  // Only of an error that nobody foresaw is it worth knowing where it came from.
  return errorKind(error) === 'internal' && error instanceof Error ? `${text}\n${redacted(String(error.stack))}` : text;
}

/** Only the line break before its suggestion is commander's own; what was typed may hold others. */
function usageError(text: string, program: Command): string {
  const [error = '', suggested = advice(text, program)] = text.trimEnd().split(/\n(?=\(Did you mean [^\n]*\)$)/);
  const named = error.replace(/^error: /, 'claude-session-sweeper: ');
  return `${[named, ...(suggested === undefined ? [] : [suggested])].map(shownText).join('\n')}\n`;
}

/** Commander names flags that differ by few letters; this names one that was broken off, or given a value that it does not take. */
function advice(text: string, program: Command): string | undefined {
  if (text.startsWith('error: unknown command ')) return '(claude-session-sweeper help lists the commands)';
  const flag = /^error: unknown option '(--[a-z-]+)/.exec(text)?.[1];
  if (flag === undefined) return undefined;
  const known = program.options.flatMap(({ long }) => long ?? []);
  if (known.includes(flag)) return `(${flag} takes no value; a setting that is on or off is --no-… for off)`;
  return `(Did you mean ${nearestFlag(flag, known)}?)`;
}

function buildProgram(io: CliIo, setExitCode: (code: number) => void): Command {
  const program = new Command('claude-session-sweeper')
    .description(
      "Keeps Claude Code's conversations in check: old ones go to a trash, from which one command brings them back. What is live, pinned or in doubt stays.",
    )
    .version(packageVersion(), '-V, --version', 'the version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text.startsWith('error: ') ? usageError(text, program) : text),
      getOutHelpWidth: () => helpWidth(io.stdout.columns),
      // Colours are chosen by the streams that were handed in, not by those of the process.
      getOutHasColors: () => true,
      getErrHasColors: () => false,
      getErrHelpWidth: () => helpWidth(io.stderr.columns),
    })
    .configureHelp(helpFormat(colorsFor(io.stdout, io.environment)))
    .option('--run-now', 'the same as the command run')
    .option('--job <NAME>', `only this job; may be given more than once: ${JOB_NAMES.join(', ')}`, collectJob)
    .option('--dry-run', 'show what would be done, and change nothing')
    .option('--allow-mass-removal', 'most of a known tree may go at once')
    .option('--yes', 'do not ask')
    .option('--json', 'one JSON document on stdout')
    .option('--config <FILE>', 'settings from a YAML or JSON file');
  addSettingOptions(program, io);
  const bind =
    (action: Action) =>
    async (...args: unknown[]) => {
      const command = args.pop() as Command;
      args.pop();
      const options = command.optsWithGlobals();
      if (command !== program) throwIfRunFlags(command, options);
      // A daemon tells what it does, on a terminal too.
      const isCommand = command !== program && command.name() !== 'daemon';
      const context = await contextFor(io, options, isCommand, nameOf(command, program));
      (await import('../sqlite/binding.ts')).assertBindingLoads();
      if (!LOOKS_ONLY.has(command.name())) {
        (await import('../files/state-dir-safety.ts')).throwIfUnsafeStateDir(context.resolved.config.stateDir);
      }
      setExitCode(await action(context, args, options));
    };
  program.action(bind(async (context, _args, options) => runDefault(program, context, options)));
  addRunCommands(program, bind);
  addPlanCommands(program, bind);
  addLookingCommands(program, bind);
  addResumeMapCommands(program, bind);
  addTrashCommands(program, bind);
  addPinCommands(program, bind);
  addStoreCommands(program, bind);
  addWorkerCommands(program, bind);
  addMigrateCommand(program, bind);
  addShippedCommands(program, io);
  addHelpCommands(program);
  // A misspelt command would else be “too many arguments” of the daemon. Commands take the setting over when they are made.
  return program.allowExcessArguments();
}

/** Commands that tell of an unsafe state directory themselves, or do not look into it. */
const LOOKS_ONLY: ReadonlySet<string> = new Set(['doctor', 'check-config', 'adopt']);

/** Flags of `--run-now` that a command would silently ignore. */
function throwIfRunFlags(command: Command, options: RawOptions): void {
  if (command.name() === 'run') return;
  const { runNow, job, allowMassRemoval, dryRun, yes } = options;
  const given = {
    '--run-now': runNow,
    '--job': job,
    '--allow-mass-removal': allowMassRemoval,
    '--dry-run': dryRun,
    '--yes': yes,
  };
  for (const [flag, value] of Object.entries(given)) {
    if (value !== undefined && !takesFlag(command, flag))
      command.error(`error: ${flag} does not go with ${command.name()}`);
  }
}

async function runDefault(program: Command, context: CommandContext, options: RawOptions): Promise<number> {
  const [unknown] = program.args;
  if (unknown !== undefined) {
    const names = program.commands.map((command) => command.name());
    program.error(`error: unknown command '${unknown}'\n${suggestion(unknown, names)}`);
  }
  if (options.runNow === true) return runOnce(context, options);
  for (const flag of ['job', 'dry-run', 'json', 'yes', 'allow-mass-removal']) {
    const given = program.options.some(
      (option) => option.long === `--${flag}` && options[option.attributeName()] !== undefined,
    );
    if (given) program.error(`error: --${flag} goes with --run-now or a command`);
  }
  if (context.io.stdout.isTTY) return (await import('./overview.ts')).showOverview(context);
  return runAsDaemon(context);
}

/** As it is typed: `trash restore`. */
function nameOf(command: Command, program: Command): string {
  if (command === program) return 'run';
  const group = command.parent === null || command.parent === program ? '' : `${command.parent.name()} `;
  return `${group}${command.name()}`;
}

async function contextFor(
  io: CliIo,
  options: RawOptions,
  isCommand: boolean,
  command: string,
): Promise<CommandContext> {
  const resolved = await loadConfig(options, io);
  // A person at a terminal reads the result itself; lines of JSON between would only be in the way.
  const isQuiet = (isCommand || options.runNow === true) && io.stderr.isTTY && resolved.origins.logLevel === 'default';
  const { logLevel, logFormat } = resolved.config;
  const log = createLogger(isQuiet ? 'silent' : logLevel, { style: styleOf(logFormat, io.environment) });
  io.onSignal((signal, effect) => log[effect === 'late' ? 'warn' : 'info']({ signal }, SIGNAL_EFFECTS[effect]));
  return {
    io,
    resolved,
    reload: () => loadConfig(options, io),
    log,
    json: options.json === true,
    dryRun: options.dryRun === true,
    allowMassRemoval: options.allowMassRemoval === true,
    requester: { by: 'hand', command },
    colors: colorsFor(io.stdout, io.environment),
  };
}

function collectJob(value: string, previous: JobName[] | undefined): JobName[] {
  const job = JOB_NAMES.find((name) => name === value);
  if (job === undefined) throw new InvalidArgumentError(`Allowed: ${JOB_NAMES.join(', ')}.`);
  return [...new Set([...(previous ?? []), job])];
}
