import { describe, expect, it } from 'vitest';
import { parsePins } from '../../src/claude-dir/pinned-jobs.ts';
import { sessionIdOf } from '../support/tree.ts';

const FULL = sessionIdOf(7);

describe('Claude’s pins', () => {
  it('are what Claude writes: short ids in an array', () => {
    expect(parsePins('[]', false)).toEqual({ prefixes: [], odd: 0 });
    expect(parsePins('[\n  "0a1b2c3d",\n  "00000001"\n]', false)).toEqual({
      prefixes: ['0a1b2c3d', '00000001'],
      odd: 0,
    });
  });

  it.each<[string, unknown, string]>([
    ['a full id', [FULL], FULL],
    ['upper case', ['0A1B2C3D'], '0a1b2c3d'],
    ['a full id in upper case', [FULL.toUpperCase()], FULL],
  ])('may be %s', (_, value, prefix) => {
    expect(parsePins(JSON.stringify(value), false)).toEqual({ prefixes: [prefix], odd: 0 });
    expect(parsePins(`\uFEFF${JSON.stringify(value)}`, false)).toEqual({ prefixes: [prefix], odd: 0 });
  });

  it.each<[string, string, readonly string[], number]>([
    ['numbers', '[12345678, 1]', ['12345678'], 2],
    ['lists in lists', `[["0a1b2c3d"], [[["${FULL}"]]]]`, ['0a1b2c3d', FULL], 2],
    ['objects', '[{"id":"0a1b2c3d","since":1795827236361}]', ['0a1b2c3d'], 1],
    ['an object of ids', '{"0a1b2c3d":true,"pins":["00000001"]}', ['0a1b2c3d', '00000001'], 1],
    ['a text', '"0a1b2c3d"', ['0a1b2c3d'], 1],
    ['what is cut off', '["0a1b2c3d","00000001","0000', ['0a1b2c3d', '00000001'], 1],
    ['no JSON at all', '0a1b2c3d\n00000001\n', ['0a1b2c3d', '00000001'], 1],
  ])('that are %s count as odd, and protect all the same', (_, text, prefixes, odd) => {
    expect(parsePins(text, false)).toEqual({ prefixes, odd });
  });

  it.each([
    ['["x", "", "0a1b2c", "0a1b2c3d0", "../../etc"]', 5],
    ['[null, true, {}, []]', 4],
    ['null', 1],
    ['', 1],
    ['\0\0\0', 1],
    [`"${'f'.repeat(1_000)}"`, 1],
  ])('pin nobody where they are %j', (text, odd) => {
    expect(parsePins(text, false)).toEqual({ prefixes: [], odd });
  });

  it('keep what is understood beside what is odd', () => {
    expect(new Set(parsePins('["0a1b2c3d", 7, ["00000001"]]', false).prefixes)).toEqual(
      new Set(['0a1b2c3d', '00000001']),
    );
  });

  it('are bounded in depth by nothing but their length', () => {
    const deep = `${'['.repeat(1_000_000)}"0a1b2c3d"${']'.repeat(1_000_000)}`;
    expect(parsePins(deep, false).prefixes).toEqual(['0a1b2c3d']);
    expect(parsePins(deep, true)).toEqual({ prefixes: ['0a1b2c3d'], odd: 1 });
  });
});
