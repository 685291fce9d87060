import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mountPointsBelow, mountPointsIn } from '../../src/files/mount-points.ts';
import { openDir } from '../support/opened.ts';
import { tempDir } from '../support/temp-dir.ts';

function line(mountPoint: string): string {
  return `63 43 254:0 / ${mountPoint} rw,relatime shared:1 - ext4 /dev/vda rw`;
}

function below(prefix: string, ...mountPoints: readonly string[]): string[] {
  return [...mountPointsIn(`${mountPoints.map(line).join('\n')}\n`, prefix)];
}

describe('the mount points below a directory', () => {
  it('are told relative to it, at any depth', () => {
    expect(below('/c/', '/c/projects', '/c/projects/-srv-app/memory')).toEqual([
      'projects',
      'projects/-srv-app/memory',
    ]);
  });

  it('are neither the directory itself, nor what is above or beside it', () => {
    expect(below('/c/', '/', '/c', '/cd', '/cd/e', '/other/c/d')).toEqual([]);
  });

  it.each([
    { escaped: '/c/a\\040b', name: 'a b' },
    { escaped: '/c/a\\011b', name: 'a\tb' },
    { escaped: '/c/a\\012b', name: 'a\nb' },
    { escaped: '/c/a\\134b', name: 'a\\b' },
    { escaped: '/c/a\\134040b', name: 'a\\040b' },
    { escaped: '/c/\xff', name: '\xff' },
  ])('are found by their real name where the kernel writes $escaped', ({ escaped, name }) => {
    expect(below('/c/', escaped)).toEqual([name]);
  });

  it('are none in an empty table', () => {
    expect([...mountPointsIn('', '/c/')]).toEqual([]);
    expect([...mountPointsIn('\n\n', '/c/')]).toEqual([]);
  });

  it('are those that the kernel knows of here', () => {
    expect(mountPointsBelow(openDir('/'))).toContain('proc');
    expect([...mountPointsBelow(openDir(join(tempDir())))]).toEqual([]);
  });
});
