import { mkdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readManyFacts } from '../../src/claude-dir/bulk-facts.ts';
import { FactsReader, type TranscriptFacts } from '../../src/claude-dir/transcript-facts.ts';
import { fixedName } from '../../src/files/byte-name.ts';
import { builtNativePart } from '../support/native.ts';
import { openDir } from '../support/opened.ts';
import { tempDir } from '../support/temp-dir.ts';
import { NOW } from '../support/units.ts';

const PROJECT = fixedName('-srv-app');
const line = (entry: object) => `${JSON.stringify(entry)}\n`;
const TIME = '2026-11-02T00:00:00.000Z';

/** @returns of each text what the native part tells of it, in their order; `by itself` where it tells nothing */
async function told(texts: readonly (string | Buffer)[], shouldStop = async () => false) {
  const path = tempDir();
  mkdirSync(join(path, PROJECT));
  const files = texts.map((text, index) => {
    writeFileSync(join(path, PROJECT, `${index}.jsonl`), text);
    return { project: PROJECT, name: fixedName(`${index}.jsonl`), bytes: text.length, index };
  });
  const found: (TranscriptFacts | 'by itself' | undefined)[] = texts.map(() => undefined);
  await readManyFacts(builtNativePart(), openDir(path), files, {
    nowMs: NOW,
    shouldStop,
    take: ({ index }, facts) => {
      found[index] = facts ?? 'by itself';
    },
  });
  return found;
}

function readWhole(text: string | Buffer): TranscriptFacts {
  const reader = new FactsReader(NOW);
  reader.add(Buffer.from(text));
  return reader.end();
}

const anyLine = fc.oneof(
  fc.constantFrom(
    line({ type: 'user', timestamp: TIME, entrypoint: 'cli', sessionKind: 'bg', turnOrigin: 'human' }),
    line({ type: 'user', timestamp: '2026-11-03T00:00:00.000Z', entrypoint: 'sdk-py', turnOrigin: 'scheduled' }),
    line({ timestamp: '2099-01-01T00:00:00.000Z', entrypoint: 'x'.repeat(41), turnOrigin: 'x'.repeat(40) }),
    '{"timestamp": "2026-11-04T00:00:00.000Z", "entrypoint": "mcp", "turnOrigin": "human"}\n',
    ...[
      'T00:00:00Z',
      'T10:00:00.123456+00:00',
      'T23:00:00-08:00',
      ' 12:00:00',
      'T24:61:00Z',
      'T01:02:03.1234567890123456789012345678Z',
    ].map((time) => line({ type: 'user', timestamp: `2026-11-06${time}` })),
    line({ type: 'tag', tag: 'keep' }),
    line({ type: 'tag', tag: '' }),
    line({ type: 'custom-title', customTitle: 't', by: 'user' }),
    line({ type: 'custom-title', customTitle: 'Mine (fork)' }),
    line({ type: 'ai-title', aiTitle: 'ä' }),
    line({ type: 'user', message: '{"type":"tag","tag":"keep","timestamp":"2026-11-05T00:00:00.000Z"}' }),
    line({ type: 'tag', tag: 'keep', more: 'x'.repeat(70_000) }),
    `{"t":"${'x'.repeat(70_000)}`,
    '\0'.repeat(300_000),
    '{"timestamp":"2026-1',
    '{"entrypoint":"cli',
    '"entrypoint":\n"cli"',
    '\n',
    ' \n',
    '\0',
  ),
  fc.integer({ min: 1, max: 300_000 }).map((length) => line({ type: 'assistant', text: 'x'.repeat(length) })),
);

