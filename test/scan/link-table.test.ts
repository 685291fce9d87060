import { describe, expect, it } from 'vitest';
import { LinkTable } from '../../src/scan/link-table.ts';

const [FIRST, SECOND] = [7, 8];

describe('The table of files with several names', () => {
  it('calls a unit linked elsewhere until every name of its files has been seen', () => {
    const links = new LinkTable();
    links.add(100, 3, FIRST);
    links.add(100, 3, SECOND);
    links.add(200, 2, SECOND);
    links.add(200, 2, SECOND);
    expect([...links.rowsWithUnseen()]).toEqual([FIRST, SECOND]);
    expect(links.unseen()).toEqual(new Set([100]));
    links.add(100, 3);
    expect([...links.rowsWithUnseen()]).toEqual([]);
    expect(links.seenNamesIn(SECOND)).toEqual(
      new Map([
        [100, 3],
        [200, 2],
      ]),
    );
    expect(links.seenNamesIn(9)).toEqual(new Map());
  });

  it('believes the larger of two numbers of names: one was made while the scan went on', () => {
    const links = new LinkTable();
    links.add(100, 2, FIRST);
    links.add(100, 3, SECOND);
    expect(links.unseen()).toEqual(new Set([100]));
  });
});
