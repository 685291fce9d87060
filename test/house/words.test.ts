import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { declaredNames, fragments, RETIRED_WORDS, retiredNames, WHOLE_SENTENCES, wordsOf } from './words.ts';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));
const glossary = readFileSync(new URL('../../docs/glossary.md', import.meta.url), 'utf8');

describe('the names of the source tree', () => {
  it('hold no retired word', () => {
    const paths = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
    const found = paths.sort().flatMap((path) => retiredNames(path, readFileSync(join(SRC, path), 'utf8')));
    expect(found).toEqual([]);
  });

  it.each([
    ['a class', 'export class PatientCalls {}', 'patient'],
    ['a function', 'function refuseEmpty(): void {}', 'refuse'],
    ['a private method', 'class A {\n  async #beginTrust(): Promise<void> {}\n}', 'trust'],
    ['a private field', 'class A {\n  readonly #displaced = new Set();\n}', 'displaced'],
    ['a constant', 'const LYING_STATES = new Set();', 'lying'],
    ['a member of a shape', 'interface A {\n  readonly newcomers: string;\n}', 'newcomers'],
  ])('would be found out by a retired word: %s', (_, text, word) => {
    expect(retiredNames('a.ts', text)).toEqual([expect.stringContaining(`“${word}”`)]);
  });

  it('would be found out by the name of a file', () => {
    expect(retiredNames('files/path-utils.ts', '')).toEqual([expect.stringContaining('“utils”')]);
  });

  it('are taken from the code, not from what it says', () => {
    expect(declaredNames("/** const a = 1 */ const b = 'const c'; // let d")).toEqual(['b']);
    expect(wordsOf('#openSQLiteDirs_of')).toEqual(['open', 'sq', 'lite', 'dirs', 'of']);
  });
});

describe('the doc comments', () => {
  const paths = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
  const placeOf = (path: string) => (path.split('/')[0] ?? '').replace(/\.ts$/, '');

  it('begin as sentences do, where that is held', () => {
    expect(WHOLE_SENTENCES.filter((place) => !paths.some((path) => placeOf(path) === place))).toEqual([]);
    const held = paths.filter((path) => WHOLE_SENTENCES.includes(placeOf(path))).sort();
    expect(held.flatMap((path) => fragments(path, readFileSync(join(SRC, path), 'utf8')))).toEqual([]);
  });

  it.each([
    ['of one line', '/** What is left. */', 'What is left.'],
    ['of several lines', '/**\n * Of a run, the last\n * time.\n */', 'Of a run, the last'],
    ['in a class', '  /**\n   * Where it is.\n   */', 'Where it is.'],
  ])('would be found out by a fragment %s', (_, text, beginning) => {
    expect(fragments('a.ts', text)).toEqual([expect.stringContaining(beginning)]);
    expect(fragments('a.ts', text.replace(beginning, 'Tells it.'))).toEqual([]);
  });
});

describe('the glossary', () => {
  const words = Array.from(glossary.matchAll(/^\| ([^|]+) \|/gm), ([, cell = '']) => cell.split(', '))
    .flat()
    .slice(1);

  it('explains each word once', () => {
    expect(words.length).toBeGreaterThan(30);
    expect(words.filter((word, place) => words.indexOf(word) !== place)).toEqual([]);
  });

  it('has no word that is retired', () => {
    expect(words.filter((word) => Object.hasOwn(RETIRED_WORDS, word))).toEqual([]);
  });
});
