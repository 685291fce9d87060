/** A host that sets sessions in the resume map: `map-host.js STATE_DIR INTERVAL_MS`. */

import { openResumeMap, sessionKey } from '../../support/library.ts';
import { sessionIdOf } from '../../support/tree.ts';
import { writeAndTell } from './telling-host.ts';

const KEYS = 200;

const [stateDir = '', intervalMs = ''] = process.argv.slice(2);
const map = await openResumeMap({ stateDir });

await writeAndTell(Number(intervalMs), async (number) => {
  const key = sessionKey({ forge: 'forgejo', agent: 'host', repo: 'acme/busy', issue: number % KEYS });
  await map.setSession(key, sessionIdOf(number));
});
