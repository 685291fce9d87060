import { describe, expect, it } from 'vitest';
import { freeSpace, neededInNames, neededRoom } from '../../../src/jobs/guards/free-space.ts';

const PROJECTS = [0, 0, 1, 2, 2];

describe('The guard of free space', () => {
  it('says nothing where there is room for all, or where the file system does not say', () => {
    const { bytes, inodes } = neededRoom(5, 3);
    expect(freeSpace('/c', PROJECTS, { bytes, inodes })).toBeUndefined();
    expect(freeSpace('/c', PROJECTS, { bytes: undefined, inodes: undefined })).toBeUndefined();
  });

  it('lets as many go as can be written down, the first ones', () => {
    const { bytes, inodes } = neededRoom(3, 2);
    expect(freeSpace('/c', PROJECTS, { bytes, inodes: 1_000 })).toMatchObject({ portion: 3 });
    expect(freeSpace('/c', PROJECTS, { bytes: 2 ** 30, inodes })).toMatchObject({ portion: 3 });
  });

  it('lets as many go as names have room for, where these take no blocks', () => {
    const { inodes } = neededInNames(2, 1);
    expect(freeSpace('/c', PROJECTS, { bytes: 0, inodes, isInMemory: true })).toMatchObject({ portion: 2 });
    expect(freeSpace('/c', PROJECTS, { bytes: 0, inodes: 1_000, isInMemory: true })).toBeUndefined();
  });

  it('lets none go where not even the first can be written down, and names what is missing', () => {
    expect(freeSpace('/c', PROJECTS, { bytes: 0, inodes: 1_000 })).toMatchObject({
      guard: 'free-space',
      portion: 0,
      message: expect.stringContaining('purge the trash or free some space first'),
    });
    expect(freeSpace('/c', PROJECTS, { bytes: 2 ** 30, inodes: 2 })?.message).toContain('2 inodes are free');
  });
});
