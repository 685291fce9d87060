import { describe, expect, it } from 'vitest';
import { colorsFor, formatAge, formatTime } from '../../src/cli/terminal.ts';
import { formatAmount, formatCount, formatNumber, formatReasons } from '../../src/format/counts.ts';
import { DAY_MS } from '../support/tree.ts';
import { NOW } from '../support/units.ts';

describe('Figures in words', () => {
  it.each([
    [NOW - 40 * DAY_MS, '40d ago'],
    [NOW, '0s ago'],
    [NOW + 1, 'in the future'],
    [Number.NaN, '?'],
    [Number.NEGATIVE_INFINITY, '?'],
  ])('say how long ago %j was: %s', (timeMs, text) => {
    expect(formatAge(timeMs, NOW)).toBe(text);
  });

  it.each([
    [NOW, '2026-11-21T04:17Z'],
    [undefined, '-'],
    [9e15, '-'],
  ])('say the time %j to the minute, and a dash where there is none: %s', (timeMs, text) => {
    expect(formatTime(timeMs)).toBe(text);
  });

  it.each([
    [0, '0'],
    [999, '999'],
    [1_000, '1,000'],
    [1_234_567, '1,234,567'],
  ])('set thousands of %j apart: %s', (count, text) => {
    expect(formatNumber(count)).toBe(text);
  });

  it('speak of one in the singular, and of all others in the plural', () => {
    expect([0, 1, 2].map((count) => formatCount(count, 'file'))).toEqual(['0 files', '1 file', '2 files']);
    expect([1, 2].map((count) => formatCount(count, 'entry', 'entries'))).toEqual(['1 entry', '2 entries']);
  });

  it('tell of files only where they are counted', () => {
    expect(formatAmount({ sessions: 1, files: 2_000, bytes: 1_024 })).toBe('1 session, 2,000 files, 1.0 KiB');
    expect(formatAmount({ sessions: 2, bytes: 0 })).toBe('2 sessions, 0 B');
  });

  it('name reasons by their count, the most frequent first, and leave out what is 0', () => {
    expect(formatReasons({ orphan: 1, expired: 3_000, 'over-size': 0, live: 2 })).toBe(
      '3,000 expired, 2 live, 1 orphan',
    );
    expect(formatReasons({ expired: 0 })).toBe('');
  });
});

describe('Colours', () => {
  const stream = (isTTY?: boolean) => ({ write: () => true, ...(isTTY === undefined ? {} : { isTTY }) });

  it('are for a terminal', () => {
    const { red, bold } = colorsFor(stream(true), {});
    expect([red('x'), bold('x')]).toEqual(['\u001b[31mx\u001b[39m', '\u001b[1mx\u001b[22m']);
  });

  it.each([
    { what: 'a pipe', isTTY: false, environment: {} },
    { what: 'a stream that says nothing', isTTY: undefined, environment: {} },
    { what: 'a terminal of somebody who wants none', isTTY: true, environment: { NO_COLOR: '1' } },
    { what: 'a dumb terminal', isTTY: true, environment: { TERM: 'dumb' } },
  ])('are not for $what', ({ isTTY, environment }) => {
    expect(colorsFor(stream(isTTY), environment).red('x')).toBe('x');
  });

  it.each([
    { what: 'on in a pipe', isTTY: false, environment: { FORCE_COLOR: '1' }, isColored: true },
    { what: 'off on a terminal by 0', isTTY: true, environment: { FORCE_COLOR: '0' }, isColored: false },
    {
      what: 'off where NO_COLOR is there, too',
      isTTY: true,
      environment: { FORCE_COLOR: '1', NO_COLOR: '1' },
      isColored: false,
    },
  ])('are turned $what by FORCE_COLOR', ({ isTTY, environment, isColored }) => {
    expect(colorsFor(stream(isTTY), environment).red('x') !== 'x').toBe(isColored);
  });

  it('are not turned off by a NO_COLOR of nothing', () => {
    expect(colorsFor(stream(true), { NO_COLOR: '' }).red('x')).not.toBe('x');
  });
});
