/** A host that mirrors its sessions: `append-process.mjs ENGINE PLACE WRITER BATCHES`. */

import { once } from 'node:events';

const ENGINES = {
  sqlite: async (path, options) => {
    const { SqliteSessionStore } = await import('../../dist/library/index.js');
    return new SqliteSessionStore(path, options);
  },
  postgres: async (url, options) => {
    const { PostgresSessionStore } = await import('../../dist/library/postgres.js');
    return new PostgresSessionStore(url, options);
  },
};

const [engine, place, writer, batches] = process.argv.slice(2);
const foldSessionSummary = (before, key, _entries, options) => {
  return { sessionId: key.sessionId, mtime: options.mtime, data: { folded: (before?.data.folded ?? 0) + 1 } };
};
const store = await ENGINES[engine](place, { foldSessionSummary });
process.send('ready');
await once(process, 'message');
const key = { projectKey: '-srv-app', sessionId: '00000000-0000-4000-8000-000000000001' };
for (let batch = 0; batch < Number(batches); batch += 1) {
  const name = `${writer}-${batch}`;
  await store.append(
    key,
    [0, 1, 2].map((number) => ({ type: 'user', uuid: `${name}-${number}`, batch: name })),
  );
}
await store.close();
process.send('done');
process.disconnect();
