import { copyFileSync, existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, it, onTestFinished } from 'vitest';
import { openDatabaseForReading, openOwnDatabase, type SqliteDatabase } from '../../src/sqlite/open.ts';
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

it('reads through a link what a host that was killed left in its journal, and changes no byte of it', () => {
  const [place, links] = [tempDir(), tempDir()];
  const host = new Database(join(place, 'bot.db'));
  host.pragma('journal_mode = WAL');
  host.exec('CREATE TABLE bot (id TEXT); INSERT INTO bot VALUES (1)');
  for (const name of ['bot.db', 'bot.db-wal']) copyFileSync(join(place, name), join(place, `killed-${name}`));
  host.close();
  symlinkSync(join(place, 'killed-bot.db'), join(links, 'bot.db'));
  const before = readFileSync(join(place, 'killed-bot.db'));
  const database = openDatabaseForReading(join(links, 'bot.db'));
  expect(database.prepare('SELECT count(*) FROM bot').pluck().get()).toBe(1);
  database.close();
  expect(readFileSync(join(place, 'killed-bot.db'))).toEqual(before);
  expect(existsSync(join(place, 'killed-bot.db-wal'))).toBe(true);
});
