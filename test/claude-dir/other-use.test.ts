import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { claudeTempDirs, otherUses } from '../../src/claude-dir/other-use.ts';
import { snapshot } from '../support/disk.ts';
import { openClaudeDir } from '../support/opened.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf, writeAged } from '../support/tree.ts';

function made(): string {
  const path = makeClaudeDir(tempDir());
  makeSession(path, { id: sessionIdOf(1), ageMs: DAY_MS, elsewhere: [`debug/${sessionIdOf(1)}.txt`] });
  writeAged(join(path, 'shell-snapshots/a.sh'), 'x'.repeat(300_000), 0);
  writeAged(join(path, 'cache/deep/er/b.bin'), 'x'.repeat(100_000), 0);
  writeAged(join(path, 'debug/of-no-session.txt'), 'x'.repeat(200_000), 0);
  return path;
}

describe('What else takes room in a Claude directory', () => {
  it('is told by its place, the biggest first, and nothing of a session is among it', () => {
    const path = made();
    const before = snapshot(path);
    const uses = otherUses(openClaudeDir(path), []);
    expect(uses.map((use) => use.path)).toEqual(['shell-snapshots', 'debug, of no session', 'cache']);
    expect(uses[0]).toMatchObject({ files: 1, isCutOff: false });
    expect(uses[0]?.diskBytes).toBeGreaterThanOrEqual(300_000);
    expect(snapshot(path)).toEqual(before);
  });

  it('counts blocks: a file of mostly nothing takes next to nothing', () => {
    const path = made();
    mkdirSync(join(path, 'statsig'));
    writeFileSync(join(path, 'statsig/sparse'), 'x');
    truncateSync(join(path, 'statsig/sparse'), 2 ** 42);
    expect(otherUses(openClaudeDir(path), []).find((use) => use.path === 'statsig')?.diskBytes).toBeLessThan(20_000);
  });

  it("is looked for in Claude's directory for temporary files, and follows no link there", () => {
    const path = made();
    const claudeDir = openClaudeDir(path);
    const temporary = tempDir();
    const [ours = '', ...others] = claudeTempDirs(claudeDir, { CLAUDE_CODE_TMPDIR: temporary });
    expect(others).toEqual([`/tmp/claude-${claudeDir.surroundings.uid}`]);
    writeAged(join(ours, `-srv-app/${sessionIdOf(1)}/scratchpad/big`), 'x'.repeat(900_000), 0);
    expect(otherUses(claudeDir, [ours])[0]).toMatchObject({ path: ours, files: 1 });
    const link = join(temporary, 'link');
    symlinkSync(ours, link);
    expect(otherUses(claudeDir, [link]).some((use) => use.path === link)).toBe(false);
  });

  it('is looked at within bounds, however much there is', () => {
    const path = made();
    for (let file = 0; file < 40_000; file += 1) {
      if (file === 0) mkdirSync(join(path, 'cache/many'));
      writeFileSync(join(path, 'cache/many', String(file)), '');
    }
    writeFileSync(join(path, 'cache/many/last'), 'x');
    const uses = otherUses(openClaudeDir(path), []);
    expect(uses.find((use) => use.path === 'cache')).toMatchObject({ isCutOff: true });
    expect(uses.find((use) => use.path === 'shell-snapshots')).toMatchObject({ isCutOff: false });
  });
});
