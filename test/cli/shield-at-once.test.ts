import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';

/** Claude deletes what has not been written for so long, unless its settings say otherwise. */
const CLAUDES_PERIOD_DAYS = 30;
const ID = sessionIdOf(1);
const PRUNE = ['--run-now', '--job', 'prune-transcripts'];

function host(ageDays: number) {
  const place = tempPlace();
  const { files } = makeSession(place.claudeDir, {
    id: ID,
    ageMs: ageDays * DAY_MS,
    elsewhere: [`file-history/${ID}/a@v1`],
  });
  const paths = files.map((file) => join(place.claudeDir, file));
  const ageOf = (path: string) => (Date.now() - statSync(path).mtimeMs) / DAY_MS;
  return { ...place, run: place.run.bind(place), ages: () => paths.map(ageOf) };
}

describe('What somebody names', () => {
  it.each([
    { what: 'pinned', ageDays: 29.9, commands: [['pin', ID]] },
    { what: 'restored', ageDays: 60, commands: [PRUNE, ['trash', 'restore', ID]] },
    { what: 'restored and pinned', ageDays: 60, commands: [PRUNE, ['trash', 'restore', '--pin', ID]] },
  ])('is kept from Claude at once when it is $what, not by the next prune', async ({ ageDays, commands }) => {
    const { run, ages } = host(ageDays);
    for (const command of commands)
      expect(await run(command)).toMatchObject({ code: 0, stderr: expect.not.stringContaining('not kept') });
    expect(Math.max(...ages())).toBeLessThan(CLAUDES_PERIOD_DAYS - 1);
  });

  it('is as old to a prune as it was', async () => {
    const { run } = host(29.9);
    await run(['pin', ID]);
    await run(['unpin', ID]);
    expect((await run([...PRUNE, '--dry-run', '--max-age', '29d'])).stdout).toContain('1 expired');
  });

  it.each([
    { what: 'where the shield is off', ageDays: 29.9, flags: ['--shield', 'off'] },
    { what: 'where Claude is not near it', ageDays: 12, flags: [] },
  ])('keeps its times $what', async ({ ageDays, flags }) => {
    const { run, ages } = host(ageDays);
    await run(['pin', ID, ...flags]);
    expect(ages().map((age) => age.toFixed(2))).toEqual([ageDays.toFixed(2), ageDays.toFixed(2)]);
  });

  it('is pinned all the same where no Claude directory is there, which is said', async () => {
    const { run } = host(29);
    const pinned = await run(['pin', ID, '--claude-dir', '/nonexistent']);
    expect(pinned).toMatchObject({ code: 0, stderr: expect.stringContaining('the next prune does that') });
    expect((await run(['pins'])).stdout).toContain(ID);
  });
});
