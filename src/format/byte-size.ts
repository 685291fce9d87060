/** Sizes as people write them (`50GiB`, `500MB`) to bytes and back; anything else is refused, never guessed. */

const BYTES_BY_UNIT: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** Parses a whole number with a unit (B, KB, MB, GB, TB, KiB, MiB, GiB, TiB) to bytes, more than zero; else undefined. */
export function parseByteSize(text: string): number | undefined {
  const match = /^([0-9]{1,16})([kKMGT]?i?B)$/.exec(text);
  const unitBytes = BYTES_BY_UNIT[match?.[2] ?? ''];
  if (match === null || unitBytes === undefined) return undefined;
  const bytes = Number(match[1]) * unitBytes;
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Three digits at the most, binary units: `1.4 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit] ?? 'B'}`;
}
