/** What a case is: a name, a place, and what it does to it. */

import type { PlaceOptions, TroubledPlace } from './place.ts';

export interface Stage {
  readonly seed: number;
  /** A directory of the case's own, for images and the like. */
  readonly directory: string;
  /** Makes the place that the case works on; once a case. */
  place(options?: Omit<PlaceOptions, 'seed'>): TroubledPlace;
}

export interface ResourceCase {
  readonly name: string;
  /** A part of the short form too. */
  readonly isShort?: boolean;
  /** @throws CannotSetUp where this machine does not let it be set up */
  run(stage: Stage): Promise<void>;
}

/** The same case for each of some values; those in `short` are a part of the short form. */
export function eachOf<T>(
  values: readonly T[],
  short: readonly T[],
  make: (value: T) => Omit<ResourceCase, 'isShort'>,
): ResourceCase[] {
  return values.map((value) => ({ ...make(value), isShort: short.includes(value) }));
}
