/** The command line: what there is to call, and its help. Each command is loaded when it is called, so that starting is cheap. */

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '../clock.ts';
import { flagOf, SETTING_PATHS, settingTable, variableOf } from '../config/settings.ts';
import { errorKind, errorMessage } from '../errors.ts';
import { EXIT_CODE_MEANINGS, EXIT_CODES, type ExitKind } from '../exit-codes.ts';
import { nearestWord } from '../format/nearest-word.ts';
import { redacted, shownText } from '../format/shown-text.ts';
import { JOB_NAMES, type JobName } from '../jobs/job-names.ts';
import { createLogger } from '../log.ts';
import { packageVersion } from '../process/version.ts';
import type { CliIo, CommandContext } from './command.ts';
import type { ListFlags } from './list.ts';
import { loadConfig, type RawOptions } from './load-config.ts';
import { colorsFor } from './terminal.ts';

type Action = (context: CommandContext, args: readonly unknown[], options: RawOptions) => Promise<number>;

const HELP_END = `
Exit codes:
${Object.entries(EXIT_CODES)
  .map(([kind, code]) => `  ${String(code).padEnd(4)}${EXIT_CODE_MEANINGS[kind as ExitKind]}`)
  .join('\n')}

Settings can also stand in a file (--config, YAML or JSON) and in the environment
(--max-age is SWEEPER_MAX_AGE). A flag beats the environment, the environment the file.
`;

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
function usageError(text: string): string {
  const [error = '', suggestion] = text.trimEnd().split(/\n(?=\(Did you mean [^\n]*\)$)/);
  return `${[error, ...(suggestion === undefined ? [] : [suggestion])].map(shownText).join('\n')}\n`;
}

function buildProgram(io: CliIo, setExitCode: (code: number) => void): Command {
  const program = new Command('claude-session-sweeper')
    .description(
      'Keeps Claude Code transcripts and the resume map healthy.\nWithout a command: the daemon, or, with --run-now, one run of all jobs.',
    )
    .version(packageVersion())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text.startsWith('error: ') ? usageError(text) : text),
    })
    .addHelpText('after', HELP_END)
    .option('--run-now', 'run sweep, prune and purge once and leave')
    .option('--job <NAME>', 'with --run-now: only this job; may be given more than once', collectJob)
    .option('--dry-run', 'with --run-now: show what would be done, and change nothing')
    .option('--allow-mass-removal', 'with --run-now: most of a known tree may go at once')
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
      const context = await contextFor(io, options, command !== program && command.name() !== 'daemon');
      (await import('../sqlite/binding.ts')).assertBindingLoads();
      if (!LOOKS_ONLY.has(command.name())) {
        (await import('../files/state-dir-safety.ts')).throwIfUnsafeStateDir(context.resolved.config.stateDir);
      }
      setExitCode(await action(context, args, options));
    };
  program.action(bind(async (context, _args, options) => runDefault(program, context, options)));
  addRunCommands(program, bind);
  addLookingCommands(program, bind);
  addSessionCommands(program, bind);
  addTrashCommands(program, bind);
  addPinCommands(program, bind);
  program
    .command('adopt')
    .description("take Claude's own clean-up over by its own setting; shows the change and asks")
    .option('--undo', 'give it back: the setting becomes what it was')
    .option('--yes', 'do not ask')
    .action(
      bind(async (context, _args, { undo, yes }) =>
        (await import('./adopt.ts')).runAdopt(context, { undo: undo === true, yes: yes === true }),
      ),
    );
  program
    .command('status')
    .description('last and next runs, disk use by project, and what the next prune would take')
    .action(bind(async (context) => (await import('./status.ts')).showStatus(context)));
  program
    .command('history')
    .description('the latest runs; or sessions that have gone without this program')
    .option('--vanished', 'sessions that no run or command of this program removed')
    .action(
      bind(async (context, _args, { vanished }) =>
        (await import('./history.ts')).showHistory(context, { vanished: vanished === true }),
      ),
    );
  program
    .command('doctor')
    .description('what endangers sessions or keeps the worker from its work, and what to do about it')
    .action(bind(async (context) => (await import('./doctor.ts')).runDoctor(context)));
  program
    .command('check-config')
    .description('show the effective configuration and where each value comes from')
    .action(bind(async (context) => (await import('./check-config.ts')).checkConfig(context)));
  // A misspelt command would else be “too many arguments” of the daemon. Commands take the setting over when they are made.
  return program.allowExcessArguments();
}

