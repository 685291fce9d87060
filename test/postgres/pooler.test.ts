import { afterAll, onTestFinished } from 'vitest';
import { PostgresSessionStore } from '../../src/library/postgres.ts';
import { describeResumeMapContract, type MapOptions } from '../contract/resume-map.ts';
import { countingFold, describeSessionStoreContract } from '../contract/session-store.ts';
import { pooled } from '../support/pooler.ts';
import { followClock, mapAt, put, storedRows } from '../support/postgres-map.ts';
import { newSchema } from '../support/postgres-server.ts';
import { SetClock } from '../support/set-clock.ts';
import { NOW } from '../support/units.ts';

/** PgBouncer before 1.21 passes on no statement that was prepared by name. */
const OPTIONS = { prepare: false };

function onePooledSchema() {
  const endings: (() => Promise<void>)[] = [];
  const atTheEnd = (act: () => Promise<void>) => void endings.push(act);
  // Registered here: what is opened within a test would not be heard.
  afterAll(async () => {
    for (const end of endings.toReversed()) await end();
  });
  let opened: Promise<Awaited<ReturnType<typeof newSchema>> & { readonly through: string }> | undefined;
  return async () => {
    opened ??= newSchema(atTheEnd).then(async (schema) => {
      return { ...schema, through: await pooled(schema.url, atTheEnd) };
    });
    const schema = await opened;
    const tables = await schema.outside.unsafe<{ name: string }[]>(
      `SELECT table_name AS name FROM information_schema.tables
       WHERE table_schema = current_schema() AND table_name NOT LIKE '%versions'`,
    );
    await schema.outside.unsafe(`SET lock_timeout = 20; ${tables.map(({ name }) => `DELETE FROM ${name};`).join('')}`);
    return schema;
  };
}

const schemaOfMaps = onePooledSchema();

describeResumeMapContract('PostgreSQL behind a pooler', async ({ clock, maxSessionAge }: MapOptions) => {
  const { through, outside, server } = await schemaOfMaps();
  if (clock instanceof SetClock) followClock(server, clock);
  const open = () => mapAt(through, { ...OPTIONS, ...(maxSessionAge === undefined ? {} : { maxSessionAge }) });
  const map = open();
  const another = open();
  await Promise.all([map.check(), another.check()]);
  const spare = [another];
  return {
    map,
    openAgain: () => spare.pop() ?? open(),
    store: (rows) => put(outside, rows),
    stored: () => storedRows(outside),
    writeFromOutside: async (row) => {
      try {
        await put(outside, [row]);
        return true;
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === '55P03') return false;
        throw error;
      }
    },
  };
});

const schemaOfStores = onePooledSchema();

describeSessionStoreContract('PostgreSQL behind a pooler', async () => {
  const { url, through, outside, server } = await schemaOfStores();
  const open = () => {
    const store = new PostgresSessionStore(through, { ...OPTIONS, foldSessionSummary: countingFold });
    onTestFinished(() => store.close());
    return store;
  };
  const clock = new SetClock(NOW);
  followClock(server, clock);
  return {
    store: open(),
    clock,
    // Other hosts, which go past the pooler.
    programArgs: ['postgres', url],
    openAgain: open,
    damage: async () => {
      await outside.unsafe(
        `UPDATE claude_session_entries SET entry = 'not JSON'; UPDATE claude_session_stored SET summary = '{'`,
      );
    },
  };
});
