import { describe, expect, it } from 'vitest';
import { BoundedLooks } from '../../src/files/bounded-looks.ts';

describe('looks at paths that may hang', () => {
  it('give up one that does not answer in time, and tell what the others say', async () => {
    const looks = new BoundedLooks(
      (path) => (path === '/hung' ? new Promise<string>(() => undefined) : Promise.resolve(path)),
      () => new Promise((resolve) => setImmediate(resolve, undefined)),
    );
    expect(await Promise.all([looks.at('/hung'), looks.at('/there')])).toEqual([undefined, '/there']);
  });

  it('ask none again before it has answered, so that one that hangs holds one thread', async () => {
    let asked = 0;
    let answer: (value: string) => void = () => undefined;
    const looks = new BoundedLooks<string>(
      () => {
        asked += 1;
        return new Promise((resolve) => {
          answer = resolve;
        });
      },
      async () => undefined,
    );
    await looks.at('/hung');
    await looks.at('/hung');
    expect(asked).toBe(1);
    answer('awake');
    await new Promise((resolve) => setImmediate(resolve));
    const again = looks.at('/hung');
    answer('asked anew');
    await again;
    expect(asked).toBe(2);
  });

  it('tell of one that fails that it is unknown', async () => {
    expect(await new BoundedLooks(() => Promise.reject(new Error('gone'))).at('/gone')).toBeUndefined();
  });
});
