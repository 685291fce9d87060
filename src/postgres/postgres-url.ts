/** Reads a PostgreSQL URL as libpq does, its TLS settings included, and gives it a name that shows no password. */

import { readFileSync } from 'node:fs';
import { ConfigError, errorMessage } from '../errors.ts';

/** How the connection is secured. */
export type PostgresTls = false | 'prefer' | 'require' | PostgresTlsOptions;

export interface PostgresTlsOptions {
  /** Whether the server's certificate has to lead to a root that is trusted. */
  readonly isVerified: boolean;
  /** Whether it has to name the host. */
  readonly isNameChecked: boolean;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface PostgresTarget {
  /** `postgres://USER@HOST:PORT/DATABASE`: for messages. */
  readonly displayName: string;
  /** A name or an address; with a slash, the directory of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly tls: PostgresTls;
  /** The server is told these at the start: `application_name`, `search_path`, `options`. */
  readonly startParameters: Readonly<Record<string, string>>;
}

const PROTOCOLS = ['postgres:', 'postgresql:'];
const PORT = 5432;
const TLS_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'];
const TLS_PARAMETERS = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey'];
const PLACE_PARAMETERS = ['host', 'port', 'user', 'password', 'dbname'];
/** These are libpq's, and of no use here: the driver has its own ways, or none. */
const PASSED_OVER = ['channel_binding', 'gssencmode', 'sslnegotiation', 'connect_timeout', 'target_session_attrs'];

/** @returns what is wrong with it, one phrase each, none of which shows the URL; it may hold a password */
export function postgresUrlFaults(url: unknown): readonly string[] {
  try {
    readParts(url);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

/** @throws ConfigError naming all that is wrong with it, and never its password */
export function parsePostgresUrl(url: string): PostgresTarget {
  const { parameters, ...place } = readParts(url);
  const isLocal = place.host.startsWith('/');
  return {
    ...place,
    displayName: displayNameOf(place),
    tls: isLocal ? false : tlsOf(parameters),
    startParameters: Object.fromEntries([...parameters].filter(([name]) => isForServer(name))),
  };
}

/** As it would stand in the configuration, but for the password. @param url one without faults */
export function shownPostgresUrl(url: string): string {
  const { parameters, ...place } = readParts(url);
  const others = new URLSearchParams([...parameters].filter(([name]) => !PLACE_PARAMETERS.includes(name)));
  return others.size === 0 ? displayNameOf(place) : `${displayNameOf(place)}?${others}`;
}

function readParts(given: unknown) {
  const url = typeof given === 'string' ? toUrl(given) : undefined;
  if (url === undefined || !PROTOCOLS.includes(url.protocol)) {
    throw new ConfigError(['expected a URL such as postgres://user:password@host:5432/database']);
  }
  const parameters = url.searchParams;
  const user = parameters.get('user') ?? decoded(url.username);
  const place = {
    host: parameters.get('host') ?? (decoded(url.hostname).replace(/^\[(.*)\]$/, '$1') || 'localhost'),
    port: Number(parameters.get('port') ?? (url.port || PORT)),
    user,
    password: parameters.get('password') ?? decoded(url.password),
    database: parameters.get('dbname') ?? (decoded(url.pathname.slice(1)) || user),
  };
  const mode = parameters.get('sslmode') ?? 'prefer';
  const faults = [
    ...(place.user === '' ? ['the URL names no user'] : []),
    ...(Number.isInteger(place.port) && place.port > 0 && place.port < 65_536 ? [] : ['its port is none']),
    ...(place.host.includes(',') ? ['more than one host: expected one'] : []),
    ...(TLS_MODES.includes(mode) ? [] : [`sslmode: expected one of ${TLS_MODES.join(', ')}`]),
  ];
  if (faults.length > 0) throw new ConfigError(faults);
  return { ...place, parameters };
}

/** `postgres://user@/database?host=/run/postgresql` is right for libpq; a user of no host is no URL for Node. */
function toUrl(text: string): URL | undefined {
  const named = text.replace(/^([a-z]+:\/\/(?:[^/?#]*@)?)(?=[/?#]|$)/, '$1localhost');
  return URL.canParse(named) ? new URL(named) : undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConfigError(['a character of the URL is not encoded']);
  }
}

function displayNameOf({
  user,
  host,
  port,
  database,
}: Omit<PostgresTarget, 'displayName' | 'tls' | 'startParameters'>) {
  const at = host.includes(':') ? `[${host}]` : host;
  return `postgres://${user}@${at}:${port}/${database}`;
}

function isForServer(name: string): boolean {
  return ![...TLS_PARAMETERS, ...PLACE_PARAMETERS, ...PASSED_OVER].includes(name);
}

/** As libpq: a root certificate makes `require` look at the server's. */
function tlsOf(parameters: URLSearchParams): PostgresTls {
  const mode = parameters.get('sslmode') ?? 'prefer';
  const [root, cert, key] = ['sslrootcert', 'sslcert', 'sslkey'].map((name) => parameters.get(name));
  if (mode === 'disable' || mode === 'allow') return false;
  const isVerified = mode.startsWith('verify-') || (mode === 'require' && root !== null && root !== undefined);
  if (!isVerified && !cert) return mode === 'prefer' ? 'prefer' : 'require';
  const isNameChecked = mode === 'verify-full' || root === 'system';
  return {
    isVerified,
    isNameChecked,
    ...(root && root !== 'system' ? { ca: readPem('sslrootcert', root) } : {}),
    ...(cert ? { cert: readPem('sslcert', cert) } : {}),
    ...(key ? { key: readPem('sslkey', key) } : {}),
  };
}

function readPem(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError([`${name}: ${errorMessage(error)}`]);
  }
}
