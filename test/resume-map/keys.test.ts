import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OperatingError } from '../../src/errors.ts';
import { escapeControls } from '../../src/format/shown-text.ts';
import { checkedKey, parseSessionKey, SESSION_KEY_LENGTH_MAX, sessionKey } from '../../src/resume-map/keys.ts';

const PARTS = { forge: 'forgejo', agent: 'architect', repo: 'acme/my_app', issue: 12 };

const usageError = expect.objectContaining({ kind: 'usage', message: expect.stringContaining('session key') });

/** No control character and no colon; anything else that people name things with. */
const part = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }).filter((text) => !/[:\p{Cc}]/u.test(text));

describe('sessionKey', () => {
  it('builds <forge>:<agent>:<repo>:<issue>', () => {
    expect(sessionKey(PARTS)).toBe('forgejo:architect:acme/my_app:12');
    expect(sessionKey({ ...PARTS, issue: '12' })).toBe('forgejo:architect:acme/my_app:12');
  });

  it('keeps %, _, \\, case and letters beyond ASCII as they are', () => {
    expect(sessionKey({ forge: 'F%', agent: 'a_b', repo: 'Ünï/c\\d', issue: '#7' })).toBe('F%:a_b:Ünï/c\\d:#7');
  });

  it('builds keys that come apart again into the same parts', () => {
    fc.assert(
      fc.property(part, part, part, part, (forge, agent, repo, issue) => {
        const parts = { forge, agent, repo, issue };
        expect(parseSessionKey(sessionKey(parts))).toEqual(parts);
      }),
    );
  });

  it('never builds the same key for two conversations', () => {
    const near = fc.constantFrom('a', 'b', 'a/b', 'A', 'a_', '1', '11');
    const parts = fc.record({ forge: near, agent: near, repo: near, issue: near });
    fc.assert(
      fc.property(parts, parts, (left, right) => {
        fc.pre(JSON.stringify(left) !== JSON.stringify(right));
        expect(sessionKey(left)).not.toBe(sessionKey(right));
      }),
    );
  });

  const hostile = ['', 'a:b', ':', 'a\0b', 'a\nb', '\r', '\t', '\u001f', '\u007f'];
  const fields = ['forge', 'agent', 'repo', 'issue'] as const;

  it.each(fields.flatMap((field) => hostile.map((value) => [field, value] as const)))(
    'refuses a %s that is %j, and names it',
    (field, value) => {
      const build = () => sessionKey({ ...PARTS, [field]: value });
      expect(build).toThrow(usageError);
      expect(build).toThrow(field);
      expect(build).toThrow(escapeControls(JSON.stringify(value)));
    },
  );

  it('refuses parts that are no text, as a host without types may hand them in', () => {
    const build = (parts: unknown) => () => sessionKey(parts as typeof PARTS);
    expect(build({ ...PARTS, repo: undefined })).toThrow(usageError);
    expect(build({ ...PARTS, agent: null })).toThrow(usageError);
    expect(build({ ...PARTS, forge: 7 })).toThrow(usageError);
  });

  it('refuses a key of 10 kB', () => {
    expect(() => sessionKey({ ...PARTS, repo: 'a'.repeat(10_000) })).toThrow(usageError);
  });
});

describe('parseSessionKey', () => {
  it.each(['', 'a', 'a:b:c', 'a:b:c:d:e', ':b:c:d', 'a::c:d', 'a:b::d', 'a:b:c:', ':::', 'slack:C024BE91L'])(
    'leaves %j, which is no key of ours, opaque',
    (key) => {
      expect(parseSessionKey(key)).toBeUndefined();
    },
  );
});

describe('checkedKey', () => {
  it.each(['a', 'slack:C1:1700000000.0001', 'a b', "x'; DROP TABLE t; --", '100%_\\', 'Ünïcode 🦊', '__proto__'])(
    'takes %j, a key of a host of its own',
    (key) => {
      expect(checkedKey(key)).toBe(key);
    },
  );

  it('takes a key of the greatest length, and refuses one that is longer', () => {
    const longest = 'k'.repeat(SESSION_KEY_LENGTH_MAX);
    expect(checkedKey(longest)).toBe(longest);
    expect(() => checkedKey(`${longest}k`)).toThrow(usageError);
  });

  it.each(['', 'a\0', '\na', 'a\r', 'a\tb', 'a\u007f'])('refuses %j', (key) => {
    expect(() => checkedKey(key)).toThrow(usageError);
  });

  it.each([undefined, null, 12, ['a'], { length: 1 }])('refuses %j, which is no text', (key) => {
    expect(() => checkedKey(key as unknown as string)).toThrow(OperatingError);
  });
});
