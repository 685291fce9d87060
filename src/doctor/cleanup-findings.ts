/** What Claude's own clean-up would delete too early: it goes by file times alone, and what it deletes is gone for good, live or not. */

import { type CleanupPeriod, shortestOf, ZERO_PERIOD } from '../claude-dir/cleanup-period.ts';
import type { Config } from '../config/config.ts';
import { displayName } from '../files/byte-name.ts';
import { formatDurationRounded } from '../format/duration.ts';
import type { Exposure } from '../jobs/exposed.ts';
import type { Finding } from './finding.ts';

export type CleanupSettings = Pick<Config, 'maxAge' | 'projects' | 'sessions.maxAge' | 'shield'>;

export interface CleanupView {
  /** Every period that a run of Claude may go by; at least one. */
  readonly periods: readonly CleanupPeriod[];
  readonly settings: CleanupSettings;
  /** By the plan of the next prune; or why it cannot be told. */
  readonly exposure: Exposure | { readonly unknown: string };
  /** When the last prune began that came to its end, Unix epoch ms. */
  readonly lastPruneMs: number | undefined;
  readonly nowMs: number;
}

const DAY_MS = 86_400_000;
/** A prune looks once a day: it takes a period that is longer by as much for ours to come first. */
const AHEAD_MS = DAY_MS;
/** Two daily prunes have not come: the shield has slipped for good, and there are days left to do something. */
const STALE_MS = 2.5 * DAY_MS;

export function cleanupFindings(view: CleanupView): readonly Finding[] {
  return [...pausedFindings(view), periodFinding(view), exposureFinding(view), ...shieldFindings(view)];
}

/** Equal is too short: Claude deletes in the same hour, and without a trash. */
function periodFinding({ periods, settings, exposure }: CleanupView): Finding {
  const check = 'clean-up period';
  const period = shortestOf(periods);
  const isLonger = (age: number | 'never') => age === 'never' || age + AHEAD_MS > period.days * DAY_MS;
  const rows = settings['sessions.maxAge'];
  const ages = [settings.maxAge, ...settings.projects.flatMap(({ maxAge }) => maxAge ?? [])];
  const longest = ages.includes('never') ? 'never' : Math.max(...ages.map(Number));
  const longer = [
    ...(isLonger(rows) ? [`rows of the resume map live for ${inWords(rows)}`] : []),
    ...(isLonger(longest) ? [`transcripts are to live for ${inWords(longest)}`] : []),
  ];
  const isForEver = period.days >= FOR_EVER_DAYS;
  if (longer.length === 0 || isForEver)
    return { check, level: 'ok', message: `${period.days} days ${placeOf(period)}` };
  const message = `Claude deletes after ${period.days} days ${placeOf(period)}, and ${longer.join(', and ')}`;
  // What is exposed by it is told with its remedy below, and what the shield keeps is no problem.
  const isLeftTo = 'sessions' in exposure && exposure.sessions > 0;
  const isKept = isShielded(settings, isLonger);
  if (isLeftTo || isKept) return { check, level: 'notice', message };
  return { check, level: 'problem', message, advice: adviceFor(period, settings, isLonger(rows) ? 1 : 0) };
}

/** From here on nothing that is there can come near the limit in the life of a program. */
const FOR_EVER_DAYS = 3_650;

/** Whether all that lives for too long is what the shield is held over: what is to be kept for ever is wanted. */
function isShielded(
  { shield, maxAge, projects }: CleanupSettings,
  isLonger: (age: number | 'never') => boolean,
): boolean {
  if (shield !== 'wanted') return shield === 'all';
  return ![maxAge, ...projects.flatMap((project) => project.maxAge ?? [])].some(
    (age) => age !== 'never' && isLonger(age),
  );
}

