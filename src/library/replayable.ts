/** A streaming prompt that can be begun anew: what a failed attempt took of it is given to the next one again. */

export function replayable<T>(source: AsyncIterable<T>): AsyncIterable<T> {
  let iterator: AsyncIterator<T> | undefined;
  // Promises, not values: what an abandoned attempt still waits for is the next attempt's first new item.
  const taken: Promise<IteratorResult<T>>[] = [];
  return {
    async *[Symbol.asyncIterator]() {
      iterator ??= source[Symbol.asyncIterator]();
      for (let index = 0; ; index += 1) {
        taken[index] ??= iterator.next();
        const result = await (taken[index] as Promise<IteratorResult<T>>);
        if (result.done === true) return;
        yield result.value;
      }
    },
  };
}