/** Commands that tell of an unsafe state directory themselves, or do not look into it. */
const LOOKS_ONLY: ReadonlySet<string> = new Set(['doctor', 'check-config', 'adopt']);

function addSettingOptions(program: Command, io: CliIo): void {
  const table = settingTable(io);
  for (const path of SETTING_PATHS) {
    const { argument, description, defaultText } = table[path];
    const help = `${description} (${variableOf(path)}; default ${defaultText})`.replaceAll('`', '');
    const option = new Option(`${flagOf(path)} <${argument}>`, help);
    if (path === 'claudeDir' || path === 'sessions.store')
      option.argParser((value: string, previous?: string[]) => [...(previous ?? []), value]);
    program.addOption(option);
  }
}

function addRunCommands(program: Command, bind: (action: Action) => (...args: unknown[]) => Promise<void>): void {
  program
    .command('run')
    .description('the same as --run-now: sweep, prune and purge once; takes --dry-run, --job and --allow-mass-removal')
    .addHelpText('after', examples('run --dry-run', 'run', 'run --job prune-transcripts'))
    .action(bind((context, _args, options) => runOnce(context, options)));
  program
    .command('daemon')
    .description('the same as no command: runs each job by its schedule')
    .action(bind((context) => runAsDaemon(context)));
  program
    .command('remove <session...>')
    .description('move sessions to the trash, whatever their age; live and pinned ones are refused')
    .addHelpText('after', examples('remove 3f2a91c0', 'remove "try the new parser"'))
    .action(bind(async (context, [texts]) => (await import('./remove.ts')).removeByHand(context, texts as string[])));
}

function addLookingCommands(program: Command, bind: (action: Action) => (...args: unknown[]) => Promise<void>): void {
  const load = () => import('./list.ts');
  const filtered = (command: Command) =>
    command
      .option('--title <TEXT>', 'only with this in the title, in whatever case')
      .option('--project <PATH|GLOB>', "only of this project: its path, or a glob over Claude's names of projects")
      .option('--older-than <AGE>', 'only those unused for longer')
      .option('--larger-than <SIZE>', 'only larger ones')
      .option('--limit <N>', 'so many at the most, or all (default 40)');
  filtered(program.command('list'))
    .description('conversations by their titles: what the next prune makes of each, and why')
    .option('--going', 'only those that the next prune takes')
    .option('--kept', 'only those that stay')
    .option('--sort <ORDER>', 'used (last used first), age (longest unused first) or size (default used)')
    .addHelpText(
      'after',
      examples('list', 'list --going', 'list --project ~/work/app --sort size', 'list --title invoice'),
    )
    .action(bind(async (context, _args, options) => (await load()).listSessions(context, options as ListFlags)));
  filtered(program.command('upcoming'))
    .description('what goes soon if nobody uses it any more, the first to go first')
    .option('--within <AGE>', 'how soon (default 7d)')
    .addHelpText('after', examples('upcoming', 'upcoming --within 30d'))
    .action(bind(async (context, _args, options) => (await load()).listUpcoming(context, options as ListFlags)));
  program
    .command('why <session...>')
    .description('why a session stays or goes: every rule that was asked, and what would change it')
    .addHelpText('after', examples('why 3f2a91c0', 'why "fix the login redirect"'))
    .action(bind(async (context, [texts]) => (await import('./why.ts')).explainSessions(context, texts as string[])));
}

function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  claude-session-sweeper ${line}`).join('\n')}\n`;
}

