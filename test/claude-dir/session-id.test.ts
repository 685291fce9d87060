import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { idsMeantBy, parseProtectedId, parseSessionId } from '../../src/claude-dir/session-id.ts';

const ID = '0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d';

/** What never may become a part of a path, and what only looks like an id. */
const HOSTILE: readonly (readonly [string, unknown])[] = [
  ['nothing', ''],
  ['a path', '../../etc/passwd'],
  ['a path as long as an id', '../../../../../../../../../etc/passwd'.slice(0, 36)],
  ['an id with a slash in it', `${ID.slice(0, 20)}/${ID.slice(21)}`],
  ['two dots', '..'],
  ['an id after a path', `x/${ID}`],
  ['an id with NUL at its end', `${ID}\0`],
  ['an id with a newline at its end', `${ID}\n`],
  ['an id with a newline before it', `\n${ID}`],
  ['an id that is cut off by NUL', `${ID.slice(0, 35)}\0`],
  ['an id in spaces', ` ${ID} `],
  ['an id in braces', `{${ID}}`],
  ['an id without hyphens', ID.replaceAll('-', '')],
  ['an id that is one digit short', ID.slice(1)],
  ['an id with a letter beyond f', `g${ID.slice(1)}`],
  ['an id in full-width digits', ID.replace('0', '０')],
  ['an id with a file extension', `${ID}.jsonl`],
  ['10 kB', 'a'.repeat(10_000)],
  ['10 kB of ids', ID.repeat(280)],
  ['undefined', undefined],
  ['null', null],
  ['a number', 12],
  ['an object that prints as an id', { toString: () => ID, length: 36 }],
  ['a list that prints as an id', [ID]],
];

describe('parseSessionId', () => {
  it('takes a lower-case UUID as it is', () => {
    expect(parseSessionId(ID)).toBe(ID);
  });

  it.each(HOSTILE)('refuses %s', (_name, value) => {
    expect(parseSessionId(value)).toBeUndefined();
  });

  it('refuses upper case: Claude writes none, and one session must not have two names', () => {
    expect(parseSessionId(ID.toUpperCase())).toBeUndefined();
  });

  it('takes every UUID, and nothing that differs from one in a single character outside of the alphabet', () => {
    const foreign = fc.constantFrom('/', '.', '\0', '\n', 'g', 'A', ' ', '_', '%', 'é');
    fc.assert(
      fc.property(fc.uuid(), fc.nat(35), foreign, (id, at, character) => {
        expect(parseSessionId(id)).toBe(id);
        expect(parseSessionId(id.slice(0, at) + character + id.slice(at + 1))).toBeUndefined();
      }),
    );
  });
});

describe('parseProtectedId', () => {
  it.each([ID, ID.toUpperCase(), `${ID.slice(0, 8).toUpperCase()}${ID.slice(8)}`])(
    'protects the transcript that %s means',
    (text) => {
      expect(parseProtectedId(text)).toBe(ID);
    },
  );

  it.each(HOSTILE)('refuses %s', (_name, value) => {
    expect(parseProtectedId(value)).toBeUndefined();
  });
});

describe('the ids that an entry means which is none', () => {
  it.each<[string, unknown]>([
    ['bytes', Buffer.from(ID)],
    ['the sixteen bytes of a UUID', Buffer.from(ID.replaceAll('-', ''), 'hex')],
    ['one without hyphens', ID.replaceAll('-', '').toUpperCase()],
    ['one with a newline at its end', `${ID}\n`],
    ['one in spaces', ` ${ID} `],
    ['one in braces', `{${ID}}`],
    ['one in JSON', JSON.stringify({ session_id: ID })],
    ['one as a URN', `urn:uuid:${ID}`],
    ['the name of its transcript', `${ID}.jsonl`],
  ])('are found in %s', (_name, value) => {
    expect(idsMeantBy(value)).toEqual([ID]);
  });

  it.each<[string, unknown]>([
    ['what is longer than any id in another form', ' '.repeat(1_000) + ID],
    ['a longer number', `${ID.replaceAll('-', '')}0`],
    ['a number', 12],
    ['null', null],
    ['other bytes', Buffer.from('../../etc/passwd!')],
  ])('are not found in %s', (_name, value) => {
    expect(idsMeantBy(value)).toEqual([]);
  });
});
