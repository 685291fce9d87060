/** How a session is shown on a line: by what a person knows it by, cut to what the terminal holds. */

import { formatBytes } from '../format/byte-size.ts';
import { cutBeginning, cutEnd } from '../format/cut-text.ts';
import { formatDurationRounded } from '../format/duration.ts';
import { escapeControls, redacted } from '../format/shown-text.ts';
import { textWidth } from '../format/text-width.ts';
import type { ListedSession } from '../jobs/report.ts';
import { renderTable } from './table.ts';
import type { Colors, OutputStream } from './terminal.ts';

const HEADING = ['ID', 'LAST USED', 'SIZE', 'NEXT', 'PROJECT', 'TITLE'] as const;
/** Of these columns, what a narrow terminal cuts. */
const [PROJECT, TITLE] = [4, 5] as const;
const PROJECT_COLUMNS_MAX = 32;
const TITLE_COLUMNS_MIN = 24;
const BETWEEN_COLUMNS = 2;

export interface Shown {
  readonly nowMs: number;
  readonly home: string;
  readonly colors: Colors;
  readonly stream: OutputStream;
}

export function renderSessions(sessions: readonly ListedSession[], { nowMs, home, colors, stream }: Shown): string {
  const rows = sessions.map((session) => [
    session.shortId,
    `${localDate(session.lastUsedMs)} ${ageText(session.lastUsedMs, nowMs)}`,
    formatBytes(session.bytes),
    nextText(session, nowMs),
    shownProject(session, home),
    shownTitle(session),
  ]);
  return renderTable(HEADING, fitted(rows, stream), colors, [2]);
}

/** What is piped is never cut. */
function fitted(rows: readonly string[][], { isTTY, columns }: OutputStream): readonly string[][] {
  if (isTTY !== true || !columns) return rows;
  const narrow = rows.map((row) => row.with(PROJECT, cutBeginning(row[PROJECT] ?? '', PROJECT_COLUMNS_MAX)));
  const taken = HEADING.slice(0, TITLE).reduce((sum, title, column) => {
    const widest = narrow.reduce((width, row) => Math.max(width, textWidth(row[column] ?? '')), title.length);
    return sum + widest + BETWEEN_COLUMNS;
  }, 0);
  const left = Math.max(TITLE_COLUMNS_MIN, columns - taken);
  return narrow.map((row) => row.with(TITLE, cutEnd(row[TITLE] ?? '', left)));
}

/** What the next prune makes of it, and until when that is so. */
export function nextText({ isGoing, reason, goesAtMs }: ListedSession, nowMs: number): string {
  if (isGoing) return `goes: ${reason}`;
  if (goesAtMs === undefined) return `stays: ${reason}`;
  return `stays ${formatDurationRounded(Math.max(0, goesAtMs - nowMs))} more`;
}

export function shownTitle({ title, hasTranscript }: Pick<ListedSession, 'title' | 'hasTranscript'>): string {
  if (title === undefined) return hasTranscript ? '(no title)' : '(left over; its transcript is gone)';
  return redacted(escapeControls(title));
}

/** By its real path, with `~` for the home directory; by the directory's own name where no entry tells the path. */
export function shownProject({ workingDirectory, project }: ListedSession, home: string): string {
  if (workingDirectory === undefined) return project ?? '-';
  const isInHome = workingDirectory === home || workingDirectory.startsWith(`${home}/`);
  return redacted(escapeControls(isInHome ? `~${workingDirectory.slice(home.length)}` : workingDirectory));
}

export function localDate(timeMs: number): string {
  const date = new Date(timeMs);
  if (Number.isNaN(date.getTime())) return '?';
  const [month, day] = [date.getMonth() + 1, date.getDate()].map((number) => String(number).padStart(2, '0'));
  return `${date.getFullYear()}-${month}-${day}`;
}

function ageText(timeMs: number, nowMs: number): string {
  return Number.isFinite(timeMs) && timeMs <= nowMs ? formatDurationRounded(nowMs - timeMs) : '';
}