describe('what is told of many transcripts at once', () => {
  it('is what reading each by itself tells', async () => {
    const property = fc.asyncProperty(
      fc.array(
        fc.array(anyLine, { maxLength: 8 }).map((lines) => lines.join('')),
        { maxLength: 6 },
      ),
      async (texts) => {
        expect(await told(texts)).toEqual(texts.map(readWhole));
      },
    );
    await fc.assert(property, { numRuns: 150 });
  });

  it('is the same wherever a field or a mark stands between two pieces', async () => {
    const entry = line({ timestamp: TIME, entrypoint: 'sdk-ts', turnOrigin: 'human', sessionKind: 'bg' });
    const mark = line({ type: 'tag', tag: 'keep' });
    const texts: string[] = [];
    for (let before = (1 << 18) - 230; before < 1 << 18; before += 3) {
      // As one line that is too long for a mark, and as short ones.
      texts.push(`{"t":"${'x'.repeat(before)}",${entry}${mark}`);
      texts.push(`${line({ t: 'x'.repeat(200) }).repeat(before / 210)}${'x'.repeat(before % 210)}\n${entry}${mark}`);
    }
    expect(await told(texts)).toEqual(texts.map(readWhole));
    expect((await told(texts.slice(0, 1)))[0]).toMatchObject({ tag: 'keep', lastEntryMs: Date.parse(TIME) });
  });

  it('does not come to those that are left when it is to stop', async () => {
    let asked = 0;
    const texts = Array.from({ length: 1_000 }, () => line({ type: 'tag', tag: 'keep' }));
    const found = await told(texts, async () => ++asked > 3);
    const taken = found.filter((one) => one !== undefined);
    expect(taken.length).toBeGreaterThan(0);
    expect(taken.length).toBeLessThan(1_000);
    for (const one of taken) expect(one).toMatchObject({ tag: 'keep' });
  });

  it('leaves what is no regular file, is gone, or has too many marks to whoever reads it by itself', async () => {
    const path = tempDir();
    mkdirSync(join(path, PROJECT, 'directory'), { recursive: true });
    symlinkSync('/etc/passwd', join(path, PROJECT, 'symlink'));
    writeFileSync(join(path, PROJECT, 'marks'), line({ type: 'tag', tag: 'x'.repeat(1_000) }).repeat(2_000));
    writeFileSync(join(path, PROJECT, 'file'), line({ type: 'tag', tag: 'keep' }));
    utimesSync(join(path, PROJECT, 'file'), 1_000, 2_000);
    const names = ['directory', 'symlink', 'marks', 'gone', 'file'];
    const files = names.map((name) => ({ project: PROJECT, name: fixedName(name), bytes: 1 }));
    const elsewhere = { project: fixedName('-srv-gone'), name: fixedName('file'), bytes: 1 };
    const found = new Map<string, unknown>();
    await readManyFacts(builtNativePart(), openDir(path), [...files, elsewhere], {
      nowMs: NOW,
      shouldStop: async () => false,
      take: ({ project, name }, facts) => void found.set(`${project}/${name}`, facts?.tag),
    });
    expect(Object.fromEntries(found)).toEqual({
      '-srv-app/directory': undefined,
      '-srv-app/symlink': undefined,
      '-srv-app/marks': undefined,
      '-srv-app/gone': undefined,
      '-srv-gone/file': undefined,
      '-srv-app/file': 'keep',
    });
    expect(statSync(join(path, PROJECT, 'file')).atimeMs).toBe(1_000_000);
  });

  it.each<{ what: string; words: readonly number[]; names: readonly number[] }>([
    { what: 'has no words', words: [], names: [0] },
    { what: 'has names that do not end', words: [3, 0, 0, 0], names: [1] },
    { what: 'has more keys than it has words', words: [3, 0, 2, 0, 0, 0, 0], names: [97, 0] },
    { what: 'has more keys than are allowed', words: [3, 0, 9, 0, ...Array(27).fill(0)], names: [97, 0] },
    { what: 'begins a name beyond the names', words: [3, 0, 0, 0, 0, 2], names: [97, 0] },
    { what: 'has half a file', words: [3, 0, 0, 0, 0], names: [97, 0] },
    { what: 'wants whole what is too large', words: [3, 1 << 17, 0, 0], names: [97, 0] },
  ])('is refused for a request that $what', async ({ words, names }) => {
    const asked = builtNativePart().look(Uint32Array.from(words), Uint8Array.from(names), new Int32Array(1));
    await expect(asked).rejects.toThrow('no request for the native part');
  });
});
