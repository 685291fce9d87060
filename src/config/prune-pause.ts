/** For how long a host's word counts that it gives at each prune: never for less than until the next prune but one, by its schedule. */

const DAY_MS = 24 * 60 * 60_000;
const WORD_MS_MIN = 30 * DAY_MS;
/** Twice the longest pause of what comes on some days of a month: the fifth Friday is not in each quarter. */
const MONTHLY_WORD_MS = 250 * DAY_MS;
/** Twice the eight years between two 29ths of February around 2100. */
const YEARLY_WORD_MS = 16 * 366 * DAY_MS;

const NICKNAMES: Readonly<Record<string, number>> = {
  '@hourly': WORD_MS_MIN,
  '@daily': WORD_MS_MIN,
  '@midnight': WORD_MS_MIN,
  '@weekly': WORD_MS_MIN,
  '@monthly': MONTHLY_WORD_MS,
};

/** Goes by the shape of the pattern, and rather says too much. @param pattern of `schedule.prune` */
export function wordMs(pattern: string): number {
  const fields = pattern.trim().split(/\s+/);
  const [first = ''] = fields;
  if (fields.length === 1) return NICKNAMES[first.toLowerCase()] ?? YEARLY_WORD_MS;
  if (fields.length !== 5 && fields.length !== 6) return YEARLY_WORD_MS;
  const [dayOfMonth = '', month = '', dayOfWeek = ''] = fields.slice(-3);
  if (!isAny(month) || dayOfWeek.includes('+')) return YEARLY_WORD_MS;
  return isAny(dayOfMonth) && !/[#L]/i.test(dayOfWeek) ? WORD_MS_MIN : MONTHLY_WORD_MS;
}

function isAny(field: string): boolean {
  return field === '*' || field === '?';
}
