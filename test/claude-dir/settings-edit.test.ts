import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyEdit, rawValueOf, removalEdit, settingEdit } from '../../src/claude-dir/settings-edit.ts';

const KEY = 'cleanupPeriodDays';
const set = (text: string, value = '36500') => applyEdit(text, settingEdit(text, KEY, value));
function takeBack(text: string): string {
  const edit = removalEdit(text, KEY);
  return edit === undefined ? text : applyEdit(text, edit);
}

describe('an edit of settings', () => {
  it.each([
    ['{}', '{"cleanupPeriodDays": 36500}'],
    ['{\n}\n', '{\n  "cleanupPeriodDays": 36500\n}\n'],
    ['{"a":1}', '{"a":1,"cleanupPeriodDays": 36500}'],
    ['{ "a": 1 }', '{ "a": 1, "cleanupPeriodDays": 36500 }'],
    ['{\n  "a": 1\n}\n', '{\n  "a": 1,\n  "cleanupPeriodDays": 36500\n}\n'],
    [
      '{\n\t"a": 1,\n\t"b": {\n\t\t"c": 2\n\t}\n}',
      '{\n\t"a": 1,\n\t"b": {\n\t\t"c": 2\n\t},\n\t"cleanupPeriodDays": 36500\n}',
    ],
    ['{\r\n    "a": 1\r\n}\r\n', '{\r\n    "a": 1,\r\n    "cleanupPeriodDays": 36500\r\n}\r\n'],
    ['{\r\n}\r\n', '{\r\n  "cleanupPeriodDays": 36500\r\n}\r\n'],
    ['{\n  "a": 1, // last\n}\n', '{\n  "a": 1,\n  "cleanupPeriodDays": 36500, // last\n}\n'],
    [
      '// head\n{\n  "a": 1 // last\n}\n// tail\n',
      '// head\n{\n  "a": 1,\n  "cleanupPeriodDays": 36500 // last\n}\n// tail\n',
    ],
  ])('sets a property in %j as the others are set, and takes it back to the byte', (before, after) => {
    expect(set(before)).toBe(after);
    expect(takeBack(after)).toBe(before);
  });

  it.each(['', ' \n'])('makes an object of %j', (text) => {
    expect(JSON.parse(set(text))).toEqual({ [KEY]: 36_500 });
  });

  it('changes the value alone where there is one, of several the last, which is the one that counts', () => {
    const text = '{ "cleanupPeriodDays" : 7, /* why */ "cleanupPeriodDays" : 3e1 , "a": 1 }';
    expect(rawValueOf(text, KEY)).toBe('3e1');
    const changed = set(text);
    expect(changed).toBe('{ "cleanupPeriodDays" : 7, /* why */ "cleanupPeriodDays" : 36500 , "a": 1 }');
    expect(set(changed, '3e1')).toBe(text);
  });

  it('does not take one of an inner object for it', () => {
    const text = '{"a": {"cleanupPeriodDays": 7}}';
    expect(rawValueOf(text, KEY)).toBeUndefined();
    expect(JSON.parse(set(text))).toEqual({ a: { [KEY]: 7 }, [KEY]: 36_500 });
  });

  it.each([
    ['{"cleanupPeriodDays": 36500, "new": 1}', '{ "new": 1}'],
    ['{"a": 1, "cleanupPeriodDays": 36500, "new": 1}', '{"a": 1, "new": 1}'],
    ['{"a": 1, // why\n "cleanupPeriodDays": 36500}', '{"a": 1 // why\n }'],
    ['{/* ours */ "cleanupPeriodDays": 36500, "new": 1}', '{/* ours */  "new": 1}'],
  ])('takes back what it has set from settings that were changed since: %j', (text, expected) => {
    expect(takeBack(text)).toBe(expected);
  });

  it.each(['{ broken', '[]', '7', '{"a": 1', '{"a": }'])('refuses what is no settings file: %j', (text) => {
    expect(() => settingEdit(text, KEY, '1')).toThrow();
    expect(() => removalEdit(text, KEY)).toThrow();
  });

  it('keeps everything else, and is taken back to the byte, whatever the settings are', () => {
    const objects = fc
      .dictionary(fc.string(), fc.jsonValue(), { maxKeys: 5 })
      .filter((one) => !Object.hasOwn(one, KEY));
    const indents = fc.constantFrom(undefined, 2, 4, '\t');
    fc.assert(
      fc.property(objects, indents, fc.boolean(), (settings, indent, isCrLf) => {
        const text = JSON.stringify(settings, undefined, indent).replaceAll('\n', isCrLf ? '\r\n' : '\n');
        const changed = set(text);
        expect(JSON.parse(changed)).toEqual({ ...(JSON.parse(text) as object), [KEY]: 36_500 });
        expect(takeBack(changed)).toBe(text);
      }),
    );
  });
});
