import { describe, expect, it } from 'vitest';
import { cached } from '../../src/daemon/page-cache.ts';

const KEPT_MS = 100;

describe('a page that is kept', () => {
  it('is read once for all who ask in that time, and anew after it', async () => {
    let nowMs = 0;
    let reads = 0;
    const page = cached(
      KEPT_MS,
      async () => {
        reads += 1;
        return reads;
      },
      () => nowMs,
    );
    expect(await page()).toBe(1);
    nowMs = 99;
    expect(await page()).toBe(1);
    nowMs = 100;
    expect(await page()).toBe(2);
  });

  it('is read once for all who ask while it is read, however long that takes', async () => {
    let nowMs = 0;
    let reads = 0;
    let end: (page: string) => void = () => undefined;
    const page = cached(
      KEPT_MS,
      () => {
        reads += 1;
        return new Promise<string>((resolve) => {
          end = resolve;
        });
      },
      () => nowMs,
    );
    const first = page();
    nowMs = 1_000;
    const second = page();
    end('old');
    expect(await Promise.all([first, second])).toEqual(['old', 'old']);
    expect(reads).toBe(1);
    const third = page();
    end('new');
    expect(await third).toBe('new');
  });

  it('is not kept where it could not be read', async () => {
    let reads = 0;
    const page = cached(
      KEPT_MS,
      async () => {
        reads += 1;
        if (reads === 1) throw new Error('not now');
        return reads;
      },
      () => 0,
    );
    const asked = [page(), page()];
    for (const one of asked) await expect(one).rejects.toThrow('not now');
    expect(await page()).toBe(2);
  });
});
