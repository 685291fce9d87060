/**
 * Housekeeping in a host's own code: what the next prune would take, and a conversation that its user wants gone, or back.
 *
 *   node examples/housekeeping.mjs ~/.claude                # what would go
 *   node examples/housekeeping.mjs ~/.claude remove ID      # to the trash, if nothing needs it
 *   node examples/housekeeping.mjs ~/.claude restore ID     # and back, to stay
 */

import { OperatingError, SessionSweeper } from 'claude-session-sweeper';

const [claudeDir, action = 'look', id] = process.argv.slice(2);
// Give it what the worker is given, so that both decide alike.
const sweeper = new SessionSweeper({ claudeDirs: [claudeDir], settings: { maxAge: '30d' } });

const actions = {
  look: async () => {
    const { removals, kept } = await sweeper.dryRun();
    for (const { sessionId, reason } of removals) console.log(`${sessionId} would go: ${reason}`);
    console.log('kept:', JSON.stringify(kept));
  },
  remove: async () => {
    await sweeper.remove(id);
    console.log(`${id} is in the trash, with ${(await sweeper.listTrash()).length - 1} others`);
  },
  restore: async () => {
    await sweeper.pin(id);
    await sweeper.restore(id);
    console.log(`${id} is back, and pinned`);
  },
};

try {
  await actions[action]();
} catch (error) {
  // It says what is wrong in one sentence; anything else is a mistake in this file.
  if (!(error instanceof OperatingError)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
}
