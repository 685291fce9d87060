import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { partPath } from '../../src/claude-dir/unit.ts';
import { ownName } from '../../src/files/byte-name.ts';
import { foldManifest } from '../../src/trash/read-manifest.ts';
import { openClaudeDir, openTrash } from '../support/opened.ts';
import { tempDir } from '../support/temp-dir.ts';
import { sessionIdOf } from '../support/tree.ts';
import { NOW } from '../support/units.ts';
import { COMPANIONS, ID, LATER, ofSession, TRANSCRIPT, TrashPlace } from './trash-place.ts';

describe('The manifest of a trash folder', () => {
  it('tells all that a person asks of a session to a program that knows nothing but the directory', () => {
    const place = new TrashPlace();
    const { files, bytes, newestMtimeMs } = place.unit();
    place.take();
    const { sessions, unreadableRuns } = openTrash(openClaudeDir(place.path)).contents();
    expect(unreadableRuns).toEqual([]);
    expect(sessions).toEqual([
      {
        sessionId: ID,
        state: 'trashed',
        reason: 'expired',
        project: '-srv-app',
        files,
        bytes,
        newestMtimeMs,
        trashedAtMs: NOW,
        run: '20261121T041700Z',
        parts: place.trash.contents().sessions[0]?.parts,
      },
    ]);
    expect(sessions[0]?.parts.map(partPath)).toEqual([TRANSCRIPT, ...COMPANIONS]);
  });

  it('is read by any JSON reader, one line an event, and is private', () => {
    const place = new TrashPlace();
    place.take();
    const lines = readFileSync(place.manifest(place.onlyRun()), 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).type)).toEqual(['run', 'intent', 'trashed']);
    expect(statSync(place.manifest(place.onlyRun())).mode & 0o777).toBe(0o600);
  });

  it('is read whatever its length, and whichever characters its chunks end in', () => {
    const place = new TrashPlace();
    const manifest = place.manifest(place.intend());
    const [, intent = ''] = readFileSync(manifest, 'utf8').split('\n');
    const lines = Array.from({ length: 3_000 }, (_, number) => {
      return JSON.stringify({
        ...JSON.parse(intent),
        sessionId: sessionIdOf(number),
        reason: 'é€𝄞'.repeat(number % 50),
      });
    });
    appendFileSync(manifest, `${lines.join('\n')}\n`);
    for (let number = 0; number < 3_000; number += 1) place.addEvent(place.onlyRun(), 'trashed', sessionIdOf(number));
    const { sessions } = place.trash.contents();
    expect(sessions).toHaveLength(3_000);
    expect(sessions.every(({ reason }) => /^(é€𝄞)*$/u.test(reason))).toBe(true);
  });

  it('tells a session for what it is through half a line at the end, wherever that is cut', () => {
    const place = new TrashPlace();
    const before = ofSession(place.files().inPlace);
    place.take();
    const manifest = place.manifest(place.onlyRun());
    const text = readFileSync(manifest, 'utf8');
    const lastLine = text.trimEnd().lastIndexOf('\n') + 1;
    for (let length = lastLine; length < text.length; length += 1) {
      writeFileSync(manifest, text.slice(0, length));
      place.trash.reconcile(LATER);
      expect(place.files().inTrash).toEqual(before);
      expect(place.listed()).toEqual([{ sessionId: ID, state: 'trashed' }]);
    }
  });

  it('tells of no session where not even the intent was written in full', () => {
    const place = new TrashPlace();
    const before = place.files();
    const manifest = place.manifest(place.intend());
    const text = readFileSync(manifest, 'utf8');
    for (let length = 0; length < text.length - 1; length += 3) {
      writeFileSync(manifest, text.slice(0, length));
      place.trash.reconcile(LATER);
      expect(place.listed()).toEqual([]);
    }
    expect(place.files()).toEqual(before);
  });

  it('takes the next event after half a line', () => {
    const place = new TrashPlace();
    place.take();
    const run = ownName(place.onlyRun());
    const manifest = place.manifest(run);
    appendFileSync(manifest, '{"type":"inten');
    const purge = place.openForPurge();
    purge.mark(purge.find(place.entries(ID)), [], LATER);
    expect(place.listed()).toEqual([{ sessionId: ID, state: 'purging' }]);
  });

  it('tells of no session whose parts it names by what is no path component', () => {
    const place = new TrashPlace();
    const run = place.intend();
    const manifest = place.manifest(run);
    const secret = join(tempDir(), 'secret');
    writeFileSync(secret, 'secret');
    const [intent] = readFileSync(manifest, 'utf8').split('\n').slice(1);
    for (const part of [
      { directory: ['..', '..', '..'], name: 'projects', kind: 'directory' },
      { directory: ['projects'], name: '..', kind: 'directory' },
      { directory: [dirname(secret)], name: 'secret', kind: 'file' },
      { directory: [], name: 'projects', kind: 'directory' },
      { directory: ['projects'], name: 'a\0b', kind: 'file' },
    ]) {
      const hostile = { ...JSON.parse(intent ?? ''), parts: [part] };
      expect(foldManifest(JSON.stringify(hostile))).toEqual(new Map());
    }
  });
});
