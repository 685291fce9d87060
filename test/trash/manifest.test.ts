import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { partPath } from '../../src/claude-dir/unit.ts';
import { fixedName } from '../../src/files/byte-name.ts';
import { openClaudeDir, openTrash } from '../support/opened.ts';
import { sessionIdOf } from '../support/tree.ts';
import { NOW } from '../support/units.ts';
import { COMPANIONS, ID, LATER, ofSession, TRANSCRIPT, TrashPlace } from './trash-place.ts';

describe('The manifest of a trash folder', () => {
  it('tells all that a person asks of a session to a program that knows nothing but the directory', () => {
    const place = new TrashPlace();
    const { files, bytes, diskBytes, newestMtimeMs } = place.unit();
    place.take();
    const { sessions, unreadableFolders } = openTrash(openClaudeDir(place.claudeDir)).contents();
    expect(unreadableFolders).toEqual([]);
    expect(sessions).toEqual([
      {
        sessionId: ID,
        state: 'trashed',
        reason: 'expired',
        project: '-srv-app',
        files,
        bytes,
        diskBytes,
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
      // One that was cut off in its first line is removed with its folder.
      mkdirSync(dirname(manifest), { recursive: true });
      writeFileSync(manifest, text.slice(0, length));
      expect(place.trash.reconcile(LATER).unreadableFolders).toEqual([]);
      expect(place.listed()).toEqual([]);
    }
    expect(place.files()).toEqual(before);
  });

  it('takes the next event after half a line', () => {
    const place = new TrashPlace();
    place.take();
    const run = fixedName(place.onlyRun());
    const manifest = place.manifest(run);
    appendFileSync(manifest, '{"type":"inten');
    const purge = place.openForPurge();
    purge.mark(purge.find(place.entries(ID)), [], LATER);
    expect(place.listed()).toEqual([{ sessionId: ID, state: 'purging' }]);
  });

  /** The folder of one intended session, whose manifest holds `line` beside what this release writes. */
  function withLine(line: string | ((intent: Record<string, unknown>) => object)) {
    const place = new TrashPlace();
    const manifest = place.manifest(place.intend());
    const [intent = ''] = readFileSync(manifest, 'utf8').split('\n').slice(1);
    const text = typeof line === 'string' ? line : JSON.stringify(line(JSON.parse(intent)));
    appendFileSync(manifest, `${text}\n`);
    return { place, manifest };
  }

  it.each([
    ['parts above the Claude directory', [{ directory: ['..', '..', '..'], name: 'projects', kind: 'directory' }]],
    ['a part called ..', [{ directory: ['projects'], name: '..', kind: 'directory' }]],
    ['a part outside', [{ directory: ['/etc'], name: 'passwd', kind: 'file' }]],
    ['a part at the top', [{ directory: [], name: 'projects', kind: 'directory' }]],
    ['a part with a NUL in its name', [{ directory: ['projects'], name: 'a\0b', kind: 'file' }]],
    ['parts that are no list', 'all'],
  ])('is left alone, with its folder, where it names %s', (_, parts) => {
    const { place } = withLine((intent) => ({ ...intent, parts }));
    expect(place.trash.contents()).toEqual({ sessions: [], unreadableFolders: [expect.anything()] });
  });

  it.each([
    ['an object where a time belongs', (intent: object) => ({ ...intent, at: {} })],
    ['the year 275760', (intent: object) => ({ ...intent, at: '+275760-09-13T00:00:00.000Z' })],
    ['no bytes', (intent: object) => ({ ...intent, bytes: undefined })],
    ['bytes below zero', (intent: object) => ({ ...intent, bytes: -1 })],
    ['files as text', (intent: object) => ({ ...intent, files: '3' })],
    ['no reason', (intent: object) => ({ ...intent, reason: undefined })],
    ['a time of use that is none', (intent: object) => ({ ...intent, newestMtimeMs: null })],
    ['an id that is none', (intent: object) => ({ ...intent, sessionId: 'x' })],
    ['an event of a later release', (intent: object) => ({ ...intent, type: 'compressed' })],
    ['a later format', () => ({ type: 'run', format: 2, startedAt: '2026-11-21T04:17:00.000Z' })],
    ['a number for a line', () => 7 as unknown as object],
  ])('that holds %s says so, and nothing of its folder is believed', (_, line) => {
    const { place } = withLine(line);
    const { sessions, unreadableFolders } = place.trash.contents();
    expect(sessions).toEqual([]);
    expect(unreadableFolders).toEqual([{ run: place.onlyRun(), code: expect.stringContaining('not understood') }]);
  });

  it('is not read on and on where it has a line without an end', () => {
    const { place, manifest } = withLine('');
    const fd = openSync(manifest, 'a');
    for (let piece = 0; piece < 20; piece += 1) writeSync(fd, Buffer.alloc(1 << 20, 'x'));
    closeSync(fd);
    truncateSync(manifest, 600 * 2 ** 20);
    expect(place.trash.contents().unreadableFolders).toEqual([
      { run: place.onlyRun(), code: expect.stringContaining('a line without an end') },
    ]);
  });
});
