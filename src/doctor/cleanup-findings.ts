/** What Claude's own clean-up would delete too early: it goes by file times alone, and what it deletes is gone for good, live or not. */

import type { CleanupPeriod } from '../claude-dir/settings.ts';
import type { Config } from '../config/config.ts';
import { displayName } from '../files/byte-name.ts';
import { formatDurationRounded } from '../format/duration.ts';
import type { Finding } from './finding.ts';

export type CleanupSettings = Pick<Config, 'maxAge' | 'sessions.maxAge' | 'shield'>;

const DAY_MS = 86_400_000;
const CHECK = 'clean-up period';

export function cleanupFindings(periods: readonly CleanupPeriod[], settings: CleanupSettings): Finding[] {
  const findings = periods.flatMap((period): Finding[] => {
    const longer = keptLonger(period, settings);
    if (longer.length === 0) return pausedFindings(period);
    const when =
      period.paused === undefined ? 'deletes' : `(for now it deletes nothing: the file ${period.paused}) deletes`;
    const message = `Claude ${when} after ${period.days} days ${placeOf(period)}, and ${longer.join(', and ')}`;
    if (settings.shield) return [{ check: CHECK, level: 'notice', message }];
    return [{ check: CHECK, level: 'problem', message, advice: adviceFor(period) }];
  });
  return findings.length > 0
    ? findings
    : [{ check: CHECK, level: 'ok', message: 'longer than what is to be kept here' }];
}

/** Equal is too short: Claude deletes in the same hour, and without a trash. */
function keptLonger({ days }: CleanupPeriod, settings: CleanupSettings): string[] {
  const isLonger = (age: number | 'never') => age === 'never' || age >= days * DAY_MS;
  const rows = settings['sessions.maxAge'];
  return [
    ...(isLonger(rows) ? [`rows of the resume map live for ${inWords(rows)}`] : []),
    ...(isLonger(settings.maxAge) ? [`transcripts are to live for ${inWords(settings.maxAge)}`] : []),
  ];
}

function pausedFindings({ file, paused }: CleanupPeriod): Finding[] {
  if (file === undefined || paused === undefined) return [];
  return [
    {
      check: CHECK,
      level: 'notice',
      message: `${displayName(file)} ${paused}: Claude deletes nothing by it until somebody mends it`,
      advice: 'mend the file, and say there how long Claude is to keep what it writes',
    },
  ];
}

function placeOf({ source, file }: CleanupPeriod): string {
  return source === 'default' || file === undefined ? 'by default' : `by ${displayName(file)}`;
}

function adviceFor({ source, file }: CleanupPeriod): string {
  const shield = 'run with --shield true';
  if (source === 'managed' || source === 'server-managed')
    return `${shield}; whoever manages this machine's settings can set cleanupPeriodDays to more, and nobody else`;
  return `set cleanupPeriodDays to more, in ${file === undefined ? 'settings.json' : displayName(file)}, or ${shield}`;
}

function inWords(age: number | 'never'): string {
  return age === 'never' ? 'ever' : formatDurationRounded(age);
}
