/**
 * Takes what another program has stored over into a store of ours, a bounded part at a time and as often as it is asked, while that program
 * writes on: each entry keeps its number, so that none is lost, comes twice, or changes its place.
 */

import { DEFAULT_TABLES, type SharedStoreSettings } from '../config/store-settings.ts';
import { OperatingError } from '../errors.ts';
import { migratePostgres } from '../postgres/migrate.ts';
import { PostgresDatabase, type PostgresTransaction } from '../postgres/postgres-database.ts';
import { NOW_MS, textArray } from '../postgres/sql-text.ts';
import { inspectStore, quoted, type StoreTables } from './postgres-forms.ts';
import { POSTGRES_STORE_MIGRATIONS, throwIfForeign } from './postgres-schema.ts';
import { migrateTrash, trashOf } from './postgres-trash.ts';
import { ENTRIES_TABLE, STORE_VERSION_TABLE, STORED_TABLE } from './schema.ts';
import { type StoredKey, storedKeyText } from './stored-session.ts';

export interface AdoptionResult {
  /** Entries that were there, and those of them that this has taken over. */
  readonly entries: number;
  readonly copied: number;
}

export interface AdoptionOptions {
  /** The schema that our tables are in, or are made in. */
  readonly schema: string;
  readonly shouldStop?: () => boolean;
  /** Is told how many entries were looked at. */
  readonly onProgress?: (entries: number) => void;
}

/** Few enough that nobody waits for what they lock. */
const BATCH_ROWS = 1_000;
/** What is committed late has a number that has been passed; beyond so many walks its program writes faster than it can be followed. */
const WALKS_MAX = 20;
/** Ours are numbered far behind whatever its program will ever come to. */
const OWN_NUMBERS_FROM = 2 ** 50;

const LIMITS = { maxConnections: 1, prepare: false, lockTimeoutMs: 5_000, statementTimeoutMs: 60_000 };

/**
 * Nothing of the other program's table changes. May be called again, whatever became of the last time.
 * @throws OperatingError, `bad-data` where something there is not as it was taken over
 */
export async function adoptEntries(settings: SharedStoreSettings, options: AdoptionOptions): Promise<AdoptionResult> {
  const adoption = new Adoption(settings, options);
  try {
    return await adoption.run();
  } finally {
    await adoption.close();
  }
}

class Adoption {
  readonly #options: AdoptionOptions;
  readonly #settings: SharedStoreSettings;
  readonly #database: PostgresDatabase;

  constructor(settings: SharedStoreSettings, options: AdoptionOptions) {
    this.#settings = settings;
    this.#options = options;
    const { url, passwordFile } = settings;
    this.#database = new PostgresDatabase('session store', url, { ...LIMITS, passwordFile }, async () => undefined);
  }

  async run(): Promise<AdoptionResult> {
    const from = await this.#database.transaction('adopt', (transaction) => this.#prepare(transaction));
    let copied = 0;
    for (let walk = 1; ; walk += 1) {
      const { entries, added } = await this.#walk(from);
      copied += added;
      if (added === 0 || this.#isStopped()) return { entries, copied };
      if (walk === WALKS_MAX) {
        const message = `adopt from ${this.#database.name}: its program writes faster than it is followed; stop that, and adopt again`;
        throw new OperatingError('unavailable', message);
      }
    }
  }

  async close(): Promise<void> {
    await this.#database.close();
  }

  #isStopped(): boolean {
    return this.#options.shouldStop?.() === true;
  }

