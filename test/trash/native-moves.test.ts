import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Measurer } from '../../src/claude-dir/measure.ts';
import type { Part } from '../../src/claude-dir/unit.ts';
import { fixedName } from '../../src/files/byte-name.ts';
import { type NativePart, useNativePart } from '../../src/files/native-part.ts';
import { type Movable, moveRequest, NativeMoves } from '../../src/trash/native-moves.ts';
import { builtNativePart } from '../support/native.ts';
import { openClaudeDir, openDir } from '../support/opened.ts';
import { tempDir } from '../support/temp-dir.ts';
import { makeClaudeDir } from '../support/tree.ts';

afterEach(() => useNativePart(builtNativePart()));

/** Files in a directory of their own, each with a request to move it into another one. */
function filesToMove(...names: readonly string[]) {
  const path = tempDir();
  const { surroundings } = openClaudeDir(makeClaudeDir(join(path, 'claude')));
  for (const name of ['from', 'to']) mkdirSync(join(path, name));
  const [from, to] = [openDir(join(path, 'from')), openDir(join(path, 'to'))];
  const units = names.map((name): Movable => {
    writeFileSync(join(path, 'from', name), name);
    const part: Part = { directory: [], name: fixedName(name), kind: 'file' };
    const measure = new Measurer(surroundings);
    measure.add(from, part);
    return { measure, absent: [], parts: [{ part, from: from.fd, to: to.fd }] };
  });
  const moves = NativeMoves.within(surroundings);
  if (moves === undefined) throw new Error('no native part');
  return { path, units, moves, surroundings, from, at: (name: string) => join(path, name) };
}

describe('moves by the native part', () => {
  it('end with the first that cannot be made, and leave those after it untouched', () => {
    const { units, moves, at } = filesToMove('a', 'b', 'c');
    writeFileSync(at('to/b'), 'somebody’s');
    expect(moves.move(units)).toMatchObject([{ kind: 'moved' }, { kind: 'failed', parts: 0 }, { kind: 'left' }]);
    expect(moves.move(units.slice(1))).toMatchObject([{ kind: 'failed', error: { code: 'EEXIST' } }, { kind: 'left' }]);
    expect(readFileSync(at('to/b'), 'utf8')).toBe('somebody’s');
    expect(['to/a', 'from/b', 'from/c'].map((name) => existsSync(at(name)))).toEqual([true, true, true]);
  });

  it('leave a unit that is not as it was, or that has something under a name where nothing is to be', () => {
    const { units, moves, at, from } = filesToMove('a', 'b');
    writeFileSync(at('from/a'), 'changed');
    expect(moves.move(units)).toMatchObject([{ kind: 'left' }, { kind: 'left' }]);
    const [, second] = units as [Movable, Movable];
    const taken = { ...second, absent: [{ directory: from.fd, name: fixedName('a') }] };
    expect(moves.move([taken])).toMatchObject([{ kind: 'left' }]);
    expect(existsSync(at('from/b'))).toBe(true);
    expect(moves.areAbsent([taken.absent, [{ directory: from.fd, name: fixedName('none') }], []])).toEqual([
      ...[false, true, true],
    ]);
  });

  it('tell of a unit of which a later part could not be moved how many were', () => {
    const { units, moves, at } = filesToMove('a', 'b');
    const [first, second] = units as [Movable, Movable];
    const measure = {
      ...first.measure,
      files: 2,
      bytes: 2,
      digest: (first.measure.digest + second.measure.digest) >>> 0,
      newestMtimeMs: Math.max(first.measure.newestMtimeMs, second.measure.newestMtimeMs),
    };
    writeFileSync(at('to/b'), 'somebody’s');
    const whole = { measure, absent: [], parts: [...first.parts, ...second.parts] };
    expect(moves.move([whole])).toMatchObject([{ kind: 'failed', parts: 1, error: { code: 'EEXIST' } }]);
    expect(['to/a', 'from/b'].map((name) => existsSync(at(name)))).toEqual([true, true]);
  });

  it('are left to others once the system knows no rename that replaces nothing', () => {
    let calls = 0;
    const move: NativePart['move'] = (_words, _names, told) => {
      calls += 1;
      told.set([1, 0, constants.errno.EINVAL]);
    };
    useNativePart({ ...builtNativePart(), move });
    const { units, moves } = filesToMove('a');
    expect(moves.move(units)).toEqual([{ kind: 'left' }]);
    expect(moves.move(units)).toEqual([]);
    expect(calls).toBe(1);
  });

  it.each<{ what: string; change: (words: Uint32Array, names: Uint8Array) => unknown }>([
    { what: 'says that there are more names than words', change: (words) => words.fill(0xffffffff, 4, 5) },
    { what: 'says that there are more parts than words', change: (words) => words.fill(2, 5, 6) },
    { what: 'begins a name beyond the names', change: (words) => words.fill(2, 15, 16) },
    { what: 'names what is no descriptor', change: (words) => words.fill(0xffffffff, 12, 13) },
    { what: 'names a path', change: (_, names) => names.set([0x2f]) },
    { what: 'names what leads away', change: (_, names) => names.set([0x2e]) },
    { what: 'has names that do not end', change: (_, names) => names.set([1], 1) },
  ])('are refused for a request that $what, and nothing is moved', ({ change }) => {
    const { units, surroundings, at } = filesToMove('a');
    const { words, names } = moveRequest(units, surroundings);
    change(words, names);
    expect(() => builtNativePart().move(words, names, new Uint32Array(3))).toThrow('no request for the native part');
    expect(existsSync(at('from/a'))).toBe(true);
  });
});
