/** After a run by hand: the metrics for a node_exporter, where the configuration asks for them. No run fails by it. */

import { systemClock } from '../clock.ts';
import { errorMessage, OperatingError } from '../errors.ts';
import { shownText } from '../format/shown-text.ts';
import type { MetricValue } from '../jobs/figures.ts';
import { Ledger } from '../ledger/ledger.ts';
import { openResumeMapForReading } from '../live-sources/open-sources.ts';
import { type ResumeTotals, resumeTotalsOf } from '../runs/figures-registry.ts';
import { HostLook, ledgerBegun } from '../runs/host-metrics.ts';
import type { CommandContext } from './command.ts';

export async function writeTextfile(context: CommandContext): Promise<void> {
  const { config } = context.resolved;
  const path = config['metrics.textfile'];
  if (path === 'off' || context.dryRun) return;
  try {
    const { replaceTextfile, textfileContent } = await import('../runs/textfile.ts');
    const figures = [...ledgerFigures(config.stateDir), ...(await new HostLook().figures(config))];
    replaceTextfile(path, await textfileContent(figures, await resumeTotals(context)));
  } catch (error) {
    const message = shownText(`write ${path}: ${errorMessage(error)}`);
    context.log.warn({ err: error, path }, 'metrics could not be written');
    // There, the log is silent.
    const { stderr } = context.io;
    if (stderr.isTTY) stderr.write(`claude-session-sweeper: ${message}; the run is done all the same\n`);
  }
}

/** @throws OperatingError where it cannot be read: old figures are better than none that are made up */
function ledgerFigures(stateDir: string): readonly MetricValue[] {
  const ledger = Ledger.openForReading(stateDir);
  try {
    return ledger === undefined ? [] : [...ledger.metrics(), ...ledgerBegun(ledger.clockHistory()?.sinceMs)];
  } finally {
    ledger?.close();
  }
}

async function resumeTotals({ resolved: { config }, log }: CommandContext): Promise<ResumeTotals | undefined> {
  try {
    const map = await openResumeMapForReading(config, systemClock);
    try {
      return await resumeTotalsOf(map);
    } finally {
      await map.close();
    }
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    log.warn({ err: error }, 'metrics are written without those of the resume map');
    return undefined;
  }
}
