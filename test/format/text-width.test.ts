import { describe, expect, it } from 'vitest';
import { textWidth } from '../../src/format/text-width.ts';

/** All letters of a script. */
function lettersOf(script: string): string[] {
  const pattern = new RegExp(`^(?=\\p{Script=${script}})\\p{L}$`, 'u');
  const letters: string[] = [];
  for (let codePoint = 0; codePoint <= 0x3ffff; codePoint += 1) {
    const isSurrogate = codePoint >= 0xd800 && codePoint <= 0xdfff;
    const character = isSurrogate ? '' : String.fromCodePoint(codePoint);
    if (pattern.test(character)) letters.push(character);
  }
  return letters;
}

describe('the width of a text', () => {
  it.each(['Han', 'Hiragana', 'Bopomofo', 'Yi', 'Tangut'])('is two columns for every letter of %s', (script) => {
    const letters = lettersOf(script);
    expect(letters.length).toBeGreaterThan(50);
    expect(letters.filter((letter) => textWidth(letter) !== 2)).toEqual([]);
  });

  it.each(['Latin', 'Greek', 'Cyrillic', 'Arabic', 'Hebrew'])('is one column for every letter of %s', (script) => {
    const letters = lettersOf(script).filter((letter) => !/[\uff01-\uff60]/.test(letter));
    expect(letters.length).toBeGreaterThan(50);
    expect(letters.filter((letter) => textWidth(letter) !== 1)).toEqual([]);
  });

  it.each([
    ['', 0],
    ['-srv-my_app', 11],
    ['日本語', 6],
    ['プロジェクト', 12],
    ['ﾊﾟ', 2],
    ['한글', 4],
    ['한글'.normalize('NFD'), 4],
    ['Ｗｉｄｅ', 8],
    ['café', 4],
    ['café'.normalize('NFD'), 4],
    ['a\u200bb', 2],
    ['☎', 1],
    ['❤\ufe0f', 2],
    ['👨‍👩‍👧', 2],
    ['👍🏽', 2],
    ['🇩🇪🇯🇵', 4],
    ['1\ufe0f\u20e3', 2],
    ['…—', 2],
    ['क्षि', 3],
  ])('of %j is %i', (text, columns) => {
    expect(textWidth(text)).toBe(columns);
  });
});
