/** How runs are told: one document for programs, a block of lines for people. */

import { systemClock } from '../clock.ts';
import { formatBytes } from '../format/byte-size.ts';
import { formatAmount, formatCount } from '../format/counts.ts';
import { formatDurationRounded } from '../format/duration.ts';
import { shownValue } from '../format/shown-text.ts';
import type { TextLine } from '../jobs/figures/figure.ts';
import { linesOf } from '../jobs/figures.ts';
import { canBeAllowed } from '../jobs/guards/guards.ts';
import { OLDEST_LISTED } from '../jobs/job.ts';
import type { PruneReport, RemovedSession } from '../jobs/report.ts';
import { idleRules } from '../runs/idle-rules.ts';
import { type RunResult, shownFaults, summaryOfRun } from '../runs/run-result.ts';
import type { Amount } from '../trash/known-folders.ts';
import type { CommandContext } from './command.ts';
import { nothingYet } from './nothing-yet.ts';
import { localDate, renderFaces, shownProject, shownTitle, usedText } from './session-columns.ts';

/** One job of the document that `--json` prints. */
export function toDocument(result: RunResult): object {
  const { job, outcome, dryRun, startedAtMs, durationMs } = result;
  const removedSessions = pruneOf(result)?.removedSessions;
  return {
    job,
    outcome,
    dryRun,
    startedAt: new Date(startedAtMs).toISOString(),
    durationSeconds: Math.round(durationMs) / 1000,
    ...summaryOfRun(result),
    ...(removedSessions === undefined ? {} : { removedSessions }),
  };
}

/** The report of a prune that has come so far. */
export function pruneOf({ report }: Pick<RunResult, 'report'>): PruneReport | undefined {
  return report?.job === 'prune-transcripts' ? report : undefined;
}

export function renderResults(results: readonly RunResult[], context: CommandContext): string {
  const { colors, dryRun } = context;
  const blocks = results.map((result, index) => renderResult(result, results[index - 1], context));
  if (dryRun) blocks.unshift(colors.bold('Dry run: this is what would be done; nothing is changed.'));
  const nothing = nothingYet(context.resolved.config);
  if (nothing !== undefined) blocks.push(nothing);
  if (dryRun) blocks.push(...renderIdleRules(context));
  const prune = results.map(pruneOf).find((report) => (report?.removed?.sessions ?? 0) > 0);
  if (prune !== undefined) blocks.push(renderNextStep(prune, amountInTrash(results), context));
  else if (dryRun && nothing === undefined && results.some(isDoneWithNothing)) blocks.push(NOTHING_DUE);
  return blocks.join('\n\n');
}

function renderResult(result: RunResult, before: RunResult | undefined, context: CommandContext): string {
  const { colors, dryRun } = context;
  const { job, outcome, durationMs, report } = result;
  const color = outcome === 'ok' ? colors.green : outcome === 'failed' ? colors.red : colors.yellow;
  const head = `${colors.bold(job)}  ${color(outcome)}  ${(durationMs / 1000).toFixed(2)} s`;
  const isAsBefore = result.failure !== undefined && result.failure.message === before?.failure?.message;
  const faults = shownFaults(result).map(({ kind, message }) => {
    return `  ${colors.red(kind)}: ${isAsBefore ? 'as above' : message}`;
  });
  const lines = linesOf(report ?? {}, !dryRun).map((line) => renderLine(line, context));
  return [head, ...lines, ...renderHeld(result, context), ...faults, ...renderRemoved(result, context)].join('\n');
}

const LABEL_WIDTH = 10;

function renderLine({ label, text, isWarning }: TextLine, { colors }: CommandContext): string {
  const padding = ' '.repeat(Math.max(1, LABEL_WIDTH - label.length + 1));
  return `  ${isWarning ? colors.yellow(label) : label}${padding}${text}`;
}

