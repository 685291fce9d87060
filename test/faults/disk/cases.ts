/** What a disk may be like, and what must be true then: caps hold, space comes free, nothing live is lost, and nothing is a dead end. */

import { join } from 'node:path';
import { fill, fillInodes, mountExt4, mountTmpfs } from '../resources/mounts.ts';
import { DiskPlace, type DiskPlaceOptions } from './disk-place.ts';

const MB = 1_000_000;
const AT_ONCE = ['--trash-keep', '1ms'];
const CAP_AT_ONCE = ['--trash-keep-at-least', '1ms'];

export interface DiskCase {
  readonly name: string;
  readonly isShort: boolean;
  /** @returns the place, with its faults */
  run(directory: string, seed: number): Promise<DiskPlace>;
}

export type FileSystem = 'tmpfs' | 'ext4';

/** Mounts a file system over the Claude directory, and makes sessions on it. */
export function placeOn(kind: FileSystem, megabytes: number, directory: string, options: DiskPlaceOptions): DiskPlace {
  const at = join(directory, 'claude');
  if (kind === 'tmpfs') mountTmpfs(at, `size=${megabytes}m,nr_inodes=${megabytes * 100}`);
  else mountExt4(at, join(directory, 'disk.img'));
  return new DiskPlace(directory, options);
}

/** Half of the disk is sessions of which most have expired. */
const oldOnes = (megabytes: number, seed: number): DiskPlaceOptions => ({
  seed,
  sessions: 12,
  bytesMax: (megabytes * MB) / 16,
  ageDays: [35, 90],
});

const full = (
  kind: FileSystem,
  megabytes: number,
  what: 'blocks' | 'inodes',
  isShort: boolean,
  isFirstRun = false,
): DiskCase => ({
  name: `${kind} of ${megabytes} MB, full to the last of its ${what}${isFirstRun ? ' before the first run' : ''}`,
  isShort,
  run: async (directory, seed) => {
    const place = placeOn(kind, megabytes, directory, oldOnes(megabytes, seed));
    if (isFirstRun) await place.pinLive();
    else await place.warmUp();
    if (what === 'blocks') fill(place.claudeDir);
    else fillInodes(place.claudeDir);
    const before = place.freeBytes();
    await place.expectCode(['--run-now', ...AT_ONCE], 0);
    place.expectWhole();
    place.expect(place.count('gone') === place.others.length, `${place.count('gone')} of ${place.others.length} went`);
    place.expect(place.freeBytes() > before + MB / 4, `only ${place.freeBytes() - before} bytes came free`);
    await place.expectCode(['--run-now', ...AT_ONCE], 0);
    return place;
  },
});

/** Young enough to stay but for the limit. */
const keptOnes = (megabytes: number, seed: number, hasSparse: boolean): DiskPlaceOptions => ({
  seed,
  sessions: 16,
  bytesMax: (megabytes * MB) / 20,
  ageDays: [2, 25],
  hasSparse,
});

const capped = (kind: FileSystem, megabytes: number, hasSparse: boolean, isShort: boolean): DiskCase => ({
  name: `${kind} of ${megabytes} MB, ${hasSparse ? 'sparse files, ' : ''}over maxTotalBytes`,
  isShort,
  run: async (directory, seed) => {
    const place = placeOn(kind, megabytes, directory, keptOnes(megabytes, seed, hasSparse));
    await place.warmUp();
    const cap = Math.floor(place.takenBytes() * 0.6);
    const limit = ['--max-total-bytes', `${cap}B`];
    // The time in the trash is kept first, and then the cap.
    await place.expectCode(['--run-now', ...limit], 0);
    place.expect(place.count('gone') === 0, 'something was destroyed before it had lain in the trash at all');
    place.expectWhole();
    await place.expectCode(['--run-now', ...limit, ...CAP_AT_ONCE], 0);
    place.expectWhole();
    expectCap(place, cap);
    const gone = place.count('gone');
    await place.expectCode(['--run-now', ...limit, ...CAP_AT_ONCE], 0);
    place.expect(place.count('gone') === gone, 'more went though the cap was held');
    return place;
  },
});

/** By the oracle's own count; no more went than that took. */
export function expectCap(place: DiskPlace, cap: number): void {
  const taken = place.takenBytes();
  place.expect(taken <= cap, `${taken} bytes are taken, over the cap of ${cap}`);
  const gone = place.others.filter((session) => place.whereIs(session) === 'gone');
  const youngestGone = Math.min(...gone.map(({ ageDays }) => ageDays));
  const olderLeft = place.others.filter((one) => one.ageDays > youngestGone && place.whereIs(one) === 'here');
  place.expect(olderLeft.length === 0, `${olderLeft.length} sessions stay that are older than one that went`);
  place.expect(taken >= cap * 0.4, `only ${taken} bytes are left, for a cap of ${cap}`);
}

const free = (megabytes: number, isShort: boolean): DiskCase => ({
  name: `tmpfs of ${megabytes} MB, with less than minFree`,
  isShort,
  run: async (directory, seed) => {
    const place = placeOn('tmpfs', megabytes, directory, keptOnes(megabytes, seed, false));
    await place.warmUp();
    const wanted = Math.min(place.freeBytes() + 0.3 * place.takenBytes(), megabytes * MB);
    const limit = ['--min-free', `${Math.floor(wanted)}B`, ...CAP_AT_ONCE];
    await place.expectCode(['--run-now', ...limit], 0);
    await place.expectCode(['--run-now', ...limit], 0);
    place.expectWhole();
    place.expect(place.freeBytes() >= wanted, `${place.freeBytes()} bytes are free, not ${wanted}`);
    place.expect(place.count('here') > place.live.length, 'all went, though less would have done');
    return place;
  },
});

const synced = (kind: FileSystem, megabytes: number, rounds: number, isShort: boolean): DiskCase => ({
  name: `${kind} of ${megabytes} MB, and a sync tool that copies back after each of ${rounds} runs`,
  isShort,
  run: async (directory, seed) => {
    const place = placeOn(kind, megabytes, directory, oldOnes(megabytes, seed));
    await place.warmUp();
    const copy = join(directory, 'copy');
    place.copyTo(copy);
    let first: number | undefined;
    for (let round = 0; round < rounds; round += 1) {
      await place.expectCode(['--run-now'], 0);
      place.expectWhole();
      place.expect(
        place.count('trashed') === place.others.length,
        `round ${round}: ${place.count('trashed')} in the trash`,
      );
      first ??= place.takenBytes();
      place.expect(
        place.takenBytes() <= first * 1.1,
        `round ${round}: the trash grows to ${place.takenBytes()} from ${first}`,
      );
      if (round < rounds - 1) place.copyBack(copy);
    }
    return place;
  },
});

export const DISK_CASES: readonly DiskCase[] = [
  full('tmpfs', 16, 'blocks', true),
  full('tmpfs', 16, 'blocks', true, true),
  full('tmpfs', 16, 'inodes', true),
  full('ext4', 16, 'blocks', true),
  full('ext4', 16, 'inodes', false),
  full('tmpfs', 256, 'blocks', false),
  full('tmpfs', 1_000, 'blocks', false),
  capped('tmpfs', 16, true, true),
  capped('ext4', 16, false, true),
  capped('ext4', 16, true, false),
  capped('tmpfs', 256, false, false),
  capped('tmpfs', 1_000, true, false),
  free(16, true),
  free(256, false),
  synced('tmpfs', 64, 3, true),
  synced('ext4', 16, 3, false),
  synced('tmpfs', 256, 6, false),
];
