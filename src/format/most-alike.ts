/** How much of one text stands in others, whatever their lengths: by runs of three letters, so that a hundred thousand titles take no time. */

const RUN_LENGTH = 3;
/** No text is looked at beyond this. */
const RUNS_MAX = 60;
/** The share of its runs from which on another text may be what was meant. */
const SHARE_MIN = 0.4;

/** @returns tells of a text, in the same case, the share that it has in common; 0 where that is no more than chance */
export function mostAlike(text: string): (other: string) => number {
  const letters = Array.from(text).slice(0, RUNS_MAX + RUN_LENGTH);
  const starts = Array.from({ length: Math.max(0, letters.length - RUN_LENGTH + 1) }, (_, index) => index);
  const runs = [...new Set(starts.map((start) => letters.slice(start, start + RUN_LENGTH).join('')))];
  return (other) => {
    const shared = runs.filter((run) => other.includes(run)).length;
    const share = runs.length === 0 ? 0 : shared / runs.length;
    return share < SHARE_MIN ? 0 : share;
  };
}