/** What a guard says, and how to let the run go on where a word is enough for that. */
export function renderHeld({ held, allowWith }: RunResult, { colors }: CommandContext): string[] {
  return [
    ...held.map(({ guard, message }) => `  ${colors.yellow(`held by ${guard}`)}: ${message}`),
    ...(allowWith !== undefined && held.some(canBeAllowed) ? [`  if all of it is right: ${allowWith}`] : []),
  ];
}

/** The sessions themselves, as many as a person reads. */
export function renderRemoved(result: RunResult, context: CommandContext): string[] {
  const report = pruneOf(result);
  if (report?.removedSessions === undefined || report.removedSessions.length === 0) return [];
  return ['', renderGone(report, report.removedSessions, context)];
}

/** The oldest first: the top of the list is what a person doubts least. */
function renderGone(
  { listed, removed }: PruneReport,
  sessions: readonly RemovedSession[],
  { colors, io }: CommandContext,
): string {
  const shown = { nowMs: systemClock.now(), home: io.home, colors, stream: io.stdout };
  const faces = new Map(listed?.sessions.map((session) => [session.sessionId as string, session]));
  const oldestFirst = sessions.toSorted((left, right) => left.lastUsedMs - right.lastUsedMs);
  const rows = oldestFirst.slice(0, OLDEST_LISTED).map(({ sessionId, reason, lastUsedMs, bytes, project }) => {
    const face = faces.get(sessionId) ?? { shortId: sessionId, project, hasTranscript: true };
    return [
      ...[face.shortId, usedText(lastUsedMs, shown.nowMs), formatBytes(bytes), reason],
      ...[shownProject(face, io.home), shownTitle(face)],
    ];
  });
  const table = renderFaces(['ID', 'LAST USED', 'SIZE', 'WHY', 'PROJECT', 'TITLE'], rows, shown);
  const more = (removed?.sessions ?? 0) - rows.length;
  return more > 0 ? `${table}\n… and ${formatCount(more, 'more session')} (--json lists them all)` : table;
}

/** Before anything goes, it is to be seen that a rule which was to keep it does not. */
function renderIdleRules({ resolved: { config }, colors }: CommandContext): string[] {
  return idleRules(config).map((match) => {
    return `${colors.yellow('projects')}: the rule for ${shownValue(match)} matches no project that is here.`;
  });
}

/** As the last of the jobs left it: a purge comes after the prune. */
function amountInTrash(results: readonly RunResult[]): Amount {
  const amounts = results.flatMap(({ report }) => (report !== undefined && 'trash' in report ? [report.trash] : []));
  return amounts.findLast((amount) => amount !== undefined) ?? { sessions: 0, bytes: 0 };
}

const NOTHING_DUE = 'No session is due. To see what goes next: claude-session-sweeper upcoming.';

function isDoneWithNothing(result: RunResult): boolean {
  return result.outcome === 'ok' && pruneOf(result)?.removed?.sessions === 0;
}

/** What it means for the disk, and how to go on or back. */
function renderNextStep(
  { removed }: PruneReport,
  inTrash: Amount,
  { dryRun, resolved: { config } }: CommandContext,
): string {
  const keep = formatDurationRounded(config['trash.keep']);
  if (dryRun) {
    const amount = formatAmount({ sessions: removed?.sessions ?? 0, bytes: removed?.bytes ?? 0 });
    return [
      `${amount} would go to the trash, and stay there for ${keep}.`,
      'To do it, leave --dry-run out.',
      'To keep one of them: claude-session-sweeper pin ID',
      'To see why: claude-session-sweeper why ID',
    ].join('\n');
  }
  if (inTrash.sessions === 0) return 'The trash is empty.';
  const untilDate = localDate(systemClock.now() + config['trash.keep']);
  return [
    `The trash holds ${formatAmount(inTrash)}, and takes that room until it is purged.`,
    `What went now stays there until ${untilDate}, for ${keep}.`,
    'To bring one back: claude-session-sweeper trash restore ID',
    'To free the room now: claude-session-sweeper trash empty',
  ].join('\n');
}
