/** What a host hears that has not asked to be told of conversations that were let go: one line. */

import type { Forgotten } from '../resume-map/resume-map.ts';

export function warnOfForgotten({ reason, ...fields }: Forgotten): void {
  console.warn(`claude-session-sweeper: conversation forgotten, ${reason} ${JSON.stringify(fields)}`);
}
