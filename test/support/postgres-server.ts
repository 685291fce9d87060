/** PostgreSQL for a test file: a database of its own on the server of all, and schemas in it, each with a clock of its own. */

import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import postgres from 'postgres';
import { inject, onTestFinished } from 'vitest';

interface Database {
  /** Of the server's socket. */
  readonly directory: string;
  readonly name: string;
}

export interface SchemaClock {
  /** Sets the clock that the database tells to whoever is in the schema; Unix epoch milliseconds. */
  setClock(nowMs: number): void;
}

let database: Promise<Database> | undefined;
let schemas = 0;

/**
 * The URL of a new, empty schema, and a connection to it that goes another way than what is tested.
 * @param atTheEnd when that is closed
 */
export async function newSchema(atTheEnd: (act: () => Promise<void>) => void = onTestFinished) {
  database ??= newDatabase();
  const { directory, name } = await database;
  const schema = `s${schemas}`;
  schemas += 1;
  // What stands before the server's own functions takes their place: the clock is the test's.
  const url = `postgres://postgres@localhost/${name}?host=${directory}&search_path=${schema},pg_catalog`;
  const outside = postgres(optionsOf(url));
  atTheEnd(() => outside.end());
  const clock = join(directory, `clock-${name}-${schema}`);
  const setClock = (nowMs: number) => writeFileSync(clock, String(nowMs));
  setClock(Date.now());
  await outside.unsafe(
    `CREATE SCHEMA ${schema};
     CREATE FUNCTION ${schema}.clock_timestamp() RETURNS timestamptz VOLATILE LANGUAGE sql
     AS $$ SELECT to_timestamp(trim(pg_read_file('${clock}'))::numeric / 1000) $$`,
  );
  const server: SchemaClock = { setClock };
  return { url, outside, server };
}

async function newDatabase(): Promise<Database> {
  const answer = await text(connect(inject('postgresStarter')));
  const { directory, fault } = JSON.parse(answer) as { readonly directory: string; readonly fault?: string };
  if (fault !== undefined) throw new Error(`PostgreSQL does not start: ${fault}`);
  const name = `t${process.pid}${Date.now()}`;
  const admin = postgres(optionsOf(`postgres://postgres@localhost/postgres?host=${directory}`));
  await admin.unsafe(`CREATE DATABASE ${name}`);
  await admin.end();
  return { directory, name };
}

/** The driver does not read the directory of a socket from a URL by itself. */
function optionsOf(url: string): postgres.Options<{ bigint: postgres.PostgresType<number> }> {
  const { pathname, searchParams } = new URL(url);
  const path = searchParams.get('search_path');
  return {
    host: searchParams.get('host') ?? '',
    user: 'postgres',
    database: pathname.slice(1),
    max: 1,
    onnotice: () => undefined,
    connection: path === null ? {} : { search_path: path },
    types: { bigint: { to: 20, from: [20], serialize: String, parse: Number } },
  };
}
