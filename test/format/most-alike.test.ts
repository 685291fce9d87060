import { describe, expect, it } from 'vitest';
import { mostAlike } from '../../src/format/most-alike.ts';

describe('How alike two texts are', () => {
  it('is more for a slip of the hand than for another text, and nothing for chance', () => {
    const isAlike = mostAlike('fix teh login redirect');
    expect(isAlike('fix the login redirect of the shop')).toBeGreaterThan(isAlike('the login'));
    expect(isAlike('export the invoices')).toBe(0);
  });

  it('is nothing for a text that is too short to be told from others', () => {
    expect(mostAlike('ab')('abc')).toBe(0);
    expect(mostAlike('')('')).toBe(0);
  });
});
