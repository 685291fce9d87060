import { mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorMessage, operatingError } from '../src/errors.ts';
import { tempDir } from './support/temp-dir.ts';

describe('A message', () => {
  it('names what was reached by a held descriptor, and no descriptor', () => {
    const directory = tempDir();
    const fd = openSync(directory, 'r');
    const failed = (path: string) => {
      try {
        mkdirSync(path);
        return undefined;
      } catch (error) {
        return error;
      }
    };
    const error = failed(`/proc/self/fd/${fd}/none/session-sweeper`);
    expect(errorMessage(error)).toBe("ENOENT: no such file or directory, mkdir 'none/session-sweeper'");
    expect(operatingError('io', `lock ${directory}`, error).message).not.toContain('/proc/');
    expect(errorMessage(failed(`/proc/self/fd/${fd}`))).toMatch(/^EEXIST: .* mkdir '\.'$/);
    const plain = join(directory, 'none', 'x');
    expect(errorMessage(failed(plain))).toContain(plain);
  });
});
