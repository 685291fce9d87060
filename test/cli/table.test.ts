import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { renderTable } from '../../src/cli/table.ts';
import { colorsFor } from '../../src/cli/terminal.ts';

const write = () => undefined;
const plain = colorsFor({ write }, {});
const colored = colorsFor({ write, isTTY: true }, {});

describe('a table', () => {
  it('has columns as wide as their widest cells, and nothing behind the last', () => {
    const table = renderTable(
      ['NAME', 'SIZE', ''],
      [
        ['a', '1,000 B', 'x'],
        ['longer', '', ''],
      ],
      plain,
      [1],
    );
    expect(table.split('\n')).toEqual(['NAME       SIZE', 'a       1,000 B  x', 'longer']);
  });

  it('is its heading where there are no rows', () => {
    expect(renderTable(['A', 'B'], [], plain)).toBe('A  B');
  });

  it('aligns what is wide', () => {
    const rows = [
      ['日本語', '1'],
      ['👨‍👩‍👧', '2'],
      ['é'.normalize('NFD'), '3'],
      ['plain', '4'],
    ];
    expect(renderTable(['NAME', 'N'], rows, plain).split('\n').slice(1)).toEqual([
      '日本語  1',
      '👨‍👩‍👧      2',
      `${'é'.normalize('NFD')}       3`,
      'plain   4',
    ]);
  });

  it('stands as it would without colours, with a bold heading', () => {
    const [heading, rows] = [
      ['NAME', 'SIZE'],
      [
        ['a', '10 B'],
        ['bcdef', '1 B'],
      ],
    ];
    const table = renderTable(heading, rows, colored, [1]);
    expect(table).toContain('\u001b[1mNAME\u001b[22m');
    expect(stripVTControlCharacters(table)).toBe(renderTable(heading, rows, plain, [1]));
  });

  it('shows control characters in words, and keeps a cell on its line', () => {
    const table = renderTable(['NAME', 'N'], [['a\n\u001b[31mb', '1']], plain);
    expect(table.split('\n')).toEqual([`NAME${' '.repeat(16)}N`, 'a\\u000a\\u001b[31mb  1']);
  });

  it('takes as many rows as there are', () => {
    const rows = Array.from({ length: 200_000 }, (_, number) => [String(number), 'x']);
    expect(renderTable(['N', 'X'], rows, plain).split('\n')).toHaveLength(200_001);
  });
});

describe('colours', () => {
  it.each([
    ['a terminal', { isTTY: true }, {}, '\u001b[31mx\u001b[39m'],
    ['a terminal, where NO_COLOR is empty', { isTTY: true }, { NO_COLOR: '' }, '\u001b[31mx\u001b[39m'],
    ['a terminal that is not to have them', { isTTY: true }, { NO_COLOR: '1' }, 'x'],
    ['a terminal that has none', { isTTY: true }, { TERM: 'dumb' }, 'x'],
    ['a file', {}, {}, 'x'],
  ])('are given to %s as they should be', (_name, stream, environment, shown) => {
    expect(colorsFor({ write, ...stream }, environment).red('x')).toBe(shown);
  });
});
