/** Columns with two spaces between and no frame: good for eyes and for `awk`, whatever stands in the cells. */

import { escapeControls } from '../format/shown-text.ts';
import { textWidth } from '../format/text-width.ts';
import type { Colors } from './terminal.ts';

const BETWEEN = '  ';

/** @param rightAligned numbers of columns, from 0 */
export function renderTable(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  colors: Colors,
  rightAligned: readonly number[] = [],
): string {
  const body = rows.map((row) => row.map(escapeControls));
  const widths = heading.map((title, column) =>
    body.reduce((widest, row) => Math.max(widest, textWidth(row[column] ?? '')), textWidth(title)),
  );
  const line = (row: readonly string[], shown: (cell: string) => string) => {
    const cells = row.map((cell, column) => {
      const gap = ' '.repeat((widths[column] ?? 0) - textWidth(cell));
      return rightAligned.includes(column) ? gap + shown(cell) : shown(cell) + gap;
    });
    return cells.join(BETWEEN).trimEnd();
  };
  return [line(heading, colors.bold), ...body.map((row) => line(row, (cell) => cell))].join('\n');
}
