import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDurationExact, formatDurationRounded, parseDurationMs } from '../../src/format/duration.ts';

const DAY_MS = 86_400_000;

describe('parseDurationMs', () => {
  it.each([
    ['1ms', 1],
    ['999999999ms', 999_999_999],
    ['15s', 15_000],
    ['90m', 5_400_000],
    ['24h', DAY_MS],
    ['30d', 30 * DAY_MS],
    ['007d', 7 * DAY_MS],
    ['2w', 14 * DAY_MS],
    ['36525d', 36_525 * DAY_MS],
  ])('reads %j as %i ms', (text, durationMs) => {
    expect(parseDurationMs(text)).toBe(durationMs);
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
    '30dogs',
    '5',
    '0d',
    '0ms',
    '-1d',
    '+1d',
    '1.5d',
    '1,5d',
    '1e3d',
    '0x10d',
    ' 30d',
    '30d ',
    '30d\n',
    '30 d',
    '30D',
    '1d12h',
    'd',
    'never',
    '٣d',
    '36526d',
    '5218w',
    '9999999999ms',
  ])('refuses %j instead of guessing', (text) => {
    expect(parseDurationMs(text)).toBeUndefined();
  });

  it('reads nothing but a whole number with a unit, whatever the text', () => {
    const almost = fc.string({ unit: fc.constantFrom(...'0123456789msmhdw .-+x') });
    fc.assert(
      fc.property(almost, (text) => {
        fc.pre(!/^[0-9]{1,9}(ms|s|m|h|d|w)$/.test(text));
        expect(parseDurationMs(text)).toBeUndefined();
      }),
    );
  });
});

describe('formatDurationExact', () => {
  it('gives a text that reads back as the very same duration, for every duration that can be configured', () => {
    const texts = fc.tuple(fc.nat(999_999_999), fc.constantFrom('ms', 's', 'm', 'h', 'd', 'w'));
    fc.assert(
      fc.property(texts, ([amount, unit]) => {
        const durationMs = parseDurationMs(`${amount}${unit}`);
        fc.pre(durationMs !== undefined);
        expect(parseDurationMs(formatDurationExact(durationMs))).toBe(durationMs);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    [DAY_MS, '1d'],
    [90_000_000, '25h'],
    [3_600_000, '1h'],
    [90_000, '90s'],
    [1_001, '1001ms'],
  ])('writes %i ms as %s', (durationMs, text) => {
    expect(formatDurationExact(durationMs)).toBe(text);
  });
});

describe('formatDurationRounded', () => {
  it.each([
    [0, '0s'],
    [999, '0s'],
    [12_999, '12s'],
    [3_599_999, '59m'],
    [3 * 3_600_000 + 1, '3h'],
    [41 * DAY_MS + DAY_MS - 1, '41d'],
  ])('rounds %i ms down to %s', (durationMs, text) => {
    expect(formatDurationRounded(durationMs)).toBe(text);
  });
});
