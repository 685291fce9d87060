import { assert, property, string, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nearestWord } from '../../src/format/nearest-word.ts';

const KNOWN = ['maxAge', 'minAge', 'trash.keep', 'keepLast', 'listen', 'logLevel'];

describe('the nearest of the known words', () => {
  it.each([
    ['maxage', 'maxAge'],
    ['minAg', 'minAge'],
    ['trash.kep', 'trash.keep'],
    ['isten', 'listen'],
    ['lgoLevel', 'logLevel'],
  ])('to %s is %s', (word, known) => {
    expect(nearestWord(word, KNOWN)).toBe(known);
  });

  it('is the word itself where it is known', () => {
    for (const word of KNOWN) expect(nearestWord(word, KNOWN)).toBe(word);
  });

  it('is the first of those that are as near', () => {
    expect(nearestWord('cat', ['bat', 'hat'])).toBe('bat');
    expect(nearestWord('', ['ab', 'ba', 'a', 'b'])).toBe('a');
  });

  it('is the one that a letter was taken out of, put into or exchanged in, beside one that shares nothing with it', () => {
    const letters = string({ minLength: 2, maxLength: 20, unit: 'grapheme-ascii' });
    assert(
      property(tuple(letters, string({ minLength: 1, maxLength: 1 })), ([word, letter]) => {
        const stranger = '\u00e9'.repeat(word.length + 2);
        for (const mistyped of [word.slice(1), letter + word, letter + word.slice(1)]) {
          expect(nearestWord(mistyped, [stranger, word])).toBe(word);
        }
      }),
    );
  });

  it('is found for a word of any length', () => {
    expect(nearestWord('x'.repeat(1_000_000), KNOWN)).toBe('maxAge');
  });
});
