/** What an odd thing is: how it is made, what it holds back, and what must be said of it. */

import type { MadeSession } from '../../support/tree.ts';
import type { TroubledPlace } from '../resources/place.ts';

export interface Odd {
  /** Sessions that stay where they are for its sake. */
  readonly held?: readonly MadeSession['id'][];
  /** Sessions that stay once they are back: what has no transcript may have one in what cannot be read. */
  readonly heldLater?: readonly MadeSession['id'][];
  /** It and whatever belongs to it: must be there at the end as it was, below the place's own directory. */
  readonly stays?: readonly (string | Buffer)[];
  /** What a run or `doctor` must say of it; undefined for what is nobody's trouble. */
  readonly named?: RegExp;
  /** The exit codes that a prune may have; 0 alone where it is not said. */
  readonly codes?: readonly number[];
  /** The same of the other jobs, where they may meet with it. */
  readonly otherCodes?: readonly number[];
  /** Goes before the program. */
  readonly launcher?: readonly string[];
  readonly flags?: readonly string[];
  /** What only the prune is to be tried with, since nothing else can be done in it. */
  readonly only?: 'refused';
  /** Ends what goes on beside. */
  end?(): Promise<void> | void;
}

export interface Shape {
  readonly name: string;
  /** A part of the short form too. */
  readonly isShort?: boolean;
  /** Whether it comes only when the sessions lie in the trash. */
  readonly isInTrash?: boolean;
  /** @throws CannotSetUp where this machine does not let it be made */
  make(place: TroubledPlace): Promise<Odd> | Odd;
}
