/** `adopt`: takes Claude's own clean-up over by its own setting, and gives it back. Shows what would change, and asks first. */

import {
  ADOPTED_DAYS,
  type AdoptionPlan,
  planAdoption,
  planReturn,
  type SettingsChange,
  type Unchanged,
} from '../claude-dir/adoption.ts';
import { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { type CleanupPeriod, cleanupPeriods } from '../claude-dir/cleanup-period.ts';
import { errorMessage, OperatingError } from '../errors.ts';
import { type ErrorKind, EXIT_CODES } from '../exit-codes.ts';
import { requireAnchoring } from '../files/anchoring.ts';
import { displayName } from '../files/byte-name.ts';
import { escapeControls } from '../format/shown-text.ts';
import { askOnTerminal } from './ask.ts';
import type { CommandContext } from './command.ts';

export interface AdoptOptions {
  /** Gives the clean-up back instead. */
  readonly undo: boolean;
  /** Does not ask. */
  readonly yes: boolean;
}

/** What is planned, or has come of it, for one Claude directory. */
interface Planned {
  readonly claudeDir: ClaudeDir;
  readonly plan: AdoptionPlan;
}

interface Failed {
  readonly path: string;
  readonly error: OperatingError;
}

export async function runAdopt(context: CommandContext, options: AdoptOptions): Promise<number> {
  requireAnchoring();
  const opened: ClaudeDir[] = [];
  try {
    const { planned, failed } = planAll(context, options, opened);
    const changes = planned.filter(({ plan }) => typeof plan !== 'string');
    if (!context.json) for (const one of planned) tellPlan(context, one, options);
    if (!context.dryRun && changes.length > 0 && !(await mayWrite(context, options))) {
      context.io.stdout.write('Nothing was changed.\n');
      return EXIT_CODES.ok;
    }
    const done = context.dryRun ? [] : carryOut(changes, failed);
    return conclude(context, options, { planned, done, failed });
  } finally {
    for (const claudeDir of opened) claudeDir.close();
  }
}

/** One directory whose settings cannot be understood does not hold up the others. */
function planAll({ resolved: { config } }: CommandContext, { undo }: AdoptOptions, opened: ClaudeDir[]) {
  const planned: Planned[] = [];
  const failed: Failed[] = [];
  for (const path of config.claudeDir) {
    try {
      const claudeDir = ClaudeDir.open(path);
      opened.push(claudeDir);
      planned.push({ claudeDir, plan: undo ? planReturn(claudeDir) : planAdoption(claudeDir) });
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      failed.push({ path, error });
    }
  }
  return { planned, failed };
}

/** @returns the directories whose settings were changed */
function carryOut(changes: readonly Planned[], failed: Failed[]): ClaudeDir[] {
  return changes.flatMap(({ claudeDir, plan }) => {
    try {
      if (typeof plan !== 'string') plan.carryOut();
      return [claudeDir];
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      failed.push({ path: claudeDir.path, error });
      return [];
    }
  });
}

async function mayWrite(context: CommandContext, { yes }: AdoptOptions): Promise<boolean> {
  return yes || askOnTerminal(context, 'Write this?', 'adopt: say --yes, or --dry-run to look only');
}

const UNCHANGED: Readonly<Record<Unchanged, string>> = {
  'as-wanted': 'says so already: Claude deletes nothing by it',
  'never-adopted': 'was never changed by this program',
  'changed-since': 'was changed by somebody else since, and stays as it is',
};

function tellPlan(
  { io: { stdout }, colors }: CommandContext,
  { claudeDir, plan }: Planned,
  { undo }: AdoptOptions,
): void {
  if (typeof plan === 'string') {
    stdout.write(`${displayName(claudeDir.path)}/settings.json ${UNCHANGED[plan]}.\n`);
    return;
  }
  const { file, line, before, after, makes, removes } = plan;
  const what = makes ? ' (is made)' : removes ? ' (goes: it was made by adopt)' : `, line ${line}`;
  stdout.write(`${displayName(file)}${what}\n`);
  if (before !== undefined) stdout.write(colors.red(`- "cleanupPeriodDays": ${escapeControls(before)}\n`));
  if (after !== undefined) stdout.write(colors.green(`+ "cleanupPeriodDays": ${escapeControls(after)}\n`));
  if (!undo) {
    stdout.write(
      'From then on Claude itself deletes nothing here: sessions go into the trash, by the settings of this program.\n' +
        'What else Claude cleans up (shell snapshots, plans, pasted text, telemetry, logs) stays as well.\n',
    );
  }
}

interface Outcome {
  readonly planned: readonly Planned[];
  readonly done: readonly ClaudeDir[];
  readonly failed: readonly Failed[];
}

function conclude(context: CommandContext, { undo }: AdoptOptions, { planned, done, failed }: Outcome): number {
  const { io, json, dryRun } = context;
  const whole = planned.filter(({ claudeDir }) => !failed.some(({ path }) => path === claudeDir.path));
  const shorter = undo ? [] : planned.flatMap(({ claudeDir }) => shorterThanAdopted(claudeDir.path));
  if (json) {
    const directories = whole.map((one) => toDocument(one, dryRun));
    const failures = failed.map(({ path, error }) => ({ claudeDir: path, outcome: 'failed', error: error.message }));
    io.stdout.write(`${JSON.stringify({ claudeDirs: [...directories, ...failures], shorter })}\n`);
  } else {
    for (const { claudeDir, plan } of planned) if (done.includes(claudeDir)) tellDone(context, plan, undo);
    for (const period of shorter) io.stdout.write(`${toldShorter(period)}\n`);
    if (!undo) for (const one of whole) tellPaused(context, one);
    if (!undo) io.stdout.write(`${WITHOUT_USER_SETTINGS}\n`);
    for (const { error } of failed) io.stderr.write(`claude-session-sweeper: ${errorMessage(error)}\n`);
  }
  return exitCodeOf(
    failed.map(({ error }) => error.kind),
    planned,
    shorter,
  );
}

function exitCodeOf(
  kinds: readonly ErrorKind[],
  planned: readonly Planned[],
  shorter: readonly CleanupPeriod[],
): number {
  const [kind] = kinds;
  if (kind !== undefined) return kinds.every((one) => one === kind) ? EXIT_CODES[kind] : EXIT_CODES.io;
  if (planned.length > 0 && planned.every(({ plan }) => plan === 'never-adopted')) return EXIT_CODES['bad-data'];
  return shorter.length > 0 ? EXIT_CODES.problems : EXIT_CODES.ok;
}

/** What goes before the user's settings in some runs or in all, and is shorter. */
function shorterThanAdopted(claudeDir: string): CleanupPeriod[] {
  const overruling = cleanupPeriods(claudeDir).filter(({ source }) => source !== 'user' && source !== 'default');
  return overruling.filter(({ days }) => days < ADOPTED_DAYS);
}

const WITHOUT_USER_SETTINGS =
  'Runs that load no user settings (--setting-sources, settingSources: []) do not see this setting. Known releases of Claude delete\n' +
  'nothing in them, unless a project or --settings names a period; what is wanted, the shield keeps from those too.';

function toldShorter({ source, file, days }: CleanupPeriod): string {
  const where = displayName(file ?? '');
  if (source === 'project')
    return `Runs in one project still delete after ${days} days, for all: change it in ${where}.`;
  const who = source === 'managed' ? 'this machine' : 'your organisation';
  return `It is overruled: by ${where} Claude deletes after ${days} days. Whoever manages ${who} can change that; until then, shield what is to stay.`;
}

function tellPaused({ io: { stdout } }: CommandContext, { claudeDir }: Planned): void {
  for (const { source, file, paused } of cleanupPeriods(claudeDir.path)) {
    if (source !== 'user' || file === undefined || paused === undefined) continue;
    stdout.write(
      `Claude does not take ${displayName(file)} as it is: it ${paused}. Until somebody mends it, Claude deletes nothing by it.\n`,
    );
  }
}

function tellDone({ io: { stdout } }: CommandContext, plan: AdoptionPlan, undo: boolean): void {
  if (typeof plan === 'string') return;
  const { file, backup } = plan;
  const kept = backup === undefined ? '' : `; as it was: ${displayName(backup)}`;
  stdout.write(
    undo ? `Given back: ${displayName(file)}\n` : `Adopted: ${displayName(file)}${kept}; adopt --undo takes it back\n`,
  );
}

function toDocument({ claudeDir, plan }: Planned, dryRun: boolean): object {
  if (typeof plan === 'string') return { claudeDir: claudeDir.path, outcome: plan };
  const { carryOut: _, ...change }: SettingsChange = plan;
  return { claudeDir: claudeDir.path, outcome: dryRun ? 'planned' : 'done', ...change };
}
