import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutBeginning, cutEnd } from '../../src/format/cut-text.ts';
import { textWidth } from '../../src/format/text-width.ts';

describe('Cut text', () => {
  it('keeps what says most: of a title the beginning, of a path the end', () => {
    expect(cutEnd('Fix the login redirect', 10)).toBe('Fix the l…');
    expect(cutBeginning('/srv/work/app', 8)).toBe('…ork/app');
    expect(cutEnd('whole', 5)).toBe('whole');
  });

  it('never cuts a letter in two', () => {
    expect(cutEnd('日本語の文書', 6)).toBe('日本…');
    expect(cutEnd('👨‍👩‍👧 family', 4)).toBe('👨‍👩‍👧 …');
  });

  it('fits, whatever the text is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 30 }), (text, columns) => {
        expect(textWidth(cutEnd(text, columns))).toBeLessThanOrEqual(columns);
        expect(textWidth(cutBeginning(text, columns))).toBeLessThanOrEqual(columns);
      }),
    );
  });
});
