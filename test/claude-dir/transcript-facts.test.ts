import { mkdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FactsReader, readTranscriptFacts } from '../../src/claude-dir/transcript-facts.ts';
import { fixedName } from '../../src/files/byte-name.ts';
import { openDir } from '../support/opened.ts';
import { tempDir } from '../support/temp-dir.ts';

const line = (entry: object) => `${JSON.stringify(entry)}\n`;
const tag = (text: string) => line({ type: 'tag', tag: text, sessionId: 'x' });
const title = (text: string) => line({ type: 'custom-title', customTitle: text, sessionId: 'x' });
const message = (text: string) => line({ type: 'user', message: { content: text } });

const NOW = Date.UTC(2026, 10, 21, 4, 17);
const ASKED = { nowMs: NOW, isToStop: async () => false };

async function factsOf(text: string, asked = ASKED) {
  const path = tempDir();
  writeFileSync(join(path, 't.jsonl'), text);
  return readTranscriptFacts(openDir(path), fixedName('t.jsonl'), asked);
}

/** @param cuts the lengths of the pieces that it is given before the rest */
function readerOf(bytes: Buffer, cuts: readonly number[]): FactsReader {
  const reader = new FactsReader(NOW);
  let position = 0;
  for (const length of [...cuts, bytes.length]) {
    reader.add(bytes.subarray(position, position + length));
    position += length;
  }
  return reader;
}

const BIG = message('x'.repeat(3 << 20));

describe('the marks of a session', () => {
  it.each<{ what: string; text: string; marks: { tag?: string; title?: string } }>([
    { what: 'none', text: message('hello'), marks: {} },
    { what: 'a tag', text: message('hello') + tag('keep') + message('bye'), marks: { tag: 'keep' } },
    { what: 'the last tag', text: tag('keep') + tag('other'), marks: { tag: 'other' } },
    { what: 'a tag that was cleared', text: tag('keep') + tag(''), marks: {} },
    { what: 'a tag that was cleared and set again', text: tag('keep') + tag('') + tag('keep'), marks: { tag: 'keep' } },
    { what: 'a title', text: title('My work') + message('hello'), marks: { title: 'My work' } },
    { what: 'both', text: title('My work') + tag('keep'), marks: { tag: 'keep', title: 'My work' } },
    { what: 'the first line', text: tag('keep') + BIG, marks: { tag: 'keep' } },
    { what: 'the last line', text: BIG + tag('keep'), marks: { tag: 'keep' } },
    { what: 'a last line without an end', text: message('hello') + tag('keep').trimEnd(), marks: { tag: 'keep' } },
    { what: 'a line between long ones', text: BIG + tag('keep') + BIG, marks: { tag: 'keep' } },
    { what: 'a line with other spacing', text: '{ "type" : "tag" , "tag" : "keep" }\n', marks: { tag: 'keep' } },
    { what: 'what a message only speaks of', text: message('{"type":"tag","tag":"keep"}'), marks: {} },
    { what: 'a message with such a field', text: line({ type: 'user', tag: 'keep' }), marks: {} },
    { what: 'half a line', text: '{"type":"tag","tag":"keep"', marks: {} },
    { what: 'a tag that is no text', text: line({ type: 'tag', tag: 5 }), marks: {} },
    { what: 'an empty file', text: '', marks: {} },
    {
      what: 'a tag behind a line that was cut off',
      text: `${message('hello').slice(0, -9)}${tag('keep')}`,
      marks: { tag: 'keep' },
    },
    {
      what: 'a tag behind a long line that was cut off',
      text: `${BIG.slice(0, -9)}${tag('keep')}`,
      marks: { tag: 'keep' },
    },
    {
      what: 'a tag behind many zeros',
      text: `${message('hello')}${'\0'.repeat(100_000)}${tag('keep')}`,
      marks: { tag: 'keep' },
    },
    {
      what: 'a tag with another entry behind it on a line that was cut off',
      text: `${message('hello').slice(0, -9)}${tag('keep').trimEnd()}${message('{}')}`,
      marks: { tag: 'keep' },
    },
    {
      what: 'a tag and a title on one line, before zeros',
      text: `${tag('keep').trimEnd()}${title('"{mine}"').trimEnd()}\0\0\n`,
      marks: { tag: 'keep', title: '"{mine}"' },
    },
    {
      what: 'no part of a long message',
      text: tag('keep') + line({ text: 'x'.repeat(70_000), input: { type: 'tag', tag: '' } }),
      marks: { tag: 'keep' },
    },
    { what: 'a title of a copy', text: title('My work (fork)') + message('hello'), marks: {} },
    { what: 'a title of a second copy', text: title('My work (Branch 2)'), marks: {} },
    {
      what: 'a title that was carried over',
      text: line({ type: 'custom-title', customTitle: 't', by: 'carried' }),
      marks: {},
    },
    {
      what: 'a title that a user gave',
      text: line({ type: 'custom-title', customTitle: 't', by: 'user' }),
      marks: { title: 't' },
    },
  ])('are read: $what', async ({ text, marks }) => {
    expect(await factsOf(text)).toMatchObject({ tag: undefined, title: undefined, ...marks });
  });

  it('are the same however the file is cut into pieces', () => {
    const parts = fc.constantFrom(
      tag('keep'),
      tag('other'),
      tag(''),
      title('t'),
      message('m'),
      message('"tag"'),
      '\n',
      'x\n',
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 12 }), fc.array(fc.integer({ min: 1, max: 90 })), (lines, cuts) => {
        const bytes = Buffer.from(lines.join(''));
        const reader = readerOf(bytes, cuts);
        const tags = lines.filter((one) => one.startsWith('{"type":"tag"')).map((one) => JSON.parse(one).tag as string);
        expect(reader.end().tag).toBe(tags.at(-1) || undefined);
      }),
    );
  });

  it('leave the file as it was, its access time too', async () => {
    const path = tempDir();
    writeFileSync(join(path, 't.jsonl'), tag('keep'));
    utimesSync(join(path, 't.jsonl'), 1_000, 2_000);
    await readTranscriptFacts(openDir(path), fixedName('t.jsonl'), ASKED);
    expect(statSync(join(path, 't.jsonl')).atimeMs).toBe(1_000_000);
  });

  it('are not looked for in what is no file', async () => {
    const path = tempDir();
    mkdirSync(join(path, 'd'));
    symlinkSync('/etc/passwd', join(path, 'l'));
    for (const name of ['d', 'l', 'missing']) {
      await expect(readTranscriptFacts(openDir(path), fixedName(name), ASKED)).rejects.toThrow();
    }
  });
});