function exposureFinding({ periods, settings, exposure }: CleanupView): Finding {
  const check = 'exposed sessions';
  if ('unknown' in exposure) {
    return {
      check,
      level: 'problem',
      message: `it cannot be told what Claude's own clean-up would take: ${exposure.unknown}`,
      advice: 'mend that first',
    };
  }
  const { sessions, wanted, byReason, oldest, fromMs, shielded } = exposure;
  if (sessions === 0) {
    const kept = shielded === 0 ? '' : `; the shield keeps ${shielded} from it`;
    return { check, level: 'ok', message: `Claude's own clean-up comes for none that is kept here${kept}` };
  }
  const why = Object.entries(byReason).map(([reason, count]) => `${count} ${reason}`);
  return {
    check,
    level: 'problem',
    message:
      `Claude's own clean-up deletes ${sessions} that are kept here (${why.join(', ')}), for good: ` +
      `the oldest is ${oldest?.sessionId}, last written ${dateOf(oldest?.writtenAtMs)}; the first goes when Claude starts after ${timeOf(fromMs)}`,
    advice: adviceFor(shortestOf(periods), settings, wanted, exposure),
  };
}

function shieldFindings({ exposure, lastPruneMs, nowMs }: CleanupView): Finding[] {
  if ('unknown' in exposure || exposure.shielded === 0) return [];
  if (lastPruneMs !== undefined && nowMs - lastPruneMs <= STALE_MS) return [];
  const since = lastPruneMs === undefined ? 'has run yet' : `has run since ${timeOf(lastPruneMs)}`;
  return [
    {
      check: 'shield',
      level: 'problem',
      message: `only the shield keeps ${exposure.shielded} sessions from Claude's own clean-up, each prune holds it anew, and none ${since}; without it, the first goes after ${timeOf(exposure.shieldedUntilMs)}`,
      advice: 'let the daemon or the timer run, or run adopt, which needs neither',
    },
  ];
}

/** Settings that stop the clean-up say nothing for good: whoever mends them starts it again. */
function pausedFindings({ periods }: CleanupView): Finding[] {
  return periods.flatMap(({ file, days, paused }): Finding[] => {
    if (file === undefined || paused === undefined) return [];
    const isZero = paused === ZERO_PERIOD;
    return [
      {
        check: 'clean-up settings',
        level: isZero ? 'problem' : 'notice',
        message: `${displayName(file)} ${paused}; known releases of Claude delete nothing by it until somebody mends it, and then what is older than ${days} days`,
        advice: isZero ? 'run adopt, which sets a long period instead' : 'mend the file, or run adopt',
      },
    ];
  });
}

/** What would help, the surest first. @param wanted how many of those exposed somebody has asked for */
function adviceFor(
  period: CleanupPeriod,
  { shield }: CleanupSettings,
  wanted: number,
  { sessions = wanted, unshieldable = 0, notYetShielded = 0 }: Partial<Exposure> = {},
): string {
  const others = sessions - wanted;
  const isOff = shield === 'off' && wanted > 0;
  return [
    remedyOf(period),
    ...(notYetShielded > 0 ? ['prune now (--run-now), which holds the shield over what is wanted'] : []),
    ...(isOff ? ['shield what is wanted (--shield wanted)'] : []),
    ...(shield !== 'all' && (others > 0 || wanted === 0)
      ? [
          `shield all that stays (--shield all), or keep it for ${Math.max(1, period.days - 1)}d at the most (--max-age)`,
        ]
      : []),
    ...(unshieldable > 0
      ? [`${unshieldable} cannot be shielded: something in them is not ours to touch, see below`]
      : []),
  ].join('; or ');
}

function remedyOf({ source, file }: CleanupPeriod): string {
  if (source === 'user' || source === 'default') return 'run adopt, so that Claude leaves the deleting to this program';
  const where = displayName(file ?? '');
  if (source === 'project') return `set cleanupPeriodDays to more in ${where}: runs in that project delete for all`;
  return `have cleanupPeriodDays set to more in ${where}, by whoever manages it`;
}

function placeOf({ source, file }: CleanupPeriod): string {
  return source === 'default' || file === undefined ? 'by default' : `by ${displayName(file)}`;
}

function inWords(age: number | 'never'): string {
  return age === 'never' ? 'ever' : formatDurationRounded(age);
}

function dateOf(timeMs = Number.NaN): string {
  return Number.isNaN(timeMs) ? '?' : new Date(timeMs).toISOString().slice(0, 10);
}

function timeOf(timeMs = Number.NaN): string {
  return Number.isNaN(timeMs) ? '?' : `${new Date(timeMs).toISOString().slice(0, 16)}Z`;
}
