/** Reads the names that the source tree declares, and finds among them the words that the glossary has retired. */

/** A retired word, and what says it now. Words are found in names as they are spelt there: `PatientCalls` holds `patient`. */
export const RETIRED_WORDS: Readonly<Record<string, string>> = {
  refuse: 'throwIf…, assert…',
  newcomer: 'added since the scan',
  newcomers: 'added since the scan',
  recollection: 'cache',
  trust: 'batch',
  lying: 'in trash',
  unborn: 'folder without a manifest',
  patient: 'retrying',
  courteous: 'back off',
  strange: 'unknown',
  truly: 'true',
  anew: 're-',
  displaced: 'moved away',
  util: 'what it does',
  utils: 'what it does',
  helper: 'what it does',
  helpers: 'what it does',
  manager: 'what it does',
  misc: 'what it does',
};

/** Folders and loose files, without their ending, in which no doc comment begins as a fragment does; this list gets longer. */
export const WHOLE_SENTENCES: readonly string[] = [
  'clock',
  'errors',
  'exit-codes',
  'files',
  'format',
  'log',
  'log-output',
  'postgres',
  'process',
  'sqlite',
  'trash',
];

const FRAGMENT = /\/\*\*\s+(?:\* )?((?:What|Where|Who|Of) [^\n]{0,40})/g;

/** @returns one sentence for each doc comment that begins with a word of a subordinate clause */
export function fragments(path: string, text: string): string[] {
  return Array.from(text.matchAll(FRAGMENT), ([, beginning = '']) => {
    return `${path}: “${beginning.replace(/ \*\/$/, '')}…” is to begin as a sentence does`;
  });
}

const DECLARATION =
  /\b(?:class|interface|type|function|const|let|enum)\s+([A-Za-z_$][\w$]*)|^\s+(?:static\s+|async\s+|readonly\s+|get\s+|set\s+|\*\s*)*(#?[A-Za-z_$][\w$]*)\s*(?:\(|[:=]\s)/gm;

/** @returns the names that a file declares, without those in comments and texts */
export function declaredNames(text: string): string[] {
  const code = text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\/\/[^\n]*/g, '')
    .replace(/'(?:[^'\\\n]|\\.)*'/g, "''")
    .replace(/`(?:[^`\\]|\\.)*`/g, '``');
  return Array.from(code.matchAll(DECLARATION), ([, declared, member]) => declared ?? member ?? '');
}

/** `#openDirs2` → `open`, `dirs2`. */
export function wordsOf(name: string): string[] {
  return name
    .replace(/^#/, '')
    .split(/[_\-./]|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/)
    .map((word) => word.toLowerCase());
}

/** @returns one sentence for each name with a retired word in it */
export function retiredNames(path: string, text: string): string[] {
  const names = [path, ...declaredNames(text)];
  return [...new Set(names)].flatMap((name) => {
    return wordsOf(name)
      .filter((word) => Object.hasOwn(RETIRED_WORDS, word))
      .map((word) => `${path}: ${name} says “${word}”, where the word is: ${RETIRED_WORDS[word]}`);
  });
}
