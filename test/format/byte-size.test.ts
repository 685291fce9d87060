import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatBytes, parseByteSize } from '../../src/format/byte-size.ts';

describe('parseByteSize', () => {
  it.each([
    ['1B', 1],
    ['500kB', 500_000],
    ['500KB', 500_000],
    ['500MB', 500_000_000],
    ['2GB', 2_000_000_000],
    ['1TB', 1_000_000_000_000],
    ['2000000000000B', 2_000_000_000_000],
    ['9007199254740991B', Number.MAX_SAFE_INTEGER],
    ['1KiB', 1_024],
    ['1MiB', 1_048_576],
    ['50GiB', 53_687_091_200],
    ['1TiB', 1_099_511_627_776],
  ])('reads %j as %i bytes', (text, bytes) => {
    expect(parseByteSize(text)).toBe(bytes);
  });

  it.each([
    '',
    '0',
    '-1',
    'NaN',
    'Infinity',
    '1e400',
    '0x10',
    ' 5 ',
    '30 dogs',
    '5',
    '0B',
    '0GiB',
    '-1GiB',
    '1.5GiB',
    '1e3B',
    '0x10B',
    ' 1B',
    '1B ',
    '1B\n',
    '50 GiB',
    '50G',
    '50Gi',
    '50gib',
    '50gB',
    '1kiB',
    '1iB',
    '1PB',
    'GiB',
    'off',
    '999999999999TiB',
    '9007199254740992B',
    '9007199254740993B',
  ])('refuses %j instead of guessing', (text) => {
    expect(parseByteSize(text)).toBeUndefined();
  });

  it('is exact or refuses, however large the number', () => {
    const units = { B: 1n, MB: 10n ** 6n, TB: 10n ** 12n, GiB: 2n ** 30n, TiB: 2n ** 40n } as const;
    const unitNames = Object.keys(units) as (keyof typeof units)[];
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        fc.constantFrom(...unitNames),
        (amount, unit) => {
          const exact = BigInt(amount) * units[unit];
          const expected = exact <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(exact) : undefined;
          expect(parseByteSize(`${amount}${unit}`)).toBe(expected);
        },
      ),
    );
  });
});

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1_024, '1.0 KiB'],
    [1_536, '1.5 KiB'],
    [200 * 1_024, '200 KiB'],
    [1.4 * 2 ** 30, '1.4 GiB'],
  ])('shows %i bytes as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});
