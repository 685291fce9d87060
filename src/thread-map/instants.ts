/** Times as RFC 3339 writes them: every form of one instant is that instant, and what is none of them is no time. */

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Letters in either case, and a blank between date and time, as RFC 3339 allows. */
const RFC_3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ]([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:\.(\d+))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))$/;

/** @returns Unix epoch milliseconds, whole ones, rounded down; undefined for what is no time */
export function parseInstant(text: unknown): number | undefined {
  const parts = typeof text === 'string' ? RFC_3339.exec(text) : null;
  if (parts === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '', sign, offsetHours = 0, offsetMinutes = 0] = parts;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  // The 30th of February would become a day of March.
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined;
  const offsetMs = (Number(offsetHours) * 60 + Number(offsetMinutes)) * MINUTE_MS * (sign === '-' ? -1 : 1);
  const minuteMs = date.getTime() + (Number(hour) * 60 + Number(minute)) * MINUTE_MS - offsetMs;
  // A leap second is the last one of a day in UTC.
  if (second === '60' && (minuteMs + MINUTE_MS) % DAY_MS !== 0) return undefined;
  return minuteMs + Number(second) * 1_000 + Number(fraction.slice(0, 3).padEnd(3, '0'));
}

/** @param timeMs Unix epoch milliseconds */
export function formatInstant(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
