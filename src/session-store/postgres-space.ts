/** How much room a session store in PostgreSQL takes, and whether its server has what it needs to use again what a purge has freed. */

import type { PostgresTransaction } from '../postgres/postgres-database.ts';
import type { StoreTables } from './postgres-forms.ts';

export interface StoreSpace {
  /** Of the entries with their indexes, and of what stands beside them. */
  readonly bytes: number;
  /** As far as the server has counted. */
  readonly liveRows: number;
  readonly deadRows: number;
  readonly isVacuumed: boolean;
  readonly isIndexed: boolean;
  /** Of ours: the table whose rows change with each append, where it has many and leaves no room in its pages for that. */
  readonly packedTable: string | undefined;
  /** As statements name it. */
  readonly table: string;
}

const SPACE = `SELECT coalesce((SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree(class.oid)),
    pg_total_relation_size(class.oid))::bigint AS bytes, coalesce(stat.n_live_tup, 0) AS "liveRows",
  coalesce(stat.n_dead_tup, 0) AS "deadRows", coalesce(array_to_string(class.reloptions, ' '), '') AS options,
  current_setting('autovacuum') = 'on' AS "hasAutovacuum"
  FROM pg_class AS class LEFT JOIN pg_stat_all_tables AS stat ON stat.relid = class.oid WHERE class.oid = to_regclass($1::text)`;
/** With fewer, an update that finds no room costs nothing to speak of. */
const MANY_ROWS = 100_000;

interface Measured {
  readonly bytes: number;
  readonly liveRows: number;
  readonly deadRows: number;
  readonly options: string;
  readonly hasAutovacuum: boolean;
}

const NOTHING: Measured = { bytes: 0, liveRows: 0, deadRows: 0, options: '', hasAutovacuum: true };

export async function storeSpace(transaction: PostgresTransaction, tables: StoreTables): Promise<StoreSpace> {
  const measure = async (table: string): Promise<Measured> => {
    const [row] = await transaction.rows<Measured>(SPACE, table);
    return row ?? NOTHING;
  };
  const entries = await measure(tables.entries);
  const stored = tables.stored === undefined ? NOTHING : await measure(tables.stored);
  const trash = await measure(tables.trash);
  const isPacked = stored.liveRows >= MANY_ROWS && !stored.options.includes('fillfactor=');
  return {
    bytes: entries.bytes + stored.bytes + trash.bytes,
    liveRows: entries.liveRows,
    deadRows: entries.deadRows,
    isVacuumed: entries.hasAutovacuum && !/autovacuum_enabled=(false|off|0)/.test(entries.options),
    isIndexed: tables.isIndexed,
    packedTable: isPacked ? tables.stored : undefined,
    table: tables.entries,
  };
}
