/** Looks at Claude's own records of who is at work and what is pinned: which of them protect, for how long, and which may be deleted. */

import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { JOBS } from '../claude-dir/job-records.ts';
import { UNCHECKED_PROTECTS_MS } from '../claude-dir/process-records.ts';
import type { Clock } from '../clock.ts';
import { errorMessage } from '../errors.ts';
import { displayName } from '../files/byte-name.ts';
import { formatDurationExact } from '../format/duration.ts';
import { shellWord } from '../format/shell-word.ts';
import { PinsReading } from '../live-sources/claude-pins.ts';
import { type FoundRecord, ProcessReading, SESSIONS } from '../live-sources/process-reading.ts';
import { kernelProcessTable } from '../process/process-table.ts';
import type { Finding } from './finding.ts';

/** The releases of Claude Code whose records this program was held against. */
const KNOWN_VERSIONS = /^2\.1\./;
const EXAMPLES_MAX = 3;
/** A person looks a command over before running it. */
const PATHS_IN_COMMAND_MAX = 20;
const PROTECTS_FOR = formatDurationExact(UNCHECKED_PROTECTS_MS);

export function recordFindings({ home: root, path }: ClaudeDir, clock: Clock): Finding[] {
  return [
    ...processFindings(path, new ProcessReading(root, kernelProcessTable(clock), clock, Number.POSITIVE_INFINITY)),
    pinFinding(path, new PinsReading(root, path, clock)),
  ];
}

function processFindings(path: string, reading: ProcessReading): Finding[] {
  const check = 'process records';
  let found: FoundRecord[];
  try {
    found = reading.read();
  } catch (error) {
    const message = `cannot be read, so nothing is removed: ${errorMessage(error)}`;
    const [sessions, jobs] = [SESSIONS, JOBS].map((name) => wordOf(path, name));
    return [
      { check, level: 'problem', message, advice: `make ${sessions} and ${jobs} directories that this user can read` },
    ];
  }
  const [records, others] = [found.filter(isOfProcess), found.filter((record) => !isOfProcess(record))];
  return [
    ...unnamedFindings(path, found),
    ...staleFindings(path, records),
    ...uncheckedFindings(path, records),
    jobFinding(path, others),
    ...formFindings(path, found),
  ];
}

function isOfProcess({ place }: FoundRecord): boolean {
  return place.startsWith(`${SESSIONS}/`);
}

function unnamedFindings(path: string, found: readonly FoundRecord[]): Finding[] {
  const unnamed = found.flatMap(({ place, verdict }) => (verdict.kind === 'unnamed' ? [{ place, verdict }] : []));
  if (unnamed.length === 0) return [];
  const sinceMs = unnamed.reduce((earliest, { verdict }) => Math.min(earliest, verdict.sinceMs), Number.MAX_VALUE);
  const which = Number.isFinite(sinceMs)
    ? `all that was written since ${new Date(sinceMs).toISOString()}`
    : 'everything';
  return [
    {
      check: 'process records',
      level: 'problem',
      message: `${unnamed.length} do not say which session their process is at work on, so ${which} stays: ${examples(path, unnamed)}`,
      advice: `if what runs under that pid (the file's name) is Claude, end it; then ${removal(path, unnamed)}`,
    },
  ];
}

function staleFindings(path: string, records: readonly FoundRecord[]): Finding[] {
  const check = 'process records';
  const stale = records.filter(({ verdict }) => verdict.kind === 'stale');
  if (stale.length === 0) return [{ check, level: 'ok', message: 'none that has had its time' }];
  const reasons = new Map<string, number>();
  for (const { verdict } of stale) {
    if (verdict.kind === 'stale') reasons.set(verdict.reason, (reasons.get(verdict.reason) ?? 0) + 1);
  }
  const why = Array.from(reasons, ([reason, count]) => `${count} since ${reason}`).join(', ');
  return [
    {
      check,
      level: 'notice',
      message: `${stale.length} are stale and protect nothing any more (${why}): ${examples(path, stale)}`,
      advice: removal(path, stale),
    },
  ];
}

