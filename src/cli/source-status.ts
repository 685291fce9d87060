/** How the live sources stand, for `status`: each by its name, whom it names, what it alone protects, and when it last answered. */

import type { Config } from '../config/config.ts';
import { OperatingError } from '../errors.ts';
import type { SourceFigure } from '../jobs/figures/live-sources.ts';
import { Ledger } from '../ledger/ledger.ts';
import type { RunResult } from '../runs/run-result.ts';
import type { CommandContext } from './command.ts';
import { pruneOf } from './run-output.ts';
import { renderTable } from './table.ts';
import { formatAge } from './terminal.ts';

export interface SourceStatus extends SourceFigure {
  readonly source: string;
  /** Unix epoch ms; by now, or as runs have written it down. */
  readonly lastAnswerMs: number | undefined;
}

const LAST_ANSWER = 'live_source_last_answer_timestamp_seconds';

/** @param prune as it was foreseen: it has asked all of them */
export function sourceStatuses(prune: RunResult, config: Pick<Config, 'stateDir'>): readonly SourceStatus[] {
  const lastAnswers = readLastAnswers(config);
  return Object.entries(pruneOf(prune)?.sources ?? {}).map(([source, figure]) => {
    return { source, ...figure, lastAnswerMs: figure.answeredAtMs ?? lastAnswers.get(source) };
  });
}

export function sourceDocument({ source, isUp, ids, onlyIts, lastAnswerMs }: SourceStatus): object {
  const lastAnswerAt = lastAnswerMs === undefined ? null : new Date(lastAnswerMs);
  return { source, up: isUp, ids, onlyProtects: onlyIts ?? null, lastAnswerAt };
}

/** Where a host has named none and all of those answer that are always there, there is nothing to show. */
export function renderSources(
  statuses: readonly SourceStatus[],
  { resolved: { config }, colors }: Pick<CommandContext, 'resolved' | 'colors'>,
  nowMs: number,
): string | undefined {
  if (config.sources.length === 0 && statuses.every(({ isUp }) => isUp)) return undefined;
  const rows = statuses.map(({ source, isUp, ids, onlyIts, lastAnswerMs }) => [
    source,
    isUp ? colors.green('up') : colors.red('down'),
    isUp ? String(ids) : '',
    onlyIts === undefined ? '' : String(onlyIts),
    lastAnswerMs === undefined ? 'never' : formatAge(lastAnswerMs, nowMs),
  ]);
  return renderTable(['SOURCE', 'STATE', 'NAMES', 'ALONE', 'LAST ANSWER'], rows, colors, [2, 3]);
}

function readLastAnswers({ stateDir }: Pick<Config, 'stateDir'>): ReadonlyMap<string, number> {
  try {
    const ledger = Ledger.openForReading(stateDir);
    try {
      const answers = (ledger?.metrics() ?? []).filter(({ name }) => name === LAST_ANSWER);
      return new Map(answers.map(({ label, value }) => [label, value * 1_000]));
    } finally {
      ledger?.close();
    }
  } catch (error) {
    // That it cannot be read, the prune that was foreseen says.
    if (!(error instanceof OperatingError)) throw error;
    return new Map();
  }
}
