/** The packed library beside the real Agent SDK, as strict TypeScript sees the two. */

import { join } from 'node:path';
import { expect, it } from 'vitest';
import { compileStrictly, unpackLibrary } from '../support/packed-library.ts';
import { REPOSITORY } from '../support/process.ts';
import { tempDir } from '../support/temp-dir.ts';

const SDK = '@anthropic-ai/claude-agent-sdk';

it("the packed library takes the SDK's query, and is its session store", async () => {
  const installed = tempDir();
  await unpackLibrary(installed, [SDK]);
  const source = `
    import { query, type SessionStore } from '${SDK}';
    import { openResumeMap, runWithSessionResume, SqliteSessionStore } from 'claude-session-sweeper';
    const sessionStore: SessionStore = new SqliteSessionStore('/srv/bot/entries.db');
    const run = { map: await openResumeMap(), key: 'a:b:c:d', query, prompt: 'all', options: { sessionStore } };
    for await (const message of runWithSessionResume(run)) if (message.type === 'result') message.duration_ms.toFixed();
  `;
  const options = { module: 'nodenext', types: ['node'], typeRoots: [join(REPOSITORY, 'node_modules/@types')] };
  expect(await compileStrictly(installed, 'sdk.mts', source, { ...options, skipLibCheck: true, noEmit: true })).toBe(
    '',
  );
});
