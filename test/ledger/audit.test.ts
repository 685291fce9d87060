import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RemovalRecord } from '../../src/jobs/ledger-contracts.ts';
import type { AuditVerdict } from '../../src/ledger/audit.ts';
import { hashOf, NO_HASH } from '../../src/ledger/audit-entry.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, sessionIdOf } from '../support/tree.ts';
import { NOW } from '../support/units.ts';

function open(stateDir: string): Ledger {
  const ledger = Ledger.open(stateDir, {}, { by: 'hand', command: 'remove' });
  onTestFinished(() => ledger.close());
  return ledger;
}

function removalOf(number: number, removedAtMs = NOW + number): RemovalRecord {
  return {
    sessionId: sessionIdOf(number),
    claudeDir: '/home/bot/.claude',
    trashRun: '20260131T041700Z',
    project: '-srv-app',
    reason: 'max-age',
    files: 1,
    bytes: 100,
    newestMtimeMs: NOW,
    removedAtMs,
  };
}

function removals(count: number, from = 1): RemovalRecord[] {
  return Array.from({ length: count }, (_, index) => removalOf(from + index));
}

/** As somebody does who has the file and any other program. */
function tamper(stateDir: string, ...statements: readonly string[]): void {
  const database = new Database(join(stateDir, 'ledger.db'));
  for (const sql of statements) database.exec(sql);
  database.close();
}

function verify(stateDir: string): AuditVerdict {
  const ledger = Ledger.openForReading(stateDir);
  try {
    return ledger?.audit.verify() ?? { isWhole: true, entries: 0, firstNumber: 1, head: undefined };
  } finally {
    ledger?.close();
  }
}

function entriesOf(ledger: Ledger) {
  return [...ledger.audit.pages()].flat();
}

