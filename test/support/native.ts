/** The native part as `npm run build` has built it. */

import { loadNativePart, type NativePart } from '../../src/files/native-part.ts';

/** @throws with what is to be done where it is not built */
export function builtNativePart(): NativePart {
  const part = loadNativePart();
  if (part === undefined)
    throw new Error('the native part is not built: apt-get install gcc libc6-dev && npm run build');
  return part;
}