function uncheckedFindings(path: string, records: readonly FoundRecord[]): Finding[] {
  const unchecked = records.filter(({ verdict }) => verdict.kind === 'unchecked');
  if (unchecked.length === 0) return [];
  return [
    {
      check: 'process records',
      level: 'notice',
      message: `${unchecked.length} are of other machines or containers: what they name stays until ${PROTECTS_FOR} after they were written, the last until ${lastUntil(unchecked)}: ${examples(path, unchecked)}`,
      advice: `once those containers are gone: ${removal(path, unchecked)}`,
    },
  ];
}

function jobFinding(path: string, others: readonly FoundRecord[]): Finding {
  const ofKind = (kind: FoundRecord['verdict']['kind']) => others.filter(({ verdict }) => verdict.kind === kind);
  const [running, unchecked, stale] = [ofKind('running'), ofKind('unchecked'), ofKind('stale')];
  const until = `until ${PROTECTS_FOR} after they were last written, the last until ${lastUntil(unchecked)}`;
  const parts = [
    ...(running.length === 0 ? [] : [`${running.length} at work`]),
    ...(unchecked.length === 0 ? [] : [`${unchecked.length} unfinished, whose sessions stay ${until}`]),
    ...(stale.length === 0
      ? []
      : [`${stale.length} never ended and protect nothing any more: ${examples(path, stale)}`]),
  ];
  return {
    check: 'background jobs',
    level: 'ok',
    message: parts.length === 0 ? 'none is unfinished' : parts.join('; '),
  };
}

/** What another release of Claude, or another program, writes. */
function formFindings(path: string, found: readonly FoundRecord[]): Finding[] {
  // What protects nothing any more is told as that.
  const odd = found.filter(({ isUnderstood, verdict }) => isUnderstood === false && verdict.kind !== 'stale');
  const versions = new Set(found.flatMap(({ version }) => version ?? []));
  const unknown = [...versions].filter((version) => !KNOWN_VERSIONS.test(version)).map(displayName);
  return [
    ...(odd.length === 0
      ? []
      : [
          {
            check: 'form of the records',
            level: 'notice' as const,
            message: `${odd.length} are damaged or of a form that is not known here, and count as at work: ${examples(path, odd)}`,
            advice: 'look at them, and for a newer release of this program',
          },
        ]),
    ...(unknown.length === 0
      ? []
      : [
          {
            check: 'version of Claude',
            level: 'notice' as const,
            message: `${unknown.slice(0, EXAMPLES_MAX).join(', ')} is not known to this release: what it does not recognise stays`,
            advice: 'look at a dry run before the next prune, and for a newer release of this program',
          },
        ]),
  ];
}

function pinFinding(path: string, reading: PinsReading): Finding {
  const check = "Claude's pins";
  try {
    const { prefixes, odd } = reading.read();
    const pinned = `${prefixes.length} jobs are pinned, and their sessions stay until they are unpinned there`;
    if (odd === 0) return { check, level: 'ok', message: prefixes.length === 0 ? 'no job is pinned' : pinned };
    return {
      check,
      level: 'notice',
      message: `${odd} entries mean nothing to Claude; ${pinned}`,
      advice: `look at ${wordOf(path, `${JOBS}/pins.json`)}, and pin with the command pin what was meant`,
    };
  } catch (error) {
    return { check, level: 'problem', message: `${errorMessage(error)}; until then nothing is removed` };
  }
}

function lastUntil(records: readonly FoundRecord[]): string {
  const lastMs = records.reduce((last, { verdict }) => {
    return verdict.kind === 'unchecked' ? Math.max(last, verdict.untilMs) : last;
  }, 0);
  return new Date(lastMs).toISOString();
}

function examples(path: string, records: readonly FoundRecord[]): string {
  const shown = records.slice(0, EXAMPLES_MAX).map(({ place }) => `${displayName(path)}/${displayName(place)}`);
  return records.length > shown.length ? `${shown.join(', ')}, …` : shown.join(', ');
}

/** The command that clears them. */
function removal(path: string, records: readonly FoundRecord[]): string {
  const words = records.slice(0, PATHS_IN_COMMAND_MAX).map(({ place }) => wordOf(path, place));
  const more =
    records.length > words.length ? `, and so on: doctor then names the other ${records.length - words.length}` : '';
  return `rm ${words.join(' ')}${more}`;
}

function wordOf(path: string, place: string): string {
  return shellWord(`${Buffer.from(path, 'utf8').toString('latin1')}/${place}`);
}
