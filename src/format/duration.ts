/** Durations as people write them (`30d`, `90m`) to milliseconds and back; anything else is refused, never guessed. */

const MILLISECONDS_BY_UNIT = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** A century: longer than any retention, short enough that `now - duration` stays a sensible date. */
const DURATION_MAX_MS = 36_525 * MILLISECONDS_BY_UNIT.d;

/**
 * Parses a whole number with a unit: ms, s, m, h, d or w.
 * @returns milliseconds, more than zero; undefined for anything else (`""`, `0`, `5`, `1.5d`, `30 dogs`, over a century).
 */
export function parseDurationMs(text: string): number | undefined {
  const match = /^([0-9]{1,9})(ms|s|m|h|d|w)$/.exec(text);
  const unit = match?.[2];
  if (match === null || unit === undefined) return undefined;
  const durationMs = Number(match[1]) * MILLISECONDS_BY_UNIT[unit as keyof typeof MILLISECONDS_BY_UNIT];
  return durationMs > 0 && durationMs <= DURATION_MAX_MS ? durationMs : undefined;
}

/** The shortest exact text that `parseDurationMs` reads back: `86_400_000` is `1d`, `90_000_000` is `25h`. */
export function formatDurationExact(durationMs: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const unitMs = MILLISECONDS_BY_UNIT[unit];
    if (durationMs >= unitMs && durationMs % unitMs === 0) return `${durationMs / unitMs}${unit}`;
  }
  return `${durationMs}ms`;
}

/** One rounded unit for a person's eye: `41d`, `3h`, `12s`. */
export function formatDurationRounded(durationMs: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const unitMs = MILLISECONDS_BY_UNIT[unit];
    if (durationMs >= unitMs) return `${Math.floor(durationMs / unitMs)}${unit}`;
  }
  return '0s';
}