describe('the audit', () => {
  it('says of a removal what went whence, when and why, and who did it on which host by which command', () => {
    const ledger = open(tempDir());
    ledger.recordRemovals([removalOf(7)]);
    expect(entriesOf(ledger)).toMatchObject([
      {
        number: 1,
        what: 'removed',
        atMs: NOW + 7,
        subject: sessionIdOf(7),
        place: '/home/bot/.claude',
        run: '20260131T041700Z',
        reason: 'max-age',
        bytes: 100,
        actor: {
          by: 'hand',
          command: 'remove',
          uid: process.getuid?.(),
          host: expect.stringMatching(/./),
          user: expect.anything(),
          version: expect.stringMatching(/^\d+\./),
        },
      },
    ]);
  });

  it('says once what is recorded again: a killed run’s removals are found anew in the trash', () => {
    const ledger = open(tempDir());
    ledger.recordRemovals(removals(3));
    ledger.recordRemovals(removals(4));
    expect(entriesOf(ledger).map(({ subject }) => subject)).toEqual([1, 2, 3, 4].map(sessionIdOf));
  });

  it('tells of purges, held runs, runs that somebody let go on, and rows on all their ways', () => {
    const ledger = open(tempDir());
    ledger.recordPurges('/home/bot/.claude', [{ sessionId: removalOf(1).sessionId, bytes: 5 }], NOW);
    const run = { startedAtMs: NOW, finishedAtMs: NOW, report: {}, increments: [], levels: [] };
    const held = [{ guard: 'clock', message: 'it has jumped' }] as const;
    ledger.recordRun({ ...run, job: 'prune-transcripts', outcome: 'held', held });
    ledger.recordRun({ ...run, job: 'sweep-sessions', outcome: 'ok', isAllowed: true });
    const row = { key: 'a:b:c:1', sessionId: sessionIdOf(1), lastUsedAtMs: 1, reason: 'stale', sweptAtMs: NOW };
    const swept = { map: '/state/sessions.db', runAtMs: NOW };
    const [stayed = 0, restored = 0] = ledger.sweptRows.recordSwept(
      swept,
      ['1', '2', '3'].map((content) => ({ ...row, key: `key ${content}`, content })),
    );
    ledger.sweptRows.forgetSwept([stayed]);
    ledger.sweptRows.noteRestored(restored, NOW + 1);
    ledger.sweptRows.purgeSwept(swept, NOW + 2);
    expect(entriesOf(ledger).map(({ what, subject }) => `${what} ${subject}`)).toEqual([
      `purged ${sessionIdOf(1)}`,
      'held prune-transcripts',
      'allowed sweep-sessions',
      'row-swept key 1',
      'row-swept key 2',
      'row-swept key 3',
      'row-stayed key 1',
      'row-restored key 2',
      'rows-purged 1 rows',
    ]);
    expect(ledger.audit.verify()).toMatchObject({ isWhole: true, entries: 9 });
  });

  it.each<{ what: string; sql: readonly string[]; number: number }>([
    { what: 'changed', sql: [`UPDATE audit SET reason = 'asked' WHERE number = 40`], number: 40 },
    { what: 'given another place', sql: [`UPDATE audit SET place = '/elsewhere' WHERE number = 40`], number: 40 },
    { what: 'given another time', sql: ['UPDATE audit SET at = at + 1 WHERE number = 40'], number: 40 },
    { what: 'given another hash', sql: [`UPDATE audit SET hash = zeroblob(32) WHERE number = 40`], number: 40 },
    {
      what: 'said to be of somebody else',
      sql: [`UPDATE actors SET actor = replace(actor, 'hand', 'schedule')`],
      number: 1,
    },
    { what: 'left with nobody', sql: ['DELETE FROM actors'], number: 1 },
    { what: 'taken out', sql: ['DELETE FROM audit WHERE number = 40'], number: 40 },
    {
      what: 'taken out, and the gap closed',
      sql: ['DELETE FROM audit WHERE number = 40', 'UPDATE audit SET number = number - 1 WHERE number > 40'],
      number: 40,
    },
    { what: 'the first', sql: ['DELETE FROM audit WHERE number = 1'], number: 1 },
    { what: 'the last', sql: ['DELETE FROM audit WHERE number = 100'], number: 100 },
    { what: 'all', sql: ['DELETE FROM audit'], number: 1 },
    {
      what: 'put in at the end',
      sql: [
        `INSERT INTO audit SELECT 101, at, what, subject, place, run, reason, bytes, actor, hash FROM audit WHERE number = 100`,
      ],
      number: 101,
    },
    {
      what: 'put in between',
      sql: [
        'UPDATE audit SET number = -number - 1 WHERE number > 40',
        'UPDATE audit SET number = -number WHERE number < 0',
        `INSERT INTO audit SELECT 41, at, what, subject, place, run, reason, bytes, actor, hash FROM audit WHERE number = 40`,
      ],
      number: 41,
    },
    {
      what: 'moved',
      sql: [
        'UPDATE audit SET number = -1 WHERE number = 40',
        'UPDATE audit SET number = 40 WHERE number = 41',
        'UPDATE audit SET number = 41 WHERE number = -1',
      ],
      number: 40,
    },
    { what: 'whose ends are taken out', sql: ['DELETE FROM audit_ends'], number: 100 },
  ])('shows an entry that was $what, also after others have been written', ({ sql, number }) => {
    const stateDir = tempDir();
    const ledger = open(stateDir);
    ledger.recordRemovals(removals(60));
    ledger.recordRemovals(removals(40, 61));
    expect(verify(stateDir)).toMatchObject({ isWhole: true, entries: 100 });
    tamper(stateDir, ...sql);
    expect(verify(stateDir)).toMatchObject({ isWhole: false, number });
    ledger.recordRemovals(removals(3, 500));
    expect(verify(stateDir)).toMatchObject({ isWhole: false });
    expect(
      entriesOf(ledger)
        .slice(-3)
        .map(({ subject }) => subject),
    ).toEqual([500, 501, 502].map(sessionIdOf));
  });

  it('can be computed anew from what is exported, without this program', () => {
    const ledger = open(tempDir());
    ledger.recordRemovals(removals(3));
    let before = NO_HASH;
    for (const { number, actor, hash, ...event } of entriesOf(ledger)) {
      expect(hashOf(before, number, event, JSON.stringify(actor))).toBe(hash);
      before = hash;
    }
    expect(ledger.audit.verify()).toMatchObject({ isWhole: true, head: before });
    expect(ledger.audit.has(before)).toBe(true);
    expect(ledger.audit.has(NO_HASH.replaceAll('0', 'a'))).toBe(false);
  });

  it('fits with text that is no text: halves of characters, and zeros', () => {
    const stateDir = tempDir();
    const row = { sessionId: '', lastUsedAtMs: undefined, reason: 'stale\0', content: 'x', sweptAtMs: NOW + 0.5 };
    const swept = { map: '/state/\ud800.db', runAtMs: NOW };
    open(stateDir).sweptRows.recordSwept(swept, [{ ...row, key: 'a\0b\udc00c\n' }]);
    expect(verify(stateDir)).toMatchObject({ isWhole: true, entries: 1 });
  });

  it('still fits when the oldest entries are forgotten, which no clock in doubt has done, and shows what was taken out before that', () => {
    const stateDir = tempDir();
    const ledger = open(stateDir);
    ledger.recordRemovals(removals(20));
    ledger.recordRemovals(Array.from({ length: 5 }, (_, index) => removalOf(100 + index, NOW + 500 * DAY_MS)));
    const run = { job: 'prune-transcripts', outcome: 'ok', report: {}, increments: [], levels: [] } as const;
    const late = { startedAtMs: NOW + 500 * DAY_MS, finishedAtMs: NOW + 500 * DAY_MS };
    ledger.recordRun({ ...run, ...late, outcome: 'held' });
    ledger.recordRun({ ...run, ...late, job: 'purge-trash' });
    expect(entriesOf(ledger)).toHaveLength(25);
    ledger.recordRun({ ...run, startedAtMs: NOW + 500 * DAY_MS, finishedAtMs: NOW + 500 * DAY_MS });
    expect(entriesOf(ledger).map(({ number }) => number)).toEqual([21, 22, 23, 24, 25]);
    expect(verify(stateDir)).toMatchObject({ isWhole: true, entries: 5, firstNumber: 21 });
    tamper(stateDir, 'DELETE FROM audit WHERE number = 21');
    expect(verify(stateDir)).toMatchObject({ isWhole: false, number: 21 });
  });

  it('is one chain of all who write at the same time', async () => {
    const stateDir = tempDir();
    open(stateDir);
    const script = fileURLToPath(new URL('./audit-process.mjs', import.meta.url));
    const writer = (name: number) => promisify(execFile)(process.execPath, [script, stateDir, String(name)]);
    await Promise.all([1, 2, 3, 4].map(writer));
    expect(verify(stateDir)).toMatchObject({ isWhole: true, entries: 4 * 25 * 8 });
  });

  it('is begun by a ledger of an earlier release, which is as good without it when it is only read', () => {
    const stateDir = tempDir();
    const ledger = open(stateDir);
    ledger.recordRemovals(removals(2));
    tamper(
      stateDir,
      'DROP TABLE audit',
      'DROP TABLE audit_ends',
      'DROP TABLE actors',
      'DROP TABLE looks',
      'DELETE FROM versions WHERE version >= 6',
    );
    expect(verify(stateDir)).toMatchObject({ isWhole: true, entries: 0 });
    expect(Ledger.openForReading(stateDir)?.sessionHistory.ids()).toHaveLength(2);
    open(stateDir).recordRemovals(removals(1, 10));
    expect(verify(stateDir)).toMatchObject({ isWhole: true, entries: 1 });
  });
});
