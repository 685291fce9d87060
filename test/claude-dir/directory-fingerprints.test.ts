import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DirectoryFingerprints } from '../../src/claude-dir/directory-fingerprints.ts';
import { fixedName } from '../../src/files/byte-name.ts';
import { openClaudeDir } from '../support/opened.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, makeClaudeDir } from '../support/tree.ts';

describe('The fingerprints of a Claude directory', () => {
  it('calls no place unchanged that had changed too lately to tell when it was looked at', () => {
    const path = makeClaudeDir(tempDir());
    mkdirSync(join(path, 'file-history'));
    const changedMs = statSync(join(path, 'file-history')).ctimeMs;
    const claudeDir = openClaudeDir(path);
    const isUnchanged = (times: DirectoryFingerprints) =>
      times.isUnchanged([fixedName('file-history')], claudeDir.root);
    expect(isUnchanged(DirectoryFingerprints.observe(claudeDir, changedMs + 1))).toBe(false);
    const later = DirectoryFingerprints.observe(claudeDir, changedMs + DAY_MS);
    expect(isUnchanged(later)).toBe(true);
    mkdirSync(join(path, 'file-history/new'));
    expect(isUnchanged(later)).toBe(false);
  });
});