function addSessionCommands(program: Command, bind: (action: Action) => (...args: unknown[]) => Promise<void>): void {
  const sessions = program.command('sessions').description('look at and change the resume map');
  const load = () => import('./sessions.ts');
  const loadSwept = () => import('./swept-rows.ts');
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

function addTrashCommands(program: Command, bind: (action: Action) => (...args: unknown[]) => Promise<void>): void {
  const trash = program.command('trash').description('what was removed, and how it comes back');
  const load = () => import('./trash.ts');
  trash
    .command('list')
    .description('sessions in the trash, newest first')
    .action(bind(async (context) => (await load()).listTrash(context)));
  trash
    .command('restore <session...>')
    .description('bring sessions back to where they were, times included, by their ids or beginnings of them')
    .option('--pin', 'pin them too, so that the next prune does not take them again')
    .option('--join', 'where a session was written anew meanwhile: put its older part back in front of the newer one')
    .action(
      bind(async (context, [ids], options) =>
        (await load()).restoreFromTrash(context, ids as string[], {
          pins: options.pin === true,
          joins: options.join === true,
        }),
      ),
    );
  trash
    .command('purge')
    .description('destroy what has lain in the trash for longer than trash.keep')
    .action(bind(async (context) => (await load()).purgeTrash(context)));
  trash
    .command('empty')
    .description('destroy all that lies in the trash, to free the room now; asks first')
    .option('--yes', 'do not ask')
    .action(bind(async (context, _args, { yes }) => (await load()).emptyTrash(context, { yes: yes === true })));
}

function addPinCommands(program: Command, bind: (action: Action) => (...args: unknown[]) => Promise<void>): void {
  const load = () => import('./pins.ts');
  program
    .command('pin <session...>')
    .description('keep sessions, whatever their age, by their ids, beginnings of them or titles')
    .action(bind(async (context, [ids]) => (await load()).pinSessions(context, ids as string[])));
  program
    .command('unpin <session...>')
    .description('let their age decide again')
    .action(bind(async (context, [ids]) => (await load()).unpinSessions(context, ids as string[])));
  program
    .command('pins')
    .description('every pinned session')
    .action(bind(async (context) => (await load()).listPins(context)));
}

/** Flags of `--run-now` that a command would silently ignore. */
function throwIfRunFlags(command: Command, options: RawOptions): void {
  if (command.name() === 'run') return;
  const takesDryRun = ['purge', 'adopt', 'empty'].includes(command.name());
  const flags = { 'run-now': options.runNow, job: options.job, 'allow-mass-removal': options.allowMassRemoval };
  for (const [flag, value] of Object.entries({ ...flags, ...(takesDryRun ? {} : { 'dry-run': options.dryRun }) })) {
    if (value !== undefined) command.error(`error: --${flag} does not go with ${command.name()}`);
  }
}

async function runDefault(program: Command, context: CommandContext, options: RawOptions): Promise<number> {
  const [unknown] = program.args;
  if (unknown !== undefined) {
    const names = program.commands.map((command) => command.name());
    program.error(`error: unknown command '${unknown}'\n(Did you mean ${nearestWord(unknown, names)}?)`);
  }
  if (options.runNow === true) return runOnce(context, options);
  for (const flag of ['job', 'dry-run', 'json', 'allow-mass-removal']) {
    const given = program.options.some(
      (option) => option.long === `--${flag}` && options[option.attributeName()] !== undefined,
    );
    if (given) program.error(`error: --${flag} goes with --run-now or a command`);
  }
  return runAsDaemon(context);
}

async function runOnce(context: CommandContext, options: RawOptions): Promise<number> {
  const { runNow } = await import('./run.ts');
  return runNow(context, (options.job as JobName[] | undefined) ?? [...JOB_NAMES]);
}

async function runAsDaemon(context: CommandContext): Promise<number> {
  const { runDaemon } = await import('../daemon/daemon.ts');
  const { allowCommand } = await import('./allow-command.ts');
  const { io, resolved, log } = context;
  await runDaemon({
    config: resolved.config,
    version: packageVersion(),
    log,
    clock: systemClock,
    environment: io.environment,
    allowCommand: (job) => allowCommand(job, resolved, io.home),
    shutdown: io.shutdown,
  });
  return EXIT_CODES.ok;
}

async function contextFor(io: CliIo, options: RawOptions, isCommand: boolean): Promise<CommandContext> {
  const resolved = await loadConfig(options, io);
  // A person at a terminal reads the result itself; lines of JSON between would only be in the way.
  const isQuiet = (isCommand || options.runNow === true) && io.stderr.isTTY && resolved.origins.logLevel === 'default';
  return {
    io,
    resolved,
    log: createLogger(isQuiet ? 'silent' : resolved.config.logLevel),
    json: options.json === true,
    dryRun: options.dryRun === true,
    allowMassRemoval: options.allowMassRemoval === true,
    colors: colorsFor(io.stdout, io.environment),
  };
}

function collectJob(value: string, previous: JobName[] | undefined): JobName[] {
  const job = JOB_NAMES.find((name) => name === value);
  if (job === undefined) throw new InvalidArgumentError(`Allowed: ${JOB_NAMES.join(', ')}.`);
  return [...new Set([...(previous ?? []), job])];
}
