/** Which command a word that is none was to be: what others call it, else the nearest. */

import { nearestWord } from '../format/nearest-word.ts';

/** Words of other programs for what this one does. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  clean: 'run',
  cleanup: 'run',
  sweep: 'run',
  prune: 'run',
  gc: 'run',
  start: 'daemon',
  serve: 'daemon',
  delete: 'remove',
  rm: 'remove',
  archive: 'remove',
  keep: 'pin',
  ls: 'list',
  show: 'list',
  log: 'history',
  explain: 'why',
  check: 'doctor',
  config: 'check-config',
  undo: 'trash restore',
  undelete: 'trash restore',
  restore: 'trash restore',
  purge: 'trash purge',
  empty: 'trash empty',
};

/** @param known at least one command */
export function suggestion(word: string, known: readonly string[]): string {
  const other = OTHER_WORDS[word];
  const isKnown = other !== undefined && known.includes(other.split(' ')[0] ?? '');
  return `(Did you mean ${isKnown ? other : nearestWord(word, known)}?)`;
}

/** @param known flags, with their dashes */
export function nearestFlag(flag: string, known: readonly string[]): string {
  // A flag that was broken off is nearer to what it begins than letters tell.
  return known.find((candidate) => candidate.startsWith(`${flag}-`)) ?? nearestWord(flag, known);
}
