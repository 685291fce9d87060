import { expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Acquired } from '../../src/process/acquired.ts';
import { openStores } from '../../src/runs/open-stores.ts';
import { newSharedStore, OWN_FORM } from '../support/shared-stores.ts';
import { DAY_MS, sessionIdOf } from '../support/tree.ts';
import { NOW } from '../support/units.ts';

it('A host that prunes on the first of a month is heeded by others until its next prune but one', async () => {
  const made = await newSharedStore(OWN_FORM, NOW);
  const acquired = new Acquired();
  for (const [prune, days] of [
    ['17 4 1 * *', 250],
    ['17 4 * * *', 30],
  ] as const) {
    const { stores } = await openStores(
      { 'sessions.store': [], 'sessions.sharedStores': [made.settings], 'schedule.prune': prune },
      acquired,
      { dryRun: false, busyTimeoutMs: 5_000, clock: systemClock },
    );
    for (const store of stores) await store.tellProtected([sessionIdOf(1)]);
    expect(
      await made.outside.unsafe('SELECT counts_until::float8 AS "untilMs" FROM claude_session_entries_kept'),
    ).toMatchObject([{ untilMs: NOW + days * DAY_MS }]);
  }
  await acquired.release();
});
