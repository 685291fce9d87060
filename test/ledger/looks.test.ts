import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Ledger } from '../../src/ledger/ledger.ts';
import type { RunRecord } from '../../src/ledger/runs.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS } from '../support/tree.ts';
import { NOW } from '../support/units.ts';

function ledgerIn(stateDir: string): Ledger {
  const ledger = Ledger.open(stateDir);
  onTestFinished(() => ledger.close());
  return ledger;
}

function runOf(overrides: Partial<RunRecord> = {}): RunRecord {
  const times = { startedAtMs: NOW, finishedAtMs: NOW + 1_000 };
  return { job: 'prune-transcripts', outcome: 'ok', ...times, report: {}, increments: [], levels: [], ...overrides };
}

describe('what the ledger shows to whoever looks on', () => {
  it('keeps what the last run has seen, and no more than that', () => {
    const stateDir = tempDir();
    const ledger = ledgerIn(stateDir);
    expect(ledger.looks.last('prune-transcripts')).toBeUndefined();
    ledger.recordRun(runOf({ look: { next: ['a'] } }));
    ledger.recordRun(runOf({ finishedAtMs: NOW + 5_000, look: { next: ['b'] } }));
    ledger.recordRun(runOf({ finishedAtMs: NOW + 9_000 }));
    expect(ledger.looks.last('prune-transcripts')).toEqual({ atMs: NOW + 5_000, content: { next: ['b'] } });
    const database = new Database(join(stateDir, 'ledger.db'), { readonly: true });
    onTestFinished(() => void database.close());
    expect(database.prepare('SELECT count(*) FROM looks').pluck().get()).toBe(1);
  });

  it('tells of the last run of a job that has looked', () => {
    const ledger = ledgerIn(tempDir());
    ledger.recordRun(runOf({ outcome: 'held', report: { held: [{ guard: 'clock', message: 'm' }] } }));
    ledger.recordRun(runOf({ startedAtMs: NOW + 10, outcome: 'skipped', report: {} }));
    expect(ledger.looks.lastReport('prune-transcripts')).toMatchObject({
      outcome: 'held',
      report: { held: [{ guard: 'clock' }] },
    });
    expect(ledger.looks.lastReport('purge-trash')).toBeUndefined();
  });

  it('adds up by day what went to the trash and what was destroyed', () => {
    const ledger = ledgerIn(tempDir());
    const on = (day: number, job: RunRecord['job'], report: object) => {
      const atMs = NOW + day * DAY_MS;
      ledger.recordRun(runOf({ job, report, startedAtMs: atMs, finishedAtMs: atMs + 1 }));
    };
    on(-40, 'prune-transcripts', { removed: { bytes: 1 } });
    on(-2, 'prune-transcripts', { removed: { bytes: 10 } });
    on(-2, 'remove', { removed: { bytes: 5 } });
    on(-2, 'purge-trash', { purged: { bytes: 7 } });
    on(-1, 'prune-transcripts', { removed: { bytes: 0 } });
    on(-1, 'sweep-sessions', { removed: { bytes: 99 } });
    on(0, 'purge-trash', { purged: { bytes: 3 } });
    const dayOf = (day: number) => new Date(NOW + day * DAY_MS).toISOString().slice(0, 10);
    expect(ledger.looks.days(NOW - 30 * DAY_MS)).toEqual([
      { day: dayOf(-2), removedBytes: 15, purgedBytes: 7 },
      { day: dayOf(0), removedBytes: 0, purgedBytes: 3 },
    ]);
  });
});
