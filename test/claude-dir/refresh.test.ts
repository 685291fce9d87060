import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ClaudeDir } from '../../src/claude-dir/claude-dir.ts';
import { OlderParts } from '../../src/claude-dir/refresh.ts';
import { fixedName } from '../../src/files/byte-name.ts';
import { snapshot } from '../support/disk.ts';
import { scanned } from '../support/scanned.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf, writeAged } from '../support/tree.ts';
import { NOW } from '../support/units.ts';
import { asUnprivileged } from '../support/unprivileged.ts';

const THAN_MS = NOW - 27 * DAY_MS;

function lookAt(path: string) {
  const claudeDir = ClaudeDir.open(path);
  const older = new OlderParts(claudeDir, THAN_MS);
  onTestFinished(() => {
    older.close();
    claudeDir.close();
  });
  return { older, units: scanned(claudeDir).units };
}

describe('a look for old parts', () => {
  it('tells sessions of which one file is old from those that are young all over, and changes nothing', () => {
    const path = makeClaudeDir(tempDir());
    const [young, old] = [1, 2].map((number) =>
      makeSession(path, { id: sessionIdOf(number), ageMs: DAY_MS, companions: ['tool-results/1.txt'] }, NOW),
    );
    writeAged(join(path, `projects/${old?.project}/${old?.id}/tool-results/2.txt`), 'old', NOW - 28 * DAY_MS);
    const before = snapshot(path);
    const { older, units } = lookAt(path);
    const has = (id: unknown) => older.has(units.find(({ sessionId }) => sessionId === id)?.parts ?? []);
    expect([has(young?.id), has(old?.id)]).toEqual([false, true]);
    expect(snapshot(path)).toEqual(before);
  });

  it('takes what cannot be looked at for old', () => {
    const path = makeClaudeDir(tempDir());
    mkdirSync(join(path, 'projects/-srv-closed/inner'), { recursive: true });
    chmodSync(join(path, 'projects/-srv-closed'), 0o600);
    const { older } = lookAt(path);
    const directory = ['projects', '-srv-closed', 'inner'].map(fixedName);
    expect(asUnprivileged(() => older.has([{ directory, name: fixedName('a'), kind: 'file' }]))).toBe(true);
  });
});