describe('what else a transcript tells', () => {
  const at = (timestamp: string, fields: object = {}) => line({ type: 'user', ...fields, timestamp });
  const by = (...entrypoints: string[]) => entrypoints.map((entrypoint) => line({ type: 'user', entrypoint })).join('');

  it.each<{ what: string; text: string; expected: string | undefined }>([
    {
      what: 'the newest, wherever it stands',
      text: at('2026-11-02T00:00:00.000Z') + at('2026-11-01T00:00:00.000Z'),
      expected: '2026-11-02',
    },
    {
      what: 'that of a long entry',
      text: at('2026-11-02T00:00:00.000Z', { text: 'x'.repeat(3 << 20) }),
      expected: '2026-11-02',
    },
    {
      what: 'none of the future',
      text: at('2026-11-02T00:00:00.000Z') + at('2099-01-01T00:00:00.000Z'),
      expected: '2026-11-02',
    },
    {
      what: 'one that another program wrote',
      text: '{"timestamp": "2026-11-02T00:00:00.000Z"}\n',
      expected: '2026-11-02',
    },
    {
      what: 'none that is only spoken of',
      text: message('{"timestamp":"2026-11-02T00:00:00.000Z"}'),
      expected: undefined,
    },
    { what: 'one without milliseconds', text: at('2026-11-02T00:00:00Z'), expected: '2026-11-02' },
    { what: 'one to the microsecond', text: at('2026-11-02T00:00:00.000123+00:00'), expected: '2026-11-02' },
    { what: 'one of another zone', text: at('2026-11-01T20:30:00-03:30'), expected: '2026-11-02' },
    { what: 'one of no zone, which is UTC', text: at('2026-11-02 00:00:00'), expected: '2026-11-02' },
    { what: 'one of a day that there is not', text: at('2026-10-33T00:00:00Z'), expected: '2026-11-02' },
    {
      what: 'one that its zone brings into the future',
      text: at('2026-11-21T04:00:00-09:00'),
      expected: '2026-11-21T04:17Z',
    },
    { what: 'none of another form', text: at('2026') + at('yesterday') + at('2026-11-02'), expected: undefined },
  ])('is its time: $what', async ({ text, expected }) => {
    const facts = await factsOf(text);
    expect(facts?.lastEntryMs).toBe(expected === undefined ? undefined : Date.parse(expected));
  });

  it.each<{ what: string; text: string; expected: string | undefined }>([
    { what: 'a terminal', text: by('cli'), expected: 'cli' },
    { what: 'the SDK', text: by('sdk-ts', 'cli'), expected: 'sdk' },
    { what: 'Desktop', text: by('claude-desktop'), expected: 'desktop' },
    { what: 'what Desktop wrote last', text: by('cli', 'local-agent'), expected: 'desktop' },
    { what: 'what Desktop made', text: by('claude-desktop-3p', 'cli'), expected: 'desktop' },
    { what: 'nobody known', text: by('telepathy'), expected: undefined },
    { what: 'titles alone', text: line({ type: 'ai-title', aiTitle: 't' }) + tag('x'), expected: 'metadata' },
    {
      what: 'titles with a word of a user',
      text: line({ type: 'ai-title', aiTitle: 't' }) + message('hi'),
      expected: undefined,
    },
    {
      what: 'titles with an entry that nobody knows',
      text: line({ type: 'ai-title' }) + line({ type: 'new' }),
      expected: undefined,
    },
    { what: 'titles and half a line', text: `${line({ type: 'ai-title' })}{"type":"us`, expected: undefined },
    { what: 'nothing at all', text: '', expected: undefined },
  ])('is its class: $what', async ({ text, expected }) => {
    expect((await factsOf(text))?.sessionClass).toBe(expected);
  });

  it('is the same however the file is cut into pieces', () => {
    const parts = fc.constantFrom(
      at('2026-11-02T00:00:00.000Z'),
      at('2026-11-03T00:00:00.000Z'),
      by('cli'),
      by('sdk-py'),
      line({ type: 'user', turnOrigin: 'human', sessionKind: 'bg' }),
      line({ type: 'user', turnOrigin: 'scheduled' }),
      '\n',
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 90 })), (lines, cuts) => {
        const bytes = Buffer.from(lines.join(''));
        expect(readerOf(bytes, cuts).end()).toEqual(readerOf(bytes, []).end());
      }),
    );
  });

  it('is not waited for where the run is to stop', async () => {
    expect(await factsOf(BIG, { ...ASKED, isToStop: async () => true })).toBeUndefined();
  });
});
