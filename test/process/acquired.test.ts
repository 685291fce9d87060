import { describe, expect, it } from 'vitest';
import { Acquired } from '../../src/process/acquired.ts';

describe('What was acquired', () => {
  it('is given back in reverse, each after the one before, and once', async () => {
    const released: string[] = [];
    const acquired = new Acquired();
    acquired.add('lock', (name) => void released.push(name));
    acquired.add('server', async (name) => {
      await Promise.resolve();
      released.push(name);
    });
    await acquired.release();
    await acquired.release();
    expect(released).toEqual(['server', 'lock']);
  });

  it('is given back whatever becomes of the others, and the first error is told', async () => {
    const released: string[] = [];
    const acquired = new Acquired();
    const failing = (name: string) => {
      throw new Error(`close ${name}`);
    };
    acquired.add('lock', (name) => void released.push(name));
    acquired.add('directory', failing);
    acquired.add('database', failing);
    await expect(acquired.release()).rejects.toThrow('close database');
    expect(released).toEqual(['lock']);
  });
});
