import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, it, onTestFinished } from 'vitest';
import { openOwnDatabase, type SqliteDatabase } from '../../src/sqlite/open.ts';
import { tempDir } from '../support/temp-dir.ts';

it('gives a new database its name only where all that was written to it is in the file', () => {
  const path = join(tempDir(), 'own.db');
  const keepFromBeingWrittenBack = (fresh: SqliteDatabase) => {
    fresh.exec('CREATE TABLE kept (id INTEGER)');
    fresh.pragma('busy_timeout = 1');
    const reader = new Database(fresh.name);
    onTestFinished(() => void reader.close());
    reader.exec('BEGIN; SELECT * FROM kept');
  };
  expect(() => openOwnDatabase(path, keepFromBeingWrittenBack)).toThrow(
    expect.objectContaining({ kind: 'unavailable' }),
  );
  expect(existsSync(path)).toBe(false);
  expect(readdirSync(dirname(path))).toEqual([]);

  const opened = openOwnDatabase(path, (fresh) => fresh.exec('CREATE TABLE kept (id INTEGER)'));
  onTestFinished(() => void opened.close());
  expect(opened.prepare('SELECT count(*) FROM kept').pluck().get()).toBe(0);
});
