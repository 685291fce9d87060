/** Text that is to fit into so many columns, cut between letters as people see them. */

import { textWidth } from './text-width.ts';

const CUT = '…';

/** The beginning of a text; whole where it fits. */
export function cutEnd(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  const letters = Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
  return firstThatFit(letters, columns - 1).join('') + CUT;
}

/** The end of a text, where the end of a path says most. */
export function cutBeginning(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  const letters = Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
  return (
    CUT +
    firstThatFit(letters.reverse(), columns - 1)
      .reverse()
      .join('')
  );
}

function firstThatFit(letters: readonly string[], columns: number): string[] {
  let left = columns;
  const fitting: string[] = [];
  for (const letter of letters) {
    left -= textWidth(letter);
    if (left < 0) break;
    fitting.push(letter);
  }
  return fitting;
}
