/** Reads once for all who ask within a short time, or while the reading is under way: a burst costs as much as one request. */

/**
 * @param keptMs counted from the beginning of a reading; one that fails is not kept
 * @param now milliseconds of a clock that does not jump
 */
export function cached<T>(keptMs: number, read: () => Promise<T>, now: () => number): () => Promise<T> {
  let held: { readonly page: Promise<T>; readonly readAtMs: number; isUnderWay: boolean } | undefined;
  return () => {
    if (held !== undefined && (held.isUnderWay || now() - held.readAtMs < keptMs)) return held.page;
    const reading = { page: read(), readAtMs: now(), isUnderWay: true };
    held = reading;
    reading.page.then(
      () => {
        reading.isUnderWay = false;
      },
      () => {
        held = undefined;
      },
    );
    return reading.page;
  };
}
