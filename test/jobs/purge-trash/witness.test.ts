/** The uptime of a host that shares a Claude directory is no witness of what happened there. */

import { expect, it } from 'vitest';
import { unwitnessedMs } from '../../../src/jobs/guards/clock-gaps.ts';
import { recordWitnessed, witnessedIn } from '../../../src/jobs/purge-trash/witness.ts';
import { openClaudeDir } from '../../support/opened.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { DAY_MS, makeClaudeDir } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';

const at = (bootId: string, upDays: number, wallDays: number) => {
  return { bootId, uptimeMs: upDays * DAY_MS, wallMs: NOW + wallDays * DAY_MS };
};

it('does not take a long uptime of another host, whose clock is ahead, for time in the trash', () => {
  const claudeDir = openClaudeDir(makeClaudeDir(tempDir()));
  recordWitnessed(claudeDir, witnessedIn(claudeDir, at('one', 5, 0)));
  recordWitnessed(claudeDir, witnessedIn(claudeDir, at('one', 6, 1)));
  // A day later in truth, by a clock that is 60 days ahead.
  const { gaps } = witnessedIn(claudeDir, at('other', 42, 62));
  expect(61 * DAY_MS - unwitnessedMs(gaps, NOW + DAY_MS)).toBeLessThanOrEqual(DAY_MS);
});

it('counts what a start has witnessed from its second look on', () => {
  const claudeDir = openClaudeDir(makeClaudeDir(tempDir()));
  recordWitnessed(claudeDir, witnessedIn(claudeDir, at('one', 5, 0)));
  recordWitnessed(claudeDir, witnessedIn(claudeDir, at('other', 42, 62)));
  const { gaps } = witnessedIn(claudeDir, at('other', 52, 72));
  expect(72 * DAY_MS - unwitnessedMs(gaps, NOW)).toBe(11 * DAY_MS);
});
