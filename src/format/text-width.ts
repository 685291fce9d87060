/** How many columns a text takes on a terminal: two for what is wide in East Asian scripts and for emoji, none for what only marks. */

/** Anything else than this is looked at letter by letter, for which Node loads much. */
const ONE_COLUMN_EACH = /^[\u0020-\u007e]*$/;
/** East Asian Width W and F, as https://www.unicode.org/reports/tr11/ gives them; beside them emoji, which are pictures. */
const WIDE_RANGES = [
  '\\u1100-\\u115f', // Korean letters that begin a syllable
  '\\u2329\\u232a\\u2630-\\u2637\\u268a-\\u268f', // brackets, trigrams, digrams
  '\\u2e80-\\u303e', // radicals, CJK punctuation
  '\\u3041-\\ua4cf', // kana, Bopomofo, Han, Yi
  '\\ua960-\\ua97c\\uac00-\\ud7a3', // Korean
  '\\uf900-\\ufaff', // Han that other encodings had twice
  '\\ufe10-\\ufe19\\ufe30-\\ufe6b\\uff01-\\uff60\\uffe0-\\uffe6', // vertical, small and full-width forms
  '\\u{16fe0}-\\u{18dff}\\u{1aff0}-\\u{1b2ff}', // Tangut, Khitan, Nushu, more kana
  '\\u{1d300}-\\u{1d376}', // symbols of the Tai Xuan Jing, counting rods
  '\\u{1f200}-\\u{1f265}', // enclosed Han
  '\\u{20000}-\\u{3fffd}', // Han
];
const WIDE = new RegExp(`[${WIDE_RANGES.join('')}\\p{Emoji_Presentation}]|\\p{Emoji}\\ufe0f`, 'u');
/** Marks over and under others, joiners, and what has no shape. */
const WITHOUT_WIDTH = /[\p{Mn}\p{Me}\p{Cf}\p{Cc}\p{Default_Ignorable_Code_Point}]/u;

/** @param text without escape sequences */
export function textWidth(text: string): number {
  if (ONE_COLUMN_EACH.test(text)) return text.length;
  let width = 0;
  for (const { segment } of new Intl.Segmenter().segment(text)) width += letterWidth(segment);
  return width;
}

/** @param letter all that is shown as one: a family of emoji, a flag, a letter with its marks */
function letterWidth(letter: string): number {
  const shown = Array.from(letter).filter((character) => !WITHOUT_WIDTH.test(character));
  if (shown.length === 0) return 0;
  return WIDE.test(letter) ? 2 : shown.length;
}
