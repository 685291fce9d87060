/** Session ids as arguments: all of them right, or none is worked on. */

import { parseSessionId, type SessionId } from '../claude-dir/session-id.ts';
import { OperatingError } from '../errors.ts';

/** @throws OperatingError (`usage`) naming every argument that is no session id */
export function parseSessionIds(args: readonly string[]): SessionId[] {
  const wrong = args.filter((argument) => parseSessionId(argument) === undefined);
  if (wrong.length > 0) {
    const shown = wrong.map((argument) => JSON.stringify(argument.slice(0, 64))).join(', ');
    throw new OperatingError('usage', `${shown}: not a session id (a lower-case UUID)`);
  }
  return args.map(parseSessionId).filter((id) => id !== undefined);
}
