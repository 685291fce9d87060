import { describe, expect, it } from 'vitest';
import { progressOn } from '../../src/cli/progress.ts';

/** A terminal's last line, after all that was written to it. */
function screen(stream: { readonly isTTY?: boolean; readonly columns?: number }) {
  let written = '';
  const progress = progressOn({ ...stream, write: (text: string) => (written += text) });
  const line = () => written.split('\r').at(-1)?.replace('\u001b[K', '') ?? '';
  return { progress, line, written: () => written };
}

describe('the progress of a job', () => {
  it('is a line that the next one is written over', () => {
    const { progress, line, written } = screen({ isTTY: true, columns: 120 });
    progress.show({ phase: 'scan', done: 1_234 });
    expect(line()).toBe('looking at sessions 1,234');
    progress.show({ phase: 'remove', done: 1_000, total: 4_000 });
    expect(line()).toBe(`moving to the trash ${'█'.repeat(10)}${'░'.repeat(30)} 1,000 of 4,000`);
    progress.show({ phase: 'purge', done: 5, total: 5 });
    expect(line()).toBe(`purging ${'█'.repeat(40)} 5 of 5`);
    expect(written()).not.toContain('\n');
    progress.clear();
    expect(line()).toBe('');
  });

  it.each([
    ['nothing in all', 0, 0, 40],
    ['more than there should be', 9, 3, 40],
    ['nothing yet', 0, 3, 0],
  ])('has a bar where it is %s', (_name, done, total, filled) => {
    const { progress, line } = screen({ isTTY: true, columns: 120 });
    progress.show({ phase: 'purge', done, total });
    expect(line().match(/█/g)?.length ?? 0).toBe(filled);
    expect(line().match(/[█░]/g)).toHaveLength(40);
  });

  it.each([[20], [80], [0], [undefined]])('stays on its line on a terminal of %s columns', (columns) => {
    const { progress, line } = screen({ isTTY: true, ...(columns === undefined ? {} : { columns }) });
    progress.show({ phase: 'scan', done: 1 });
    expect(line()).toMatch(/^looking at session/);
    progress.show({ phase: 'remove', done: 999_999_999, total: 1_000_000_000 });
    expect(line().length).toBeLessThan(columns || 80);
  });

  it('is cleared only where it is shown', () => {
    const { progress, written } = screen({ isTTY: true });
    progress.clear();
    expect(written()).toBe('');
  });

  it('is nothing where no person looks on', () => {
    const { progress, written } = screen({});
    progress.show({ phase: 'scan', done: 1 });
    progress.clear();
    expect(written()).toBe('');
  });
});
