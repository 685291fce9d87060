/**
 * A host that sets sessions: `host.js STATE_DIR INTERVAL_MS`. It answers every message with what each `setSession` has taken since the
 * last one, milliseconds.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { openResumeMap, sessionKey } from '../../support/library.ts';
import { sessionIdOf } from '../../support/tree.ts';

const KEYS = 200;

const [stateDir = '', intervalMs = ''] = process.argv.slice(2);
const map = await openResumeMap({ stateDir });
let waits: number[] = [];

process.on('message', () => {
  process.send?.(waits);
  waits = [];
});
process.on('disconnect', () => process.exit());
for (let number = 0; ; number += 1) {
  const key = sessionKey({ forge: 'forgejo', agent: 'host', repo: 'acme/busy', issue: number % KEYS });
  const startedAt = performance.now();
  await map.setSession(key, sessionIdOf(number));
  waits.push(performance.now() - startedAt);
  await sleep(Number(intervalMs));
}
