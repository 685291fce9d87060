import { describe, expect, it } from 'vitest';
import { keptFor } from '../../src/daemon/metrics.ts';

describe('a page that is kept', () => {
  it('is read once for all who ask in that time, and anew after it', async () => {
    let nowMs = 0;
    let reads = 0;
    const page = keptFor(
      100,
      async () => {
        reads += 1;
        return reads;
      },
      () => nowMs,
    );
    expect(await page.read()).toBe(1);
    nowMs = 99;
    expect(await page.read()).toBe(1);
    nowMs = 100;
    expect(await page.read()).toBe(2);
  });

  it('is not kept where it could not be read', async () => {
    let reads = 0;
    const page = keptFor(100, async () => {
      reads += 1;
      if (reads === 1) throw new Error('not now');
      return reads;
    });
    await expect(page.read()).rejects.toThrow('not now');
    expect(await page.read()).toBe(2);
  });

  it('is read anew once it is out of date, and not kept where that shows while it is read', async () => {
    let reads = 0;
    let end: () => void = () => undefined;
    const page = keptFor(100, async () => {
      reads += 1;
      const read = reads;
      if (read === 2)
        await new Promise<void>((resolve) => {
          end = resolve;
        });
      return read;
    });
    expect(await page.read()).toBe(1);
    page.forget();
    const slow = page.read();
    page.forget();
    end();
    expect(await slow).toBe(2);
    expect(await page.read()).toBe(3);
    expect(await page.read()).toBe(3);
  });
});
