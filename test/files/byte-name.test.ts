import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { displayName, fixedName, parseByteName } from '../../src/files/byte-name.ts';

describe('a file name', () => {
  it.each(['a', '-rf', '...', '.jsonl', 'a\nb', '\xff\xfe', 'x'.repeat(255)])('may be %j', (text) => {
    expect(parseByteName(text)).toBe(text);
    expect(fixedName(text)).toBe(text);
  });

  it.each(['', '.', '..', '/', 'a/b', '../a', 'a\0b', 'é漢', 'x'.repeat(256)])('may not be %j', (text) => {
    expect(parseByteName(text)).toBeUndefined();
    expect(() => fixedName(text)).toThrow('not a file name');
  });

  it('may be any 1 to 255 bytes but NUL and the slash, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const text = Buffer.from(bytes).toString('latin1');
        const isName =
          bytes.length > 0 &&
          bytes.length <= 255 &&
          !bytes.includes(0) &&
          !bytes.includes(0x2f) &&
          !/^\.\.?$/.test(text);
        const parsed = parseByteName(text);
        expect(parsed !== undefined).toBe(isName);
        if (parsed !== undefined) expect(Buffer.from(parsed, 'latin1')).toEqual(Buffer.from(bytes));
      }),
    );
  });
});

describe('a name that is shown', () => {
  it.each([
    { what: 'plain text as it is', bytes: Buffer.from('-srv-app'), shown: '-srv-app' },
    { what: 'UTF-8 as text', bytes: Buffer.from('-srv-é漢😀'), shown: '-srv-é漢😀' },
    { what: 'a newline escaped', bytes: Buffer.from('a\nb'), shown: 'a\\u000ab' },
    { what: 'an escape sequence escaped', bytes: Buffer.from('\x1b[31mred'), shown: '\\u001b[31mred' },
    { what: 'a text-direction override escaped', bytes: Buffer.from('a\u202eb'), shown: 'a\\u202eb' },
    { what: 'bytes that are no UTF-8 one by one', bytes: Buffer.from([0x61, 0x80, 0xff]), shown: 'a\\u0080ÿ' },
  ])('is $what', ({ bytes, shown }) => {
    expect(displayName(bytes.toString('latin1'))).toBe(shown);
  });

  it('breaks no line and moves no cursor, whatever its bytes', () => {
    const anyBytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(displayName(Buffer.from(bytes).toString('latin1'))).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
      }),
    );
  });
});
