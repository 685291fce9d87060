/** Why the resume flow gives a conversation up and begins anew, in words for hosts and for their logs. */

import type { SessionId } from '../claude-dir/session-id.ts';

/** Why a conversation that a key had is begun anew. */
export interface FreshStart {
  /** `gone`: there is no transcript any more; `dead-turns`: there is one, and no turn in it is answered any more. */
  readonly reason: 'gone' | 'dead-turns';
  readonly key: string;
  /** The session that was given up. Its transcript, if there is one, stays where it is. */
  readonly sessionId: SessionId;
}

export const FRESH_START_TEXTS: Readonly<Record<FreshStart['reason'], string>> = {
  gone: 'conversation gone: begun anew',
  'dead-turns': 'conversation can never answer again: begun anew',
};
