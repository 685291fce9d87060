import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { SMALL_HEAP_FLAGS } from '../../src/process/small-heap.ts';

/** What V8 has to say when it is given the flags. */
function saidOf(flags: readonly string[]): string {
  const script = "for (const flag of process.argv.slice(1)) require('node:v8').setFlagsFromString(flag);";
  return spawnSync(process.execPath, ['-e', script, '--', ...flags], { encoding: 'utf8' }).stderr;
}

describe('what keeps heaps small', () => {
  it('is known to V8, which complains on stderr of what it does not know', () => {
    expect(saidOf(SMALL_HEAP_FLAGS)).toBe('');
    expect(saidOf(['--heap-growing-by-guess=20'])).toContain('unrecognized flag');
  });
});
