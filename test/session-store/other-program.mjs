/** Another program that writes to its own table in its own way until it is told to end: `other-program.mjs FORM URL SESSIONS`. */

import { setImmediate as turn } from 'node:timers/promises';
import postgres from 'postgres';

const [form, place, count] = process.argv.slice(2);
const { pathname, searchParams } = new URL(place);
const INSERTS = {
  entries: (sql, session, entry) =>
    sql`INSERT INTO claude_session_entries (project_key, session_id, entry) VALUES ('-srv-app', ${session}, ${sql.json(entry)})`,
  python: (sql, session, entry) =>
    sql`INSERT INTO claude_session_store (project_key, session_id, subpath, entry, mtime)
        VALUES ('-srv-app', ${session}, '', ${sql.json(entry)}, ${Date.now()})`,
};
const sql = postgres({
  host: searchParams.get('host'),
  user: 'postgres',
  database: pathname.slice(1),
  max: 3,
  connection: { search_path: searchParams.get('search_path') },
});
let isOver = false;
let written = 0;
process.on('message', () => {
  isOver = true;
});

/** Transactions of several entries, of which a later one is often committed before an earlier one. */
async function write(writer) {
  for (let round = 0; !isOver; round += 1) {
    const number = (round * 7 + writer) % Number(count);
    const session = `00000000-0000-4000-8000-${String(number + 1).padStart(12, '0')}`;
    await sql.begin(async (transaction) => {
      for (let entry = 0; entry < 3; entry += 1) {
        await INSERTS[form](transaction, session, { type: 'user', uuid: `${writer}-${round}-${entry}`, writer, round });
        await turn();
      }
    });
    written += 3;
    if (writer === 0 && round === 3) process.send('writing');
  }
}

await Promise.all([0, 1, 2].map(write));
await sql.end();
process.send({ written });
process.disconnect();
