import { mkdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MarkReader, readSessionMarks } from '../../src/claude-dir/session-marks.ts';
import { fixedName } from '../../src/files/byte-name.ts';
import { openDir } from '../support/opened.ts';
import { tempDir } from '../support/temp-dir.ts';

const line = (entry: object) => `${JSON.stringify(entry)}\n`;
const tag = (text: string) => line({ type: 'tag', tag: text, sessionId: 'x' });
const title = (text: string) => line({ type: 'custom-title', customTitle: text, sessionId: 'x' });
const message = (text: string) => line({ type: 'user', message: { content: text } });

function marksOf(text: string) {
  const path = tempDir();
  writeFileSync(join(path, 't.jsonl'), text);
  return readSessionMarks(openDir(path), fixedName('t.jsonl'));
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
  ])('are read: $what', ({ text, marks }) => {
    expect(marksOf(text)).toEqual({ tag: undefined, title: undefined, ...marks });
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
        const reader = new MarkReader();
        let position = 0;
        for (const cut of [...cuts, bytes.length]) {
          reader.add(bytes.subarray(position, position + cut));
          position += cut;
        }
        const tags = lines.filter((one) => one.startsWith('{"type":"tag"')).map((one) => JSON.parse(one).tag as string);
        expect(reader.end().tag).toBe(tags.at(-1) || undefined);
      }),
    );
  });

  it('leave the file as it was, its access time too', () => {
    const path = tempDir();
    writeFileSync(join(path, 't.jsonl'), tag('keep'));
    utimesSync(join(path, 't.jsonl'), 1_000, 2_000);
    readSessionMarks(openDir(path), fixedName('t.jsonl'));
    expect(statSync(join(path, 't.jsonl')).atimeMs).toBe(1_000_000);
  });

  it('are not looked for in what is no file', () => {
    const path = tempDir();
    mkdirSync(join(path, 'd'));
    symlinkSync('/etc/passwd', join(path, 'l'));
    for (const name of ['d', 'l', 'missing']) expect(() => readSessionMarks(openDir(path), fixedName(name))).toThrow();
  });
});