  /** Finds the other program's table, and makes ours. */
  async #prepare(transaction: PostgresTransaction): Promise<StoreTables> {
    const { readAs = 'sweeper', table = DEFAULT_TABLES[readAs] } = this.#settings;
    if (readAs === 'sweeper') throw new OperatingError('usage', 'adopt: the store is ours already');
    const { schema } = this.#options;
    const tables = await inspectStore(transaction, table, readAs);
    await throwIfEmptyKeys(transaction, tables);
    const [place] = await transaction.rows<{ name: string; schema: string }>(
      `SELECT format('%I.%I', nspname, relname) AS name, nspname AS schema FROM pg_class
       JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE pg_class.oid = to_regclass($1::text)`,
      tables.entries,
    );
    if (place === undefined || place.schema === schema) {
      throw new OperatingError('usage', `adopt: ${schema} is the schema of the other program; name another`);
    }
    const [there] = await transaction.rows<{ isThere: boolean }>(
      'SELECT to_regnamespace($1::text) IS NOT NULL AS "isThere"',
      quoted(schema),
    );
    if (there?.isThere !== true) await transaction.change(`CREATE SCHEMA ${quoted(schema)}`);
    await this.#useSchema(transaction);
    await throwIfForeign(transaction);
    await migratePostgres(transaction, STORE_VERSION_TABLE, POSTGRES_STORE_MIGRATIONS);
    await migrateTrash(transaction, trashOf(ENTRIES_TABLE));
    await transaction.rows(
      `SELECT setval(pg_get_serial_sequence($1::text, 'id'), $2::bigint)
       WHERE coalesce(pg_sequence_last_value(pg_get_serial_sequence($1::text, 'id')::regclass), 0) < $2::bigint`,
      ...[ENTRIES_TABLE, OWN_NUMBERS_FROM],
    );
    return { ...tables, entries: place.name };
  }

  /** Our own tables are named without their schema everywhere; another's of the same name is not to be found by it. */
  async #useSchema(transaction: PostgresTransaction): Promise<void> {
    await transaction.rows(`SELECT set_config('search_path', $1::text, true)`, quoted(this.#options.schema));
  }

  /** From the first to the last number, whatever of it was taken over before. */
  async #walk(from: StoreTables): Promise<{ readonly entries: number; readonly added: number }> {
    let [entries, added] = [0, 0];
    let after: readonly string[] = [];
    for (let isThrough = false; !isThrough && !this.#isStopped(); ) {
      const since = after;
      const batch = await this.#database.transaction('adopt', async (transaction) => {
        await this.#useSchema(transaction);
        return copyBatch(transaction, from, since);
      });
      entries += batch.entries;
      added += batch.added;
      after = batch.last;
      isThrough = batch.entries < BATCH_ROWS;
      this.#options.onProgress?.(entries);
    }
    return { entries, added };
  }
}

interface Batch {
  readonly entries: number;
  readonly added: number;
  /** Where it has come to, by the columns of the walk. */
  readonly last: readonly string[];
}

interface Given extends StoredKey {
  readonly number: string;
  readonly subpath: string;
  /** Whether ours has it as it is. */
  readonly isSame: boolean;
  readonly isThere: boolean;
}

/** By which columns an index lets a walk go on from where it was. Numbers go as text: JavaScript does not tell all of them apart. */
function walkOf({ form, order }: StoreTables): string {
  return form === 'python' ? `t.project_key, t.session_id, t.subpath, t.${order}` : `t.${order}`;
}

async function copyBatch(
  transaction: PostgresTransaction,
  from: StoreTables,
  after: readonly string[],
): Promise<Batch> {
  const { entries, order, idType, form } = from;
  const walk = walkOf(from);
  const since = form === 'python' ? `$1::text, $2::text::${idType}, $3::text, $4::text::bigint` : '$1::text::bigint';
  const given = await transaction.rows<Given>(
    `SELECT t.${order}::text AS number, t.project_key::text AS "projectKey", t.session_id::text AS "sessionId",
       coalesce(t.subpath, '') AS subpath, ours.id IS NOT NULL AS "isThere",
       coalesce(ours.project_key = t.project_key::text AND ours.session_id = t.session_id::text
         AND ours.subpath = coalesce(t.subpath, '') AND ours.entry = t.entry::text, false) AS "isSame"
     FROM ${entries} AS t LEFT JOIN ${ENTRIES_TABLE} AS ours ON ours.id = t.${order}
     WHERE ${after.length === 0 ? 'true' : `(${walk}) > (${since})`} ORDER BY ${walk}
     FETCH FIRST ${BATCH_ROWS} ROWS WITH TIES`,
    ...after,
  );
  const wrong = given.find(({ isThere, isSame }) => isThere && !isSame);
  if (wrong !== undefined) throw notAsTakenOver(wrong);
  const missing = given.filter(({ isThere }) => !isThere);
  if (missing.length > 0) await copy(transaction, from, missing);
  const end = given.at(-1);
  const { projectKey = '', sessionId = '', subpath = '', number = '' } = end ?? {};
  const last = form === 'python' ? [projectKey, sessionId, subpath, number] : [number];
  return { entries: given.length, added: missing.length, last };
}

