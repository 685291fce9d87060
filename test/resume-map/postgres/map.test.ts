import { afterAll } from 'vitest';
import { describeResumeMapContract, type MapOptions } from '../../contract/resume-map.ts';
import { followClock, mapAt, put, storedRows } from '../../support/postgres-map.ts';
import { newSchema } from '../../support/postgres-server.ts';
import { SetClock } from '../../support/set-clock.ts';

let schema: ReturnType<typeof newSchema> | undefined;

/** One schema for all, emptied for each. */
async function emptied() {
  schema ??= newSchema(afterAll);
  const { url, outside, server } = await schema;
  const tables = await outside.unsafe<{ name: string }[]>(
    `SELECT table_name AS name FROM information_schema.tables
     WHERE table_schema = current_schema() AND table_name NOT LIKE '%versions'`,
  );
  await outside.unsafe(`SET lock_timeout = 20; ${tables.map(({ name }) => `DELETE FROM ${name};`).join('')}`);
  return { url, outside, server };
}

describeResumeMapContract('PostgreSQL', async ({ clock, maxSessionAge }: MapOptions) => {
  const { url, outside, server } = await emptied();
  if (clock instanceof SetClock) followClock(server, clock);
  const open = () => mapAt(url, maxSessionAge === undefined ? {} : { maxSessionAge });
  const map = open();
  const another = open();
  // Who is at work has its connections.
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
