/** No command, on a terminal: how things are, and what to type next. Looks only. */

import { systemClock } from '../clock.ts';
import { sharedStoreName } from '../config/store-settings.ts';
import { displayName } from '../files/byte-name.ts';
import { formatBytes } from '../format/byte-size.ts';
import { formatAmount } from '../format/counts.ts';
import { Ledger } from '../ledger/ledger.ts';
import { createLogger } from '../log.ts';
import { packageVersion } from '../process/version.ts';
import { shownFaults } from '../runs/run-result.ts';
import type { CommandContext } from './command.ts';
import { nothingYet } from './nothing-yet.ts';
import { exitCodeOf, runJobs } from './run.ts';
import { pruneOf, renderHeld } from './run-output.ts';
import { formatAge } from './terminal.ts';

export async function showOverview(context: CommandContext): Promise<number> {
  const { io, resolved, colors } = context;
  const [prune] = await runJobs({ ...context, dryRun: true, log: createLogger('silent') }, ['prune-transcripts']);
  if (prune === undefined) return exitCodeOf([], true);
  const { observed, removed, trash } = pruneOf(prune) ?? {};
  const { claudeDir, 'sessions.store': stores, 'sessions.sharedStores': shared } = resolved.config;
  const places = [...claudeDir, ...stores, ...shared.map(sharedStoreName)].map(displayName).join(', ');
  const nothing = prune.failure === undefined ? nothingYet(resolved.config) : undefined;
  const goingSessions = removed?.sessions ?? 0;
  const lines = [
    `${colors.bold(`claude-session-sweeper ${packageVersion()}`)} looks after ${places}`,
    '',
    ...(observed === undefined || nothing !== undefined
      ? []
      : [
          `  here            ${formatAmount(observed)}, ${formatBytes(observed.diskBytes)} of the disk`,
          `  next run takes  ${formatAmount(removed ?? { sessions: 0, bytes: 0 })}, by what is in force`,
          `  in the trash    ${formatAmount(trash ?? { sessions: 0, bytes: 0 })}`,
        ]),
    ...(nothing === undefined ? [`  last run        ${lastRun(context)}`] : [`  ${nothing}`]),
    ...renderHeld(prune, context),
    ...shownFaults(prune).map(({ kind, message }) => `  ${colors.yellow(kind)}: ${message}`),
    '',
    'What to type next:',
    ...nextSteps(goingSessions, trash?.sessions ?? 0).map(
      ([command, text]) => `  claude-session-sweeper ${command.padEnd(COMMAND_WIDTH)}${text}`,
    ),
  ];
  io.stdout.write(`${lines.join('\n')}\n`);
  return prune.outcome === 'held' ? exitCodeOf([], false) : exitCodeOf([prune], io.shutdown.aborted);
}

const COMMAND_WIDTH = 15;

function nextSteps(goingSessions: number, trashed: number): readonly (readonly [command: string, text: string])[] {
  return [
    ...(goingSessions > 0
      ? ([
          ['run --dry-run', 'shows what would go, and changes nothing'],
          ['run', 'does it; it can be undone'],
        ] as const)
      : ([['list', 'conversations, and what becomes of each']] as const)),
    ...(trashed > 0 ? ([['trash list', 'what lies in the trash, and until when']] as const) : []),
    ['daemon', 'does it each day, and serves metrics'],
    ['help', 'all commands'],
  ];
}

function lastRun({ resolved: { config } }: CommandContext): string {
  const ledger = Ledger.openForReading(config.stateDir);
  try {
    const last = ledger?.lastRun('prune-transcripts');
    return last === undefined ? 'never' : `${last.outcome}, ${formatAge(last.startedAtMs, systemClock.now())}`;
  } finally {
    ledger?.close();
  }
}
