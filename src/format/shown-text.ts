/** Text from outside as it may stand in a message, a table or a log: on one line, without control characters, without secrets. */

/** Longer than any message that names a few things; the beginning says what it is about, the end why. */
const LINE_LENGTH_MAX = 4_000;
/** The beginning of a value shows what is wrong with it. */
const VALUE_LENGTH_MAX = 200;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped here.
const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** None spans a quotation mark or a backslash, so that a redacted line of JSON still is one. */
const SECRETS: readonly (readonly [RegExp, string])[] = [
  [/(:\/\/[^\s/:@"'\\]*:)[^\s"'\\]*@/g, '$1***@'],
  [/:[^\s/:@"'\\]+@/g, ':***@'],
  [/(https?:\/\/)[^\s/@"'\\]+@/g, '$1***@'],
  [/(https?:\/\/[^\s?#"'\\]*\?)[^\s"'\\]+/g, '$1***'],
  [/(passw(?:or)?d|secret|token|api[_-]?key)=[^\s&;,"'\\]+/gi, '$1=***'],
  [/(?<![A-Za-z0-9])(sk-ant-|sk-proj-|gh[opsu]_|github_pat_|glpat-|xox[abps]-)[\w-]{8,}/g, '$1***'],
];

export function escapeControls(text: string): string {
  return text.replace(CONTROL_CHARACTERS, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Passwords in URLs and connection strings, and tokens that are known by their prefix, give way to asterisks. */
export function redacted(text: string): string {
  return SECRETS.reduce((rest, [pattern, replacement]) => rest.replace(pattern, replacement), text);
}

/** One line for an operator. */
export function shownText(text: string): string {
  const line = redacted(escapeControls(text));
  if (line.length <= LINE_LENGTH_MAX) return line;
  return `${line.slice(0, LINE_LENGTH_MAX / 2)}…${line.slice(-LINE_LENGTH_MAX / 2)}`;
}

/** A refused value, quoted and not endless. */
export function shownValue(value: unknown): string {
  const text = redacted(JSON.stringify(value) ?? String(value));
  return text.length <= VALUE_LENGTH_MAX ? text : `${text.slice(0, VALUE_LENGTH_MAX)}…`;
}
