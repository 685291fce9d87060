/** The one place that loads the PostgreSQL driver: only where a URL is given, and with a socket of ours that can be cut off. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, type Socket } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { errnoError, OperatingError, operatingError } from '../errors.ts';
import type { PostgresTarget } from './postgres-url.ts';

export type SqlValue = string | number | boolean | null;
export type SqlRow = Readonly<Record<string, unknown>>;

/** One connection of the driver's. */
export interface DriverConnection {
  /** Several statements where there are no values. @returns the rows, and how many rows were changed */
  query(
    sql: string,
    values: readonly SqlValue[],
  ): Promise<{ readonly rows: readonly SqlRow[]; readonly count: number }>;
  /** Whether it was ever cut off; what was begun on it is lost then. */
  isCut(): boolean;
  /** Whether it keeps the process alive. */
  keepAlive(keeps: boolean): void;
  /** Whatever waits for an answer gets an error. */
  cut(): void;
  /** Takes leave of the server, where that listens. */
  close(): Promise<void>;
}

export interface DriverOptions {
  readonly connectTimeoutMs: number;
  /** Whether statements are prepared by name, which not every pooler lets through. */
  readonly prepare: boolean;
  /** A file with the password, in place of the one in the URL; read at each connection, since it may be changed. */
  readonly passwordFile?: string | undefined;
}

/** Whole milliseconds and numbers of rows fit; the driver itself gives them as text. */
const BIGINT_AS_NUMBER = { bigint: { to: 20, from: [20], serialize: String, parse: Number } };

/** As the driver takes it, which hands it on to Node's TLS, and would have an address pass for `localhost`. */
export function driverTls({ tls, host }: Pick<PostgresTarget, 'tls' | 'host'>) {
  if (typeof tls !== 'object') return tls;
  const { isVerified, isNameChecked, ...certificates } = tls;
  return {
    ...certificates,
    rejectUnauthorized: isVerified,
    // A type of Node's in what is exported would have each host of the library install those.
    checkServerIdentity: (_: string, certificate: object): Error | undefined => {
      return isNameChecked ? checkServerIdentity(host, certificate as PeerCertificate) : undefined;
    },
  };
}

const CLOSE_MAX_S = 1;

/** @throws OperatingError `config` where the driver is not installed */
export async function newDriverConnection(target: PostgresTarget, options: DriverOptions): Promise<DriverConnection> {
  const postgres = loadDriver();
  const { user, database, startParameters } = target;
  const password = options.passwordFile === undefined ? target.password : readPassword(options.passwordFile);
  let socket: Socket | undefined;
  let isAsked = false;
  let isCut = false;
  const client = postgres({
    ...{ user, password, database, ssl: driverTls(target), host: target.host, port: target.port },
    connection: { application_name: 'claude-session-sweeper', ...startParameters },
    max: 1,
    prepare: options.prepare,
    fetch_types: false,
    // Its timer would keep the process alive.
    max_lifetime: null,
    connect_timeout: Math.ceil(options.connectTimeoutMs / 1_000),
    types: BIGINT_AS_NUMBER,
    // It writes them to the console else.
    onnotice: () => undefined,
    // The driver would connect anew by itself, and go on there with the rest of a transaction that is lost.
    ...{
      socket: async () => {
        if (isAsked) throw errnoError('ECONNRESET', 'the connection was lost');
        isAsked = true;
        socket = await openSocket(target, options.connectTimeoutMs);
        return socket;
      },
    },
    onclose: () => {
      isCut = true;
    },
  });
  return {
    query: async (sql, values) => {
      const rows = await client.unsafe(sql, [...values], { prepare: options.prepare });
      return { rows, count: rows.count };
    },
    keepAlive: (keeps) => {
      if (keeps) socket?.ref();
      else socket?.unref();
    },
    isCut: () => isCut || socket?.destroyed === true,
    cut: () => {
      isCut = true;
      socket?.destroy();
      // Nothing is left that it could wait for.
      client.end({ timeout: 0 }).catch(() => undefined);
    },
    close: async () => {
      isCut = true;
      await client.end({ timeout: CLOSE_MAX_S }).catch(() => undefined);
      socket?.destroy();
    },
  };
}

/** Not by `import()`: a program that runs from its code cache knows none. */
function loadDriver() {
  try {
    return createRequire(import.meta.url)('postgres') as typeof import('postgres');
  } catch (error) {
    throw new OperatingError('config', 'PostgreSQL is configured: run “npm install postgres” first', { cause: error });
  }
}

function readPassword(path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw operatingError('unavailable', 'read the password of a database', error);
  }
}

/** Connected; TLS comes on top of it. */
function openSocket({ host, port }: PostgresTarget, timeoutMs: number): Promise<Socket> {
  const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
  const timer = setTimeout(() => {
    socket.destroy(errnoError('ETIMEDOUT', `no answer within ${timeoutMs} ms`));
  }, timeoutMs);
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('close', () => clearTimeout(timer));
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', reject);
      // The driver names it to the server's certificate.
      resolve(Object.assign(socket, { host, port }));
    });
  });
}
