import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatInstant, parseInstant } from '../../src/thread-map/instants.ts';

const NOON_MS = Date.UTC(2026, 5, 15, 12);

describe('a time', () => {
  it.each([
    '2026-06-15T12:00:00Z',
    '2026-06-15t12:00:00z',
    '2026-06-15 12:00:00Z',
    '2026-06-15T12:00:00+00:00',
    '2026-06-15T12:00:00-00:00',
    '2026-06-15T12:00:00.0Z',
    '2026-06-15T12:00:00.000000000000Z',
    '2026-06-15T14:00:00+02:00',
    '2026-06-15T17:45:00+05:45',
    '2026-06-15T02:00:00.000-10:00',
    '2026-06-16T02:00:00+14:00',
    '2026-06-14T12:01:00-23:59',
  ])('is one instant in every form: %s', (text) => {
    expect(parseInstant(text)).toBe(NOON_MS);
  });

  it.each([
    ['2026-06-15T12:00:00.1Z', NOON_MS + 100],
    ['2026-06-15T12:00:00.1239999Z', NOON_MS + 123],
    ['2026-06-15T11:59:59.999999999Z', NOON_MS - 1],
    ['0000-01-01T00:00:00Z', -62_167_219_200_000],
    ['0099-12-31T23:59:59Z', Date.parse('0099-12-31T23:59:59Z')],
    ['1969-12-31T23:59:59.5Z', -500],
    ['9999-12-31T23:59:59Z', Date.UTC(9999, 11, 31, 23, 59, 59)],
    ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29)],
    ['2016-12-31T23:59:60Z', Date.UTC(2017, 0, 1)],
    ['2017-01-01T08:59:60.25+09:00', Date.UTC(2017, 0, 1) + 250],
  ])('%s is known to the millisecond, and never rounded up', (text, timeMs) => {
    expect(parseInstant(text)).toBe(timeMs);
  });

  it.each([
    '',
    '2026-06-15',
    '2026-06-15T12:00Z',
    '2026-06-15T12:00:00',
    '2026-06-15T12:00:00 Z',
    ' 2026-06-15T12:00:00Z',
    '2026-06-15T12:00:00Z\n',
    '2026-06-15_12:00:00Z',
    '2026-06-15T12:00:00.Z',
    '2026-06-15T12:00:00,5Z',
    '2026-06-15T12:00:00+0200',
    '2026-06-15T12:00:00+02',
    '2026-06-15T12:00:00+24:00',
    '2026-06-15T12:00:00+02:60',
    '2026-06-15T12:00:00\u221202:00',
    '2026-6-15T12:00:00Z',
    '2026-00-15T12:00:00Z',
    '2026-13-15T12:00:00Z',
    '2026-02-29T12:00:00Z',
    '2026-06-31T12:00:00Z',
    '2026-06-00T12:00:00Z',
    '2026-06-15T24:00:00Z',
    '2026-06-15T12:60:00Z',
    '2026-06-15T12:00:61Z',
    '2026-06-15T12:00:60Z',
    '+002026-06-15T12:00:00Z',
    '20260615T120000Z',
    '1781524800',
    '1781524800000',
    'Mon, 15 Jun 2026 12:00:00 GMT',
    '２０２６-06-15T12:00:00Z',
    'now',
    'null',
    null,
    undefined,
    NOON_MS,
    new Date(NOON_MS),
  ])('that RFC 3339 does not write is none, and least of all now: %j', (value) => {
    expect(parseInstant(value)).toBeUndefined();
  });

  it('comes back as it was written', () => {
    fc.assert(
      fc.property(fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 }), (timeMs) => {
        expect(parseInstant(formatInstant(timeMs))).toBe(timeMs);
      }),
    );
  });

  it('is what the language itself makes of it, in any zone', () => {
    const digits = fc.stringMatching(/^[0-9]{1,3}$/);
    const zone = fc.tuple(fc.constantFrom('+', '-'), fc.nat(23), fc.nat(59));
    const date = fc.date({ min: new Date(0), max: new Date(Date.UTC(9999, 11, 30)), noInvalidDate: true });
    const two = (number: number) => String(number).padStart(2, '0');
    fc.assert(
      fc.property(date, digits, zone, (of, fraction, [sign, hours, minutes]) => {
        const text = `${of.toISOString().slice(0, 19)}.${fraction}${sign}${two(hours)}:${two(minutes)}`;
        expect(parseInstant(text)).toBe(Date.parse(text));
      }),
    );
  });
});
