/** How a session is shown on a line: by what a person knows it by, cut to what the terminal holds. */

import { formatBytes } from '../format/byte-size.ts';
import { cutBeginning, cutEnd } from '../format/cut-text.ts';
import { formatDurationRounded } from '../format/duration.ts';
import { escapeControls, redacted } from '../format/shown-text.ts';
import { textWidth } from '../format/text-width.ts';
import type { ListedSession } from '../jobs/report.ts';
import type { KnownSession } from '../runs/session-index.ts';
import { renderTable } from './table.ts';
import type { Colors, OutputStream } from './terminal.ts';

const PROJECT_COLUMNS_MAX = 32;
/** A title has so many before a project is cut for it. */
const TITLE_COLUMNS_WANTED = 24;
/** Narrower than this, neither tells anything: then lines are longer than the terminal is wide. */
const FACE_COLUMNS_MIN = 10;
const PROJECT_SHARE = 0.4;
const BETWEEN_COLUMNS = 2;

export interface Shown {
  readonly nowMs: number;
  readonly home: string;
  readonly colors: Colors;
  readonly stream: OutputStream;
}

export function renderSessions(sessions: readonly ListedSession[], shown: Shown): string {
  const rows = sessions.map((session) => [
    session.shortId,
    usedText(session.lastUsedMs, shown.nowMs),
    formatBytes(session.bytes),
    nextText(session, shown.nowMs),
    shownProject(session, shown.home),
    shownTitle(session),
  ]);
  return renderFaces(['ID', 'LAST USED', 'SIZE', 'NEXT', 'PROJECT', 'TITLE'], rows, shown);
}

/** @param rows with project and title in the last two columns, which a narrow terminal cuts, and sizes under their heading */
export function renderFaces(heading: readonly string[], rows: readonly string[][], { colors, stream }: Shown): string {
  return renderTable(heading, fitted(heading, rows, stream), colors, [heading.indexOf('SIZE')]);
}

/** What is piped is never cut. */
function fitted(
  heading: readonly string[],
  rows: readonly string[][],
  { isTTY, columns }: OutputStream,
): readonly string[][] {
  if (isTTY !== true || !columns) return rows;
  const [project, title] = [heading.length - 2, heading.length - 1];
  const widthOf = (column: number) => {
    return rows.reduce((width, row) => Math.max(width, textWidth(row[column] ?? '')), heading[column]?.length ?? 0);
  };
  const taken = heading.slice(0, project).reduce((sum, _, column) => sum + widthOf(column) + BETWEEN_COLUMNS, 0);
  const room = columns - taken - BETWEEN_COLUMNS;
  const wanted = Math.min(PROJECT_COLUMNS_MAX, widthOf(project));
  const share = Math.max(FACE_COLUMNS_MIN, Math.floor(room * PROJECT_SHARE));
  const forProject = room - wanted >= TITLE_COLUMNS_WANTED ? wanted : Math.min(wanted, share);
  const forTitle = Math.max(FACE_COLUMNS_MIN, room - forProject);
  return rows.map((row) => {
    return row
      .with(project, cutBeginning(row[project] ?? '', forProject))
      .with(title, cutEnd(row[title] ?? '', forTitle));
  });
}

export function usedText(timeMs: number, nowMs: number): string {
  const age = Number.isFinite(timeMs) && timeMs <= nowMs ? ` ${formatDurationRounded(nowMs - timeMs)}` : '';
  return localDate(timeMs) + age;
}

/** What the next prune makes of it, and until when that is so. */
export function nextText({ isGoing, reason, goesAtMs }: ListedSession, nowMs: number): string {
  if (isGoing) return `goes: ${reason}`;
  if (goesAtMs === undefined) return `stays: ${reason}`;
  const stays = `stays ${formatDurationRounded(Math.max(0, goesAtMs - nowMs))} more`;
  return reason === 'announced' ? `announced: ${stays}` : stays;
}

export function shownTitle({ title, hasTranscript }: Pick<ListedSession, 'title' | 'hasTranscript'>): string {
  if (title === undefined) return hasTranscript ? '(no title)' : '(left over; its transcript is gone)';
  return redacted(escapeControls(title));
}

/** Its project and its title, for the last columns of a table. */
export function shownFace(session: KnownSession | undefined, home: string): [project: string, title: string] {
  return session === undefined ? ['-', '(not here)'] : [shownProject(session, home), shownTitle(session)];
}

/** By its real path, with `~` for the home directory; by the directory's own name where no entry tells the path. */
export function shownProject(
  { workingDirectory, project }: Pick<ListedSession, 'workingDirectory' | 'project'>,
  home: string,
): string {
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
