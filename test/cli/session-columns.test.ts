import { describe, expect, it } from 'vitest';
import { renderFaces } from '../../src/cli/session-columns.ts';
import type { Colors, OutputStream } from '../../src/cli/terminal.ts';
import { textWidth } from '../../src/format/text-width.ts';

const HEADING = ['ID', 'LAST USED', 'SIZE', 'NEXT', 'PROJECT', 'TITLE'];
const ROWS = [
  [
    'a94d2b18',
    '2026-11-26 2d',
    '799 KiB',
    'stays 27d more',
    '/home/ada/a/long/way/to/the/shop',
    'Move invoices to a schema',
  ],
  [
    'd25c9f04',
    '2026-09-28 61d',
    '13.3 MiB',
    'goes: expired',
    '/home/ada/notes',
    '会議の議事録をまとめる、それから共有する',
  ],
];

function rendered(columns: number | undefined): string[] {
  const stream = { isTTY: columns !== undefined, columns } as OutputStream;
  const plain = (text: string) => text;
  const colors = { bold: plain } as Colors;
  return renderFaces(HEADING, ROWS, { nowMs: 0, home: '/home/me', colors, stream }).split('\n');
}

describe('A table of sessions', () => {
  it.each([80, 100, 120])(
    'is no wider than a terminal of %i columns, and tells some of project and title',
    (columns) => {
      const lines = rendered(columns);
      for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(columns);
      expect(lines[1]).toMatch(/shop +Move /);
    },
  );

  it('gives up the title last where there is room for it', () => {
    expect(rendered(112)[1]).toMatch(/ Move invoices to a schema$/);
  });

  it('is whole where it is piped', () => {
    const [, first = ''] = rendered(undefined);
    expect(first).toContain('/home/ada/a/long/way/to/the/shop  Move invoices to a schema');
  });
});
