/** A live source whose answers a test writes down: what it says when it is read, and what at the act. */

import type { SessionId } from '../../src/claude-dir/session-id.ts';
import type { LiveSource, Protection } from '../../src/live-sources/live-source.ts';

export interface Script {
  readonly name?: string;
  readonly protection?: Protection;
  /** Live when the plan is made. */
  readonly planned?: readonly SessionId[];
  /** Live at the act; the same as planned unless it is said. */
  readonly atTheAct?: readonly SessionId[];
  /** Runs before the source answers a reading. */
  onRead?(): void;
  /** Runs after the writers are held back, before the act. */
  onHold?(ids: readonly SessionId[]): void;
}

export function scriptedSource(script: Script = {}): LiveSource {
  const planned = new Set(script.planned);
  const atTheAct = new Set(script.atTheAct ?? script.planned);
  return {
    name: script.name ?? 'running-processes',
    protection: script.protection ?? 'live',
    read: async () => {
      script.onRead?.();
      return { ids: planned, malformed: 0 };
    },
    withLive: async (ids, act, onHeld) => {
      script.onHold?.(ids);
      onHeld?.();
      return act(new Set(ids.filter((id) => atTheAct.has(id))));
    },
    check: async () => script.onRead?.(),
  };
}
