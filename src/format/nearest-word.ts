/** Which known word a mistyped one was to be: the one that the fewest letters put in, taken out or exchanged make of it. */

/** No known word is longer by far; the time that it takes grows with the square. */
const LENGTH_MAX = 100;

/** @param known at least one word; of several that are as near, the first is taken */
export function nearestWord(word: string, known: readonly string[]): string {
  return known.reduce((best, candidate) => (distance(word, candidate) < distance(word, best) ? candidate : best));
}

/** Levenshtein's, row by row: what it takes to make the beginning of `right` of each beginning of `left`. */
function distance(left: string, right: string): number {
  const from = Array.from(left.slice(0, LENGTH_MAX));
  const to = Array.from(right.slice(0, LENGTH_MAX));
  let row = [0, ...to.map((_, index) => index + 1)];
  for (const [index, letter] of from.entries()) {
    const next = [index + 1];
    for (const [column, other] of to.entries()) {
      const exchanged = (row[column] ?? 0) + (letter === other ? 0 : 1);
      const takenOut = (row[column + 1] ?? 0) + 1;
      const putIn = (next[column] ?? 0) + 1;
      next.push(Math.min(exchanged, takenOut, putIn));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
