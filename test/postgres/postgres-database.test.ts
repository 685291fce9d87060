import { describe, expect, it, onTestFinished } from 'vitest';
import { BusyError } from '../../src/errors.ts';
import { PostgresDatabase, type PostgresOptions } from '../../src/postgres/postgres-database.ts';
import { networkTo } from '../support/network.ts';
import { newSchema } from '../support/postgres-server.ts';

function databaseAt(url: string, options: PostgresOptions = {}) {
  const database = new PostgresDatabase('test', url, options, async () => undefined);
  onTestFinished(() => database.close());
  return database;
}

const ofKind = (kind: string) => expect.objectContaining({ kind });

describe('a PostgreSQL database', () => {
  it('does all of a transaction or nothing, and goes on with the next one', async () => {
    const { url, outside } = await newSchema();
    await outside.unsafe('CREATE TABLE t (n INTEGER PRIMARY KEY)');
    const database = databaseAt(url);
    const failing = database.transaction('fill', async (transaction) => {
      await transaction.change('INSERT INTO t VALUES (1)');
      await transaction.change('INSERT INTO t VALUES (1)');
    });
    await expect(failing).rejects.toEqual(ofKind('bad-data'));
    await database.transaction('fill', (transaction) => transaction.change('INSERT INTO t VALUES (2)'));
    expect([...(await outside.unsafe('SELECT n FROM t'))]).toEqual([{ n: 2 }]);
  });

  it('takes no transaction for done in which a statement failed that nobody minded', async () => {
    const { url, outside } = await newSchema();
    await outside.unsafe('CREATE TABLE t (n INTEGER PRIMARY KEY)');
    const unminded = databaseAt(url).transaction('fill', async (transaction) => {
      await transaction.change('INSERT INTO t VALUES (1)');
      await transaction.change('INSERT INTO nowhere VALUES (1)').catch(() => undefined);
    });
    await expect(unminded).rejects.toEqual(ofKind('config'));
    expect([...(await outside.unsafe('SELECT n FROM t'))]).toEqual([]);
  });

  it('runs more calls than it has connections, each in a transaction of its own', async () => {
    const { url, outside } = await newSchema();
    await outside.unsafe('CREATE TABLE t (n INTEGER)');
    const database = databaseAt(url, { maxConnections: 3, prepare: false });
    const numbers = Array.from({ length: 40 }, (_, number) => number);
    const filled = numbers.map((number) =>
      database.transaction('fill', async (transaction) => {
        await transaction.change('INSERT INTO t VALUES ($1)', number);
        if (number % 2 === 1) throw new Error('not this one');
      }),
    );
    const outcomes = await Promise.allSettled(filled);
    expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual(numbers.map((number) => number % 2 === 0));
    const rows = await outside.unsafe<{ n: number }[]>('SELECT n FROM t ORDER BY n');
    expect(rows.map(({ n }) => n)).toEqual(numbers.filter((number) => number % 2 === 0));
  });

  it('waits for another’s lock no longer than it was told', async () => {
    const { url, outside } = await newSchema();
    await outside.unsafe('CREATE TABLE t (n INTEGER)');
    await outside.unsafe('BEGIN; LOCK TABLE t');
    const database = databaseAt(url, { lockTimeoutMs: 20 });
    const fill = () => database.transaction('fill', (transaction) => transaction.change('INSERT INTO t VALUES (1)'));
    await expect(fill()).rejects.toBeInstanceOf(BusyError);
    await outside.unsafe('ROLLBACK');
    expect(await fill()).toBe(1);
  });

  it('says of a server that is not there, a database that is not there, and a table that is not there what it is', async () => {
    const { url } = await newSchema();
    const nowhere = databaseAt('postgres://postgres@127.0.0.1:1/postgres');
    await expect(nowhere.reading('read', (one) => one.rows('SELECT 1'))).rejects.toEqual(ofKind('unavailable'));
    const none = databaseAt(url.replace(/\/t\d+\?/, '/none?'));
    await expect(none.reading('read', (one) => one.rows('SELECT 1'))).rejects.toEqual(ofKind('unavailable'));
    await expect(databaseAt(url).reading('read', (one) => one.rows('SELECT * FROM none'))).rejects.toEqual(
      ofKind('config'),
    );
  });

  it('does nothing more in a transaction whose connection was lost, and connects anew for the next', async () => {
    const { url, outside } = await newSchema();
    await outside.unsafe('CREATE TABLE t (n INTEGER)');
    const network = await networkTo(url);
    const database = databaseAt(network.url, { maxConnections: 1 });
    const lost = database.transaction('fill', async (transaction) => {
      await transaction.change('INSERT INTO t VALUES (1)');
      network.drop();
      await transaction.change('INSERT INTO t VALUES (2)').catch(() => undefined);
      await transaction.change('INSERT INTO t VALUES (3)').catch(() => undefined);
    });
    await expect(lost).rejects.toEqual(ofKind('unavailable'));
    expect([...(await outside.unsafe('SELECT n FROM t'))]).toEqual([]);
    expect(await database.transaction('fill', (one) => one.change('INSERT INTO t VALUES (4)'))).toBe(1);
  });

  it('lives through connections that the server ends, between two calls and in one', async () => {
    const { url, outside } = await newSchema();
    const database = databaseAt(url, { maxConnections: 1 });
    const endAll = () => {
      return outside.unsafe(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
      );
    };
    const ask = () => database.reading('read', (one) => one.rows('SELECT 1 AS one'));
    await ask();
    await endAll();
    await ask().catch(() => undefined);
    expect(await ask()).toEqual([{ one: 1 }]);
    const ended = database.transaction('read', async (transaction) => {
      await endAll();
      return transaction.rows('SELECT 1 AS one');
    });
    await expect(ended).rejects.toEqual(ofKind('unavailable'));
    expect(await ask()).toEqual([{ one: 1 }]);
  });

  it('waits for no server that has fallen silent, before, in and after a call', async () => {
    const { url } = await newSchema();
    const network = await networkTo(url);
    const database = databaseAt(network.url, { statementTimeoutMs: 50, graceMs: 50, connectTimeoutMs: 1_000 });
    const ask = () => database.reading('read', (one) => one.rows('SELECT 1 AS one'));
    network.setSilent(true);
    await expect(ask()).rejects.toThrow(/no answer within 100 ms/);
    network.setSilent(false);
    expect(await ask()).toEqual([{ one: 1 }]);
    const silenced = database.transaction('read', async (transaction) => {
      network.setSilent(true);
      return transaction.rows('SELECT 1 AS one');
    });
    await expect(silenced).rejects.toEqual(ofKind('unavailable'));
    await database.close();
  });

  it('says what to do where a pooler gives it the connection of another, who has prepared other statements', async () => {
    const { url } = await newSchema();
    const database = databaseAt(url, { maxConnections: 1 });
    const ask = (value: number) => database.reading('read', (one) => one.rows('SELECT $1::int AS value', value));
    expect(await ask(1)).toEqual([{ value: 1 }]);
    await database.reading('read', (one) => one.rows('DEALLOCATE ALL'));
    await expect(ask(2)).rejects.toThrow(/prepare: false/);
  });

  it('takes limits as short and as long as there are', async () => {
    const { url } = await newSchema();
    for (const ms of [0.1, 1e300]) {
      const database = databaseAt(url, { lockTimeoutMs: ms, graceMs: 1e300 });
      const shown = await database.reading('read', (one) => one.rows('SHOW lock_timeout'));
      expect(shown).toEqual([{ lock_timeout: ms < 1 ? '1ms' : '2147483647ms' }]);
    }
  });

  it('does without TLS where the server has none, and does not where it is required', async () => {
    const network = await networkTo((await newSchema()).url);
    const ask = (mode: string) => {
      const database = databaseAt(network.url.replace('sslmode=disable', `sslmode=${mode}`));
      return database.reading('read', (one) => one.rows('SELECT 1 AS one'));
    };
    expect(await ask('prefer')).toEqual([{ one: 1 }]);
    for (const mode of ['require', 'verify-full']) await expect(ask(mode)).rejects.toEqual(ofKind('unavailable'));
  });

  it('is done with what was asked when it is closed, and refuses what comes later', async () => {
    const { url } = await newSchema();
    const database = databaseAt(url);
    const asked = database.reading('read', (one) => one.rows('SELECT 1 AS one'));
    await database.close();
    expect(await asked).toEqual([{ one: 1 }]);
    await expect(database.reading('read', (one) => one.rows('SELECT 1'))).rejects.toEqual(ofKind('usage'));
    await database.close();
  });

  it('sets itself up once, and tries again where that failed', async () => {
    const { url } = await newSchema();
    let setUps = 0;
    const database = new PostgresDatabase('test', url, {}, async (transaction) => {
      setUps += 1;
      await transaction.change(setUps === 1 ? 'SELECT * FROM nowhere' : 'CREATE TABLE t (n INTEGER)');
    });
    onTestFinished(() => database.close());
    const ask = () => database.reading('read', (one) => one.rows('SELECT * FROM t'));
    await expect(Promise.all([ask(), ask()])).rejects.toEqual(ofKind('config'));
    expect(await Promise.all([ask(), ask(), ask()])).toEqual([[], [], []]);
    expect(setUps).toBe(2);
  });
});
