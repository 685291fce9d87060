import { renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OperatingError } from '../../src/errors.ts';
import { Reopened } from '../../src/sqlite/reopened.ts';
import { tempDir } from '../support/temp-dir.ts';

function reopenedUnderTest() {
  const path = join(tempDir(), 'file');
  writeFileSync(path, '');
  let opened = 0;
  const reopened = new Reopened(path, () => {
    opened += 1;
    return { number: opened, close: () => undefined };
  });
  return { path, reopened };
}

describe('a file that is held open', () => {
  it('is opened once, and anew where another stands under its name', () => {
    const { path, reopened } = reopenedUnderTest();
    expect([reopened.get().number, reopened.get().number]).toEqual([1, 1]);
    renameSync(path, `${path}.old`);
    writeFileSync(path, '');
    expect([reopened.get().number, reopened.get().number]).toEqual([2, 2]);
  });

  it('makes it an error that can be acted on where its name leads nowhere, and goes on when it does again', () => {
    const { path, reopened } = reopenedUnderTest();
    reopened.get();
    renameSync(path, `${path}.old`);
    symlinkSync('file', path);
    expect(() => reopened.get()).toThrow(OperatingError);
    expect(() => reopened.get()).toThrow(/^find database .*ELOOP/);
    renameSync(`${path}.old`, path);
    expect(reopened.get().number).toBe(1);
  });
});
