import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AnchoredDir } from '../../src/files/anchored-dir.ts';
import { MANIFEST_NAME } from '../../src/trash/manifest.ts';
import { bytesInNames, lineNames, NameWriter } from '../../src/trash/name-lines.ts';
import { readManifest } from '../../src/trash/read-manifest.ts';
import { tempDir } from '../support/temp-dir.ts';
import { NOW } from '../support/units.ts';
import { TrashPlace } from './trash-place.ts';

function opened(path: string): AnchoredDir {
  return AnchoredDir.open(path);
}

describe('Lines in the names of files', () => {
  it('are read as they were written, whatever the bytes, and by however many writers', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 700 }), { maxLength: 5 }), (pieces) => {
        const directory = opened(tempDir());
        for (const piece of pieces) new NameWriter(directory).write(Buffer.from(piece));
        expect(bytesInNames(lineNames(directory))).toEqual(Buffer.concat(pieces));
        directory.close();
      }),
      { numRuns: 30 },
    );
  });

  it('go on where the manifest ends, wherever that is, in the midst of a line or before the first', () => {
    const place = new TrashPlace();
    place.take();
    const manifest = place.manifest(place.onlyRun());
    const whole = readFileSync(manifest);
    const directory = opened(dirname(manifest));
    const before = readManifest(directory);
    for (const cut of [0, 1, 60, 200, whole.length - 5, whole.length]) {
      writeFileSync(manifest, whole.subarray(0, cut));
      new NameWriter(directory).write(whole.subarray(cut));
      expect(readManifest(directory)).toEqual(before);
      for (const name of lineNames(directory)) directory.unlink(name);
    }
    directory.close();
  });

  it('are as good as cut off where a kill came between two names', () => {
    const place = new TrashPlace();
    place.take();
    const manifest = place.manifest(place.onlyRun());
    const whole = readFileSync(manifest);
    const [run = '', intent = ''] = whole.toString().split('\n');
    const directory = opened(dirname(manifest));
    writeFileSync(manifest, '');
    new NameWriter(directory).write(whole);
    const states = new Set<string>();
    for (const name of [...lineNames(directory)].toReversed().slice(0, -1)) {
      directory.unlink(name);
      const length = bytesInNames(lineNames(directory)).length;
      if (length <= run.length) break;
      const entries = [...readManifest(directory).values()];
      expect(entries.map(({ state }) => state)).toEqual(length >= run.length + intent.length + 1 ? ['intended'] : []);
      for (const { state } of entries) states.add(state);
    }
    directory.close();
    expect([...states]).toEqual(['intended']);
  });

  it('go with the folder when all in it is purged', async () => {
    const place = new TrashPlace();
    place.take();
    const manifest = place.manifest(place.onlyRun());
    const whole = readFileSync(manifest);
    const directory = opened(dirname(manifest));
    writeFileSync(manifest, whole.subarray(0, 30));
    new NameWriter(directory).write(whole.subarray(30));
    directory.close();
    const folder = place.openForPurge();
    folder.mark(folder.find(folder.sessions()), [], NOW + 1);
    expect((await folder.destroy(NOW + 1)).sessions).toHaveLength(1);
    folder.close();
    expect(existsSync(dirname(manifest))).toBe(false);
  });

  it('say nothing any more where the manifest is gone, which a killed purge takes first', () => {
    const place = new TrashPlace();
    const manifest = place.manifest(place.intend());
    const directory = opened(dirname(manifest));
    new NameWriter(directory).write(Buffer.from('half a line'));
    directory.unlink(MANIFEST_NAME);
    directory.close();
    place.trash.reconcile(NOW);
    expect(existsSync(dirname(manifest))).toBe(false);
  });
});
