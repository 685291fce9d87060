import { describe, expect, it } from 'vitest';
import { IdPrefixes, parseIdPrefix } from '../../src/claude-dir/id-prefixes.ts';
import { parseSessionId, type SessionId } from '../../src/claude-dir/session-id.ts';

function idOf(text: string): SessionId {
  const id = parseSessionId(text);
  if (id === undefined) throw new Error(`${text} is no session id`);
  return id;
}

const ID = idOf('0a1b2c3d-0000-4000-8000-00000000000a');
const SAME_HEAD = idOf('0a1b2c3d-1111-4000-8000-00000000000b');
const OTHER = idOf('0a1b2c3e-0000-4000-8000-00000000000a');

function prefixesOf(...texts: readonly string[]): IdPrefixes {
  return new IdPrefixes(texts.map(parseIdPrefix).filter((prefix) => prefix !== undefined));
}

describe('the beginning of an id', () => {
  it.each([
    ['0a1b2c3d', '0a1b2c3d'],
    ['0A1B2C3D', '0a1b2c3d'],
    [' 0a1b2c3d\n', '0a1b2c3d'],
    ['0a1b2c3d-', '0a1b2c3d-'],
    ['0a1b2c3d-0000-4', '0a1b2c3d-0000-4'],
    [ID.toUpperCase(), ID],
  ])('is %j', (text, prefix) => {
    expect(parseIdPrefix(text)).toBe(prefix);
  });

  it.each(['', '0', '0a1b2c3', '0a1b2c3d0', '0a1b2c3g', 'x0a1b2c3', `${ID}0`, '../../etc', '0a1b2c3d/', '0a1b2c3d\0'])(
    'is not %j: it would stand for strangers, or for nobody',
    (text) => {
      expect(parseIdPrefix(text)).toBeUndefined();
    },
  );
});

describe('prefixes', () => {
  it('match every id that begins with one of them, and no other', () => {
    const prefixes = prefixesOf('0a1b2c3d', 'ffffffff');
    expect([ID, SAME_HEAD, OTHER].map((id) => prefixes.match(id))).toEqual([true, true, false]);
  });

  it('tell ids with the same first eight digits apart where they are longer', () => {
    const prefixes = prefixesOf('0a1b2c3d-1');
    expect([ID, SAME_HEAD].map((id) => prefixes.match(id))).toEqual([false, true]);
    expect([...prefixesOf(ID, '0a1b2c3d-11')].map(String)).toEqual([ID, '0a1b2c3d-11']);
    expect([ID, SAME_HEAD].map((id) => prefixesOf(ID, '0a1b2c3d-11').match(id))).toEqual([true, true]);
  });

  it('are asked by number first', () => {
    const prefixes = prefixesOf('0a1b2c3d', 'ffffffff');
    expect([0x0a1b2c3d, 0xffffffff, 0x0a1b2c3e, 0].map((head) => prefixes.mayMatchHead(head))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  it('match nothing where there are none, and count each once', () => {
    expect(prefixesOf().match(ID)).toBe(false);
    expect(prefixesOf('0a1b2c3d', '0A1B2C3D').size).toBe(1);
  });
});
