/** Keeps the heaps of a process of ours small: what it holds for long is mostly outside of them, the rest is garbage at once. */

import { setFlagsFromString } from 'node:v8';

/**
 * V8 lets the heap of long-lived objects grow up to fourfold before it looks for garbage, and the nursery to 48 MB. A scan of a million
 * files takes an eighth less memory with these, and some hundredths more time; a small run feels neither.
 */
export const SMALL_HEAP_FLAGS: readonly string[] = ['--heap-growing-percent=20', '--semi-space-growth-factor=1'];

/** For all threads of the process, from now on: only for a process that is ours alone, and early in it. */
export function keepHeapsSmall(): void {
  for (const flag of SMALL_HEAP_FLAGS) setFlagsFromString(flag);
}