async function copy(transaction: PostgresTransaction, from: StoreTables, missing: readonly Given[]): Promise<void> {
  const { entries, order, idType, time } = from;
  await holdWriters(transaction, missing);
  const numbers = [
    textArray(missing.map(({ projectKey }) => projectKey)),
    textArray(missing.map(({ sessionId }) => sessionId)),
    textArray(missing.map(({ number }) => number)),
  ];
  const rows = `FROM unnest($1::text::text[], $2::text::text[], $3::text::text[]) AS given (project_key, session_id, number)
    JOIN ${entries} AS t ON t.project_key = given.project_key AND t.session_id = given.session_id::${idType}
      AND t.${order} = given.number::bigint ORDER BY t.${order}`;
  const columns = `t.${order}, t.project_key::text, t.session_id::text, coalesce(t.subpath, '')`;
  const rest = `t.entry::text, coalesce(floor(${time})::bigint, ${NOW_MS})`;
  // The first of several with one uuid has it; the others are kept all the same.
  await addEntries(transaction, `SELECT ${columns}, ${uuidOf(from)}, ${rest} ${rows}`, numbers);
  await addEntries(transaction, `SELECT ${columns}, NULL, ${rest} ${rows}`, numbers);
}

function notAsTakenOver({ number, sessionId }: Given): OperatingError {
  return new OperatingError(
    'bad-data',
    `adopt: the entry ${number} of session ${sessionId} is not as it was taken over, or another has its number`,
  );
}

/** A walk would pass over rows that cannot be held against others. */
async function throwIfEmptyKeys(
  transaction: PostgresTransaction,
  { entries, form, order }: StoreTables,
): Promise<void> {
  const needed = ['project_key', 'session_id', order, ...(form === 'python' ? ['subpath'] : [])];
  const rows = await transaction.rows<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute WHERE attrelid = to_regclass($1::text) AND NOT attnotnull
     AND attname = ANY ($2::text::text[])`,
    ...[entries, textArray(needed)],
  );
  const [first] = rows;
  if (first === undefined) return;
  throw new OperatingError(
    'config',
    `adopt: the column ${first.name} of ${entries} may be empty: say that it is NOT NULL`,
  );
}

/** As whoever appends to ours does; in one order, so that no two wait for each other. What was hidden of them comes back. */
async function holdWriters(transaction: PostgresTransaction, rows: readonly Given[]): Promise<void> {
  const keys = [...new Map(rows.map((row) => [storedKeyText(row), row])).entries()].toSorted(([left], [right]) => {
    return left < right ? -1 : 1;
  });
  const arrays = [
    textArray(keys.map(([, { projectKey }]) => projectKey)),
    textArray(keys.map(([, { sessionId }]) => sessionId)),
  ];
  await transaction.rows(
    `SELECT pg_advisory_xact_lock(hashtextextended(given.project_key || chr(31) || given.session_id, 0))
     FROM unnest($1::text::text[], $2::text::text[]) AS given (project_key, session_id)`,
    ...arrays,
  );
  await transaction.change(
    `DELETE FROM ${trashOf(ENTRIES_TABLE).trash} AS trash USING unnest($1::text::text[], $2::text::text[]) AS given (project_key, session_id)
     WHERE trash.project_key = given.project_key AND trash.session_id = given.session_id`,
    ...arrays,
  );
}

/** Adds entries, and what they say of their sessions: no summary, which the SDK then makes itself. */
async function addEntries(
  transaction: PostgresTransaction,
  entries: string,
  numbers: readonly string[],
): Promise<void> {
  await transaction.change(
    `WITH added AS (
       INSERT INTO ${ENTRIES_TABLE} (id, project_key, session_id, subpath, uuid, entry, created_at) ${entries}
       ON CONFLICT DO NOTHING RETURNING project_key, session_id, subpath, created_at, octet_length(entry) AS bytes
     )
     INSERT INTO ${STORED_TABLE} AS stored (project_key, session_id, mtime, last_used_at, bytes, has_main)
     SELECT project_key, session_id, max(created_at), max(created_at), sum(bytes), bool_or(subpath = '')
     FROM added GROUP BY project_key, session_id
     ON CONFLICT (project_key, session_id) DO UPDATE SET mtime = greatest(stored.mtime + 1, excluded.mtime),
       last_used_at = greatest(stored.last_used_at, excluded.last_used_at), bytes = stored.bytes + excluded.bytes,
       has_main = stored.has_main OR excluded.has_main, summary = NULL`,
    ...numbers,
  );
}

/** As our own appends write it, where it is one that needs no escape; of any other nothing says that it comes again. */
function uuidOf({ entryType }: StoreTables): string {
  if (entryType !== 'jsonb' && entryType !== 'json') return 'NULL';
  return `CASE WHEN ${entryType}_typeof(t.entry) = 'object' AND t.entry->>'uuid' ~ '^[!#-[\\]-~]{1,128}$'
    AND ${entryType}_typeof(t.entry->'uuid') = 'string' THEN t.entry->>'uuid' END`;
}
