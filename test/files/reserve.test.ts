import { readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AnchoredDir } from '../../src/files/anchored-dir.ts';
import { giveUpReserve, keepReserve, RESERVE_BYTES, RESERVE_INODES, reservedRoom } from '../../src/files/reserve.ts';
import { tempDir } from '../support/temp-dir.ts';

function opened(path: string): AnchoredDir {
  return AnchoredDir.open(path);
}

describe('The reserve', () => {
  it('takes real blocks and as many inodes, and gives both back', () => {
    const path = tempDir();
    const parent = opened(path);
    keepReserve(parent);
    const blocks = readdirSync(join(path, 'reserve')).map((name) => statSync(join(path, 'reserve', name)).blocks * 512);
    expect(blocks.reduce((sum, bytes) => sum + bytes, 0)).toBeGreaterThanOrEqual(RESERVE_BYTES);
    expect(reservedRoom(parent)).toEqual({ bytes: RESERVE_BYTES, inodes: RESERVE_INODES });
    expect(giveUpReserve(parent)).toBe(RESERVE_BYTES);
    expect(readdirSync(join(path, 'reserve'))).toEqual([]);
    expect(reservedRoom(parent)).toEqual({ bytes: 0, inodes: 0 });
    parent.close();
  });

  it('is made whole again where a kill or a full disk has left it in part', () => {
    const path = tempDir();
    const parent = opened(path);
    keepReserve(parent);
    truncateSync(join(path, 'reserve/0'), 10);
    rmSync(join(path, 'reserve/7'));
    keepReserve(parent);
    expect(reservedRoom(parent)).toEqual({ bytes: RESERVE_BYTES, inodes: RESERVE_INODES });
    parent.close();
  });

  it('is nothing where none was ever made', () => {
    const parent = opened(tempDir());
    expect(reservedRoom(parent)).toEqual({ bytes: 0, inodes: 0 });
    expect(giveUpReserve(parent)).toBe(0);
    parent.close();
  });
});
